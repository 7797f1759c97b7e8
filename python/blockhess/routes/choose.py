"""The choice of a route for f, given by its result and x, tensors of one graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import tensorflow as tf

from blockhess.routes.autodiff.autodiff_route import AutodiffRoute
from blockhess.routes.fused.fused_route import FusedRoute
from blockhess.routes.route import DoesNotFit, Reading, Route
from blockhess.row_graph import Parameter, Reader, Unproven

ROUTES: tuple[type[Route], ...] = (FusedRoute, AutodiffRoute)
"""All routes, the fastest first."""


def routed(
    y: tf.Tensor, x: tf.Tensor, *, route: str, coupling: str, reads: Sequence[tf.Tensor] = ()
) -> Route:
    """f on the first route that fits, or on the one that is named.

    Args:
      y: the result of f, a scalar or one value a row, in the graph that is being built.
      x: the tensor that f took, shape (..., K).
      route: "auto", or the name of one of `ROUTES`.
      coupling: what to do where rows are not proved independent; see `blockhess.hessian`.
      reads: further tensors that count as x (further reads of a variable).

    Raises:
      ValueError: no path leads from x to `y`, or the named route cannot serve.
    """
    (found,) = routed_each([y], x, route=route, coupling=coupling, reads=reads)
    return found


def routed_each(
    ys: Iterable[tf.Tensor],
    x: tf.Tensor,
    *,
    route: str,
    coupling: str,
    reads: Sequence[tf.Tensor] = (),
) -> list[Route]:
    """`routed` for several results of one f: what they share is read once."""
    reader = None if x.shape[-1] is None else Reader(x, reads)
    return [_routed(_read(y, (x, *reads), reader, coupling), route) for y in ys]


def _routed(reading: Reading, route: str) -> Route:
    y = reading.y
    if isinstance(reading.value, Parameter) and not _connected(y, reading.sources):
        raise ValueError(
            f"f's result '{y.name}' is not connected to x: no path in the graph leads from x to it"
        )
    for kind in ROUTES:
        if route in ("auto", kind.name):
            try:
                return kind.match(reading)
            except DoesNotFit as reason:
                refused = (*reading.refused, (kind.name, str(reason)))
                reading = dataclasses.replace(reading, refused=refused)
    reasons = "; ".join(f"the {name} route cannot serve f: {why}" for name, why in reading.refused)
    raise ValueError(reasons)


def _read(
    y: tf.Tensor, sources: tuple[tf.Tensor, ...], reader: Reader | None, coupling: str
) -> Reading:
    if reader is None:
        x = sources[0]
        unknown = f"the last axis of x is not known, x has shape {x.shape}"
        return Reading(y, sources, None, Unproven(y, unknown), coupling)
    return Reading(y, sources, reader, reader.read(y), coupling)


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
