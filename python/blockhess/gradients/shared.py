"""Common subexpressions of f made one tensor, so that rules see all its uses.

log(cosh(x)) is |x| + log1p(exp(-2|x|)) - log(2): that it is smooth at zero, only the sum of the
cotangents of both |x| tells.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess._tensorflow import own_gradient, replace_input
from blockhess.gradients.paths import between
from blockhess.row_graph import inlining

# Operations whose rules look at other uses of their arguments, or at the cotangents at ties.
_ASKING = frozenset({"Abs", "ComplexAbs", "Maximum", "Minimum", "Relu"})


def share(sources: Sequence[tf.Tensor], ends: Sequence[tf.Tensor]) -> None:
    """Where tensors between the sources and the ends are equal, their consumers take the first.

    Args:
      sources: tensors of one graph that count as x.
      ends: results, tensors of the same graph; they stay what they are. The operations between must
        not have been run in a session.
    """
    steps = {step.op for step in between(sources, ends)}
    if sum(op.type in _ASKING or inlining.is_call(op) for op in steps) < 2:
        return
    ended = {end.op for end in ends}
    first: dict[object, tf.Operation] = {}
    equal: dict[tf.Operation, tf.Operation] = {}
    for op in ends[0].graph.get_operations():
        equal[op] = first.setdefault((op in steps, _key(op, equal)), op)
        if equal[op] is not op and op in steps and op not in ended:
            _hand_over(op, equal[op], steps)


def _key(op: tf.Operation, equal: dict[tf.Operation, tf.Operation]) -> object:
    """A key that operations with equal results share; `equal` has the first such operation."""
    if not _is_function_of_its_inputs(op):
        return op
    attributes = sorted(
        (name, value.SerializeToString(deterministic=True))
        for name, value in op.node_def.attr.items()
        if not name.startswith("_")
    )
    inputs = tuple((equal.get(x.op, x.op), x.value_index) for x in op.inputs)
    return op.type, inputs, tuple(attributes)


def _is_function_of_its_inputs(op: tf.Operation) -> bool:
    if op.type == "ReadVariableOp":
        return all(use.type == "ReadVariableOp" for use in op.inputs[0].consumers())
    if op.op_def.is_stateful or own_gradient(op) is not None:
        return False
    return op.type == "Const" or (bool(op.inputs) and not inlining.has_custom_gradient(op))


def _hand_over(op: tf.Operation, to: tf.Operation, among: set[tf.Operation]) -> None:
    """Makes the operations `among` take from `to` what they took from `op`."""
    for mine, others in zip(op.outputs, to.outputs, strict=True):
        for consumer in mine.consumers():
            for i, taken in enumerate(consumer.inputs if consumer in among else ()):
                if taken is mine:
                    replace_input(consumer, i, others)
