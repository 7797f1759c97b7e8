"""Expressions of tensors, elementwise: the op BlockhessMap, its wrapper and its gradient."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence

import tensorflow as tf

from ..expressions import (
    ZERO,
    Call,
    Expression,
    ProgramTooLong,
    Variable,
    differentiate,
    substitute,
    topological,
)
from ..expressions.program import MAX_INSTRUCTIONS
from ..formula.term_programs import VERSION, ScalarFunction
from .library import library

_PREFIX = f"{VERSION} | map "


@tf.autograph.experimental.do_not_convert
def map(outputs: Sequence[Expression], operands: Mapping[Variable, tf.Tensor]) -> list[tf.Tensor]:  # noqa: A001
    """Evaluates expressions elementwise, in one pass over the operands.

    Args:
      outputs: the expressions; their variables are keys of `operands`.
      operands: tensors of one floating dtype (16-bit types are computed in float32), at least
        one, whose shapes broadcast to one common shape as TensorFlow broadcasts.

    Returns:
      One tensor an expression, each of the common shape. Differentiable, to any order.

    Raises:
      ValueError: an expression reads a variable that has no operand, or there is no operand.
      InvalidArgumentError: the shapes do not broadcast.

    Examples:
      >>> x = bh.expressions.Variable("x")
      >>> bh.ops.map([x * x], {x: tf.constant([1.0, 2.0])})[0].numpy()
      array([1., 4.], dtype=float32)
    """
    if not operands:
        raise ValueError("map takes at least one operand, which gives the outputs their shape")
    return _evaluate(list(outputs), _broadcast(operands))


_Operands = dict[Variable, tf.Tensor]


def _broadcast(operands: Mapping[Variable, tf.Tensor]) -> _Operands:
    """The operands in their common shape; scalars stay scalars, which the op repeats itself."""
    tensors = {v: tf.convert_to_tensor(t) for v, t in operands.items()}
    shapes = [t.shape for t in tensors.values() if t.shape.rank != 0]
    if not shapes or all(s.is_fully_defined() and s == shapes[0] for s in shapes):
        return tensors
    common = functools.reduce(
        tf.broadcast_dynamic_shape, [tf.shape(t) for t in tensors.values() if t.shape.rank != 0]
    )
    return {v: t if t.shape.rank == 0 else tf.broadcast_to(t, common) for v, t in tensors.items()}


def _evaluate(outputs: list[Expression], operands: _Operands) -> list[tf.Tensor]:
    """The outputs, from as few programs as hold them; scalar operands are repeated."""
    carrier = next((v for v, t in operands.items() if t.shape.rank != 0), next(iter(operands)))
    read = frozenset((carrier,)).union(*(o.variables for o in outputs))
    unknown = sorted(v.name for v in read.difference(operands))
    if unknown:
        raise ValueError(f"no operand for {', '.join(unknown)}")
    inputs = [v for v in operands if v in read]
    try:
        program = _program(tuple(inputs), tuple(outputs)).text
    except ProgramTooLong:
        if len(outputs) == 1:
            return [_evaluate_in_stages(outputs[0], operands)]
        half = len(outputs) // 2
        return _evaluate(outputs[:half], operands) + _evaluate(outputs[half:], operands)
    return library.blockhess_map(
        inputs=[operands[v] for v in inputs],
        num_outputs=len(outputs),
        program=_PREFIX + program,
    )


_program = functools.lru_cache(maxsize=512)(ScalarFunction)


def _evaluate_in_stages(output: Expression, operands: _Operands) -> tf.Tensor:
    """The output by two programs: one of the first calls, one of the rest from their results."""
    calls = [n for n in topological([output]) if isinstance(n, Call)]
    size = min(MAX_INSTRUCTIONS // 4, len(calls) // 2)
    early = dict.fromkeys(calls[:size])
    read_later = {a for n in calls[size:] for a in n.arguments}
    frontier = [n for n in early if n in read_later]
    names = dict(zip(frontier, _fresh("stage", len(frontier), operands), strict=True))
    results = _evaluate(frontier, operands)
    later = {**operands, **dict(zip(names.values(), results, strict=True))}
    return _evaluate([substitute(output, names)], later)[0]


def _fresh(name: str, number: int, taken: Collection[Variable]) -> tuple[Variable, ...]:
    """So many variables of that name that are not among those that are taken."""
    while True:
        variables = tuple(Variable(f"{name}{i}") for i in range(number))
        if not any(variable in taken for variable in variables):
            return variables
        name += "_"


@tf.RegisterGradient("BlockhessMap")
def _map_gradient(op: tf.Operation, *output_bars: tf.Tensor | None) -> list[tf.Tensor | None]:
    """One more map: sum over the outputs of cotangent times derivative, for every input."""
    _, program = tf.compat.as_text(op.get_attr("program")).split(_PREFIX)
    present = tuple(i for i, bar in enumerate(output_bars) if bar is not None)
    inputs, cotangents, sums = _cotangent_sums(program, present)
    needed = [s for s in sums if s is not ZERO]
    if not needed:
        return [None] * len(inputs)
    operands = dict(zip(inputs, op.inputs, strict=True))
    operands |= {c: output_bars[i] for c, i in zip(cotangents, present, strict=True)}
    values = iter(_evaluate(needed, operands))
    return [
        None if s is ZERO else _sum_to_rank_of(t, next(values))
        for s, t in zip(sums, op.inputs, strict=True)
    ]


@functools.lru_cache(maxsize=512)
def _cotangent_sums(
    program: str, present: tuple[int, ...]
) -> tuple[tuple[Variable, ...], tuple[Variable, ...], tuple[Expression, ...]]:
    """The program's inputs, the cotangents of the outputs in `present`, and the inputs' own."""
    function = ScalarFunction.of_text(program)
    inputs, outputs = function.inputs, function.outputs
    cotangents = _fresh("cotangent", len(present), inputs)
    sums = []
    for variable in inputs:
        total: Expression = ZERO
        for cotangent, i in zip(cotangents, present, strict=True):
            total += cotangent * differentiate(outputs[i], variable)
        sums.append(total)
    return inputs, cotangents, tuple(sums)


def _sum_to_rank_of(operand: tf.Tensor, bar: tf.Tensor) -> tf.Tensor:
    """The sum of `bar` where `operand` was a repeated scalar; `bar` itself elsewhere."""
    if operand.shape.rank is not None and operand.shape.rank == bar.shape.rank:
        return bar
    return tf.reduce_sum(bar, axis=tf.range(tf.rank(bar) - tf.rank(operand)))
