"""The stand-in for `tf.hessians`, with blocks as results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from blockhess.api.arguments import check_x, checked_result, checked_x
from blockhess.api.request import Blocks, Request
from blockhess.gradients import copied


@tf.autograph.experimental.do_not_convert
def hessians(
    ys: Any,
    xs: Any,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    name: str = "hessians",
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
) -> list[tf.Tensor]:
    """Stands in for `tf.hessians(ys, xs)` while a graph is built: the same call, blocks out.

    Args:
      ys: a tensor or a list of them, each a scalar or one value a row; their sum is differentiated.
      xs: a tensor or variable of shape (..., K), or a list of them.
      gate_gradients: accepted as `tf.hessians` accepts it; it steers how `tf.gradients` works, not
        what it computes, and is not needed here.
      aggregation_method: the same.
      name: the name scope of the operations.
      layout: as in `hessian`.
      route: as in `hessian`.
      coupling: as in `hessian`.

    Returns:
      A list with the blocks for each of `xs`, shape (..., K, K) in the dense layout.

    Raises:
      RuntimeError: called eagerly, where `tf.hessians` raises it, too: there use `hessian`.
      TypeError, ValueError: as in `hessian`.

    Examples:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     x = tf.compat.v1.placeholder(tf.float32, (None, 2))
      ...     blocks, = blockhess.hessians(tf.reduce_sum(x * x), x)
      ...     print(session.run(blocks, {x: [[1.0, 2.0]]}).tolist())
      [[[2.0, 0.0], [0.0, 2.0]]]
    """
    del gate_gradients, aggregation_method
    if tf.executing_eagerly():
        raise RuntimeError(
            "blockhess.hessians works on the tensors of a graph, like tf.hessians; "
            "in eager mode call blockhess.hessian(f, x)"
        )
    request = Request(Blocks(layout), route, coupling)
    results = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    sources = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    with tf.name_scope(name):
        return [_hessian_of(results, x, request) for x in sources]


def _hessian_of(ys: Sequence[Any], x: Any, request: Request) -> tf.Tensor:
    reads = _reads(x)
    source = reads[0] if reads else checked_x(x)
    check_x(source)
    results = [checked_result(y, source) for y in ys]
    y = results[0] if len(results) == 1 else tf.add_n([tf.reduce_sum(y) for y in results])
    # A copy of y is differentiated, so that the caller's own gradients of y stay what they are.
    y = copied(y, [source, *reads])
    return request.wanted(request.routed(y, source, reads)).hessian


def _reads(x: Any) -> list[tf.Tensor]:
    """Every read of a variable that the graph holds; nothing for a tensor."""
    handle = getattr(x, "handle", None)
    if handle is None or isinstance(x, tf.Tensor):
        return []
    graph = tf.compat.v1.get_default_graph()
    if hasattr(graph, "capture"):
        handle = graph.capture(handle)
    return [op.outputs[0] for op in handle.consumers() if op.type == "ReadVariableOp"]
