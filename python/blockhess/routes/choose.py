"""From a result and x, tensors of one graph, to f on the route that it takes."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess.routes.autodiff.autodiff_route import AutodiffRoute
from blockhess.routes.fused.fused_route import FusedRoute
from blockhess.routes.fused.leaves import NotFused
from blockhess.routes.fused.match import match
from blockhess.row_graph import Parameter, Reader, Unproven, Value

Route = FusedRoute | AutodiffRoute
"""f at x on its route: what can be computed, and the plan of it."""


def routed(
    y: tf.Tensor, x: tf.Tensor, *, route: str, coupling: str, reads: Sequence[tf.Tensor] = ()
) -> Route:
    """f on the first route that fits, or on the one that is named.

    Args:
      y: the result of f, a scalar or one value a row, in the graph that is being built.
      x: the tensor that f took, shape (..., K).
      route: "auto", "fused" or "autodiff".
      coupling: what to do where rows are not proved independent; see `blockhess.hessian`.
      reads: further tensors that count as x (further reads of a variable).

    Raises:
      ValueError: no path leads from x to `y`, or the named route cannot serve.
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
    if route != "autodiff":
        try:
            if reader is None:
                raise NotFused(value.reason)
            terms = match(reader, value)
            with tf.control_dependencies(reader.checks):
                checked = tf.identity(x) if reader.checks else x
            return FusedRoute(y, checked, value, terms)
        except NotFused as reason:
            if route == "fused":
                raise ValueError(f"the fused route cannot serve f: {reason}") from None
            refused = (("fused", str(reason)),)
    return AutodiffRoute(y, (x, *reads), value, coupling, refused)


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
