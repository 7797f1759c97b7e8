"""The diagonal blocks of a Hessian."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Blocks, Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f


@converting_only_f
def hessian(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> tf.Tensor:
    """The diagonal blocks of the Hessian of f: for each row of x, its own K x K matrix.

    Works eagerly, under `tf.function` and in a TF1 graph, and is differentiable any number of
    times, with respect to x and to the tensors and variables that f captures.

    Args:
      f: takes x and returns a scalar, or one value a row, shape (...) or (..., 1), which is summed.
        Called eagerly, f is traced as under `tf.function` (without AutoGraph), and anew whenever
        something that its code may read has changed; where that cannot be watched, at each call,
        and `explain` says why. What Keras layers and models and a `tf.Module` hold that f's own
        code does not name is read when f is traced, as under `tf.function`.
      x: tensor, variable or array of shape (..., K), floating. An x of 16 bits is computed in
        float32 by the fused route, while the autodiff route computes in the types that f does, and
        f is called with x as it is. All axes but the last are rows; N, their product, may be
        unknown, zero or one. With K unknown only the autodiff route serves.
      layout: "dense" (..., K, K); "diag" (..., K); "packed" (..., K (K + 1) / 2), the upper
        triangle in the order of `np.triu_indices`; "trace" (...), the sum of the diagonal.
      route: "auto" takes the first that fits of "fused" and "autodiff".
      coupling: what to do where rows are not proved independent. "check" compares random
        Hessian-vector products with the blocks and fails the run if rows interact; "exact" computes
        the diagonal blocks of the true Hessian however rows interact, with N K backward passes;
        "assume_independent" trusts the caller.
      outputs: M, where f returns M values a row, shape (..., M): the blocks of each, in one graph.
        Each column y[..., m] takes the route that fits it.

    Returns:
      Tensor of the dtype of x; its shape is given by `layout`, and with `outputs=M` has an axis of
      M behind the rows: (..., M, K, K). Where f is provably constant in x (behind `stop_gradient`,
      say) the blocks are zero.

    Raises:
      TypeError: x is not floating.
      ValueError: x has no rank or is a scalar; f's result has another shape, is not floating or is
        not connected to x; the named route cannot serve f.
      tf.errors.InvalidArgumentError: at run time, rows interact under "check", or the shapes of
        parameters do not fit x.

    Examples:
      >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
      >>> blockhess.hessian(lambda x: tf.reduce_sum(x**3), x).numpy().tolist()
      [[[6.0, 0.0], [0.0, 12.0]], [[18.0, 0.0], [0.0, 24.0]]]
      >>> blockhess.hessian(lambda x: x**2, x[:1], outputs=2).numpy().tolist()
      [[[[2.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]]]]
    """
    request = _request(layout, route, coupling, outputs)
    return call.computed(f, checked_x(x), request).hessian


@interned
def _request(layout: str, route: str, coupling: str, outputs: int | None) -> Request:
    return Request(Blocks(layout), route, coupling, outputs)
