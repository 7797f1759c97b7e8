"""From a result and x, tensors of one graph, to derivatives: the plan, made and carried out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from blockhess.plan import Plan, PlannedTerm
from blockhess.request import Request
from blockhess.routes import autodiff, fused
from blockhess.row_graph import Parameter, Reader, Unproven, Value

PROVED = "do not interact: proved from the graph"
UNPROVED = {
    "check": "checked by a probe in every run, for lack of a proof",
    "exact": "may interact; the blocks are exact however they do",
    "assume_independent": "assumed not to interact, for lack of a proof",
}
# Operations that a description looks through, to name a tensor as the user did.
MOVES = frozenset(
    {"EnsureShape", "Reshape", "Squeeze", "ExpandDims", "Identity", "ReadVariableOp", "Cast"}
)


class Derivatives(NamedTuple):
    """value as f gave it, or None; gradient (..., K), or None; hessian in its layout."""

    value: tf.Tensor | None
    gradient: tf.Tensor | None
    hessian: tf.Tensor


def derive(
    y: tf.Tensor, x: tf.Tensor, request: Request, reads: Sequence[tf.Tensor] = ()
) -> tuple[Derivatives, Plan]:
    """The derivatives of the sum of `y` and the plan by which they are computed.

    Args:
      y: the result of f, a scalar or one value a row, in the graph that is being built.
      x: the tensor that f took, shape (..., K).
      request: what is wanted.
      reads: further tensors that count as x (further reads of a variable).
    """
    reader = Reader(x, reads) if x.shape[-1] is not None else None
    if reader is None:
        value: Value = Unproven(y, f"the last axis of x is not known, x has shape {x.shape}")
    else:
        value = reader.read(y)
    if isinstance(value, Parameter) and not _connected(y, [x, *reads]):
        raise ValueError(
            f"f's result '{y.name}' is not connected to x: no path in the graph leads from x to it"
        )
    refused: tuple[tuple[str, str], ...] = ()
    if request.route != "autodiff":
        try:
            if reader is None:
                raise fused.NotFused(value.reason)
            return _fused(reader, value, y, request)
        except fused.NotFused as reason:
            if request.route == "fused":
                raise ValueError(f"the fused route cannot serve f: {reason}") from None
            refused = (("fused", str(reason)),)
    return _autodiff(value, y, [x, *reads], request, refused)


def _connected(y: tf.Tensor, sources: Sequence[tf.Tensor]) -> bool:
    """Whether any path leads from x to y, be it one along which derivatives are zero."""
    wanted, stack, seen = {source.ref() for source in sources}, [y], set()
    while stack:
        tensor = stack.pop()
        if tensor.ref() in wanted:
            return True
        if tensor.op not in seen:
            seen.add(tensor.op)
            stack.extend(tensor.op.inputs)
    return False


def _fused(
    reader: Reader, value: Value, y: tf.Tensor, request: Request
) -> tuple[Derivatives, Plan]:
    terms = fused.match(reader, value)
    x = reader.x
    plan = Plan(
        "fused",
        request.layout,
        PROVED,
        tuple(_planned(term) for term in terms.terms),
        bytes_read=_bytes(x, f"N*{x.shape[-1]} + parameters"),
        bytes_written=_bytes(x, _written(x, request.layout)),
    )
    outputs = fused.emit(
        terms,
        x,
        layout=request.layout,
        want_value=request.value,
        want_gradient=request.gradient,
    )
    result = Derivatives(
        tf.cast(_value(terms, outputs.value, value, y, x), y.dtype) if request.value else None,
        _as_x(outputs.gradient, x, 1) if request.gradient else None,
        _as_x(outputs.hessian, x, outputs.hessian.shape.rank - 1),
    )
    return result, plan


def _as_x(tensor: tf.Tensor, x: tf.Tensor, trailing: int) -> tf.Tensor:
    """The tensor in the type of x and with the row axes of x in place of its first."""
    tensor = tf.cast(tensor, x.dtype)
    if x.shape.rank == 2:
        return tensor
    shape = tf.concat([tf.shape(x)[:-1], tf.shape(tensor)[1:]], 0)
    static = x.shape[:-1].concatenate(tensor.shape[1:])
    return tf.ensure_shape(tf.reshape(tensor, shape), static)


def _value(
    terms: fused.FusedTerms, rows: tf.Tensor, value: Value, y: tf.Tensor, x: tf.Tensor
) -> tf.Tensor:
    """The value in the shape of f's result: f's own where it is not one number a row or in all."""
    if isinstance(value, Parameter) or (value.geometry.summed and value.geometry.size > 1):
        return y
    if y.shape.rank == 0 or value.geometry.summed:
        constant = tf.reshape(terms.leaves.tensor(terms.constant), [])
        return tf.reshape(tf.reduce_sum(rows) + constant, [1] * y.shape.rank)
    ones = [1] * (y.shape.rank - (x.shape.rank - 1))
    return tf.reshape(rows, tf.concat([tf.shape(x)[:-1], tf.constant(ones, tf.int32)], 0))


def _planned(term) -> PlannedTerm:
    parameters = dict((*term.phi_parameters, *term.psi_parameters))
    return PlannedTerm(
        psi=str(term.psi),
        phi=None if term.phi is None else str(term.phi),
        S=None if term.S is None else _described(term.S),
        b=None if term.b is None else _described(term.b),
        parameters=tuple((variable.name, _described(t)) for variable, t in parameters.items()),
    )


def _described(tensor: tf.Tensor) -> str:
    sizes = ["N" if size is None else str(size) for size in tensor.shape.as_list()]
    source = tensor.op
    while source.type in MOVES and source.inputs[0].op.type != "Placeholder":
        source = source.inputs[0].op
    return f"'{source.name}' of shape ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _written(x: tf.Tensor, layout: str) -> str:
    K = x.shape[-1]
    if K is None:
        return {"dense": "N*K*K", "diag": "N*K", "packed": "N*K*(K+1)/2"}[layout]
    return f"N*{ {'dense': K * K, 'diag': K, 'packed': K * (K + 1) // 2}[layout] }".replace(" ", "")


def _bytes(x: tf.Tensor, count: str) -> str:
    return f"{x.dtype.size} * ({count})"


def _autodiff(
    value: Value,
    y: tf.Tensor,
    sources: Sequence[tf.Tensor],
    request: Request,
    refused: tuple[tuple[str, str], ...],
) -> tuple[Derivatives, Plan]:
    x = sources[0]
    coupling, how = "assume_independent", PROVED
    if isinstance(value, Unproven) and not all(size == 1 for size in x.shape[:-1]):
        coupling, how = request.coupling, f"{UNPROVED[request.coupling]}: {value.reason}"
    gradient, hessian = autodiff.differentiate(
        y, x, layout=request.layout, coupling=coupling, reads=sources[1:]
    )
    plan = Plan(
        "autodiff",
        request.layout,
        how,
        refused=refused,
        bytes_read="what f and its gradients read",
        bytes_written=_bytes(x, _written(x, request.layout)),
    )
    result = Derivatives(
        y if request.value else None, gradient if request.gradient else None, hessian
    )
    return result, plan
