"""The Laplacian of f by each row of x."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Blocks, Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f


@converting_only_f
def laplacian(f: RowFunction, x: Any, *, route: str = "auto", coupling: str = "check") -> tf.Tensor:
    """The Laplacian of f by each row of x: the sum of its second derivatives, the trace of a block.

    It is `hessian(f, x, layout="trace")`. On the fused route no diagonal is written: the trace of a
    term's block is

        psi'(s) (tr S + sum_k phi''(x_k)) + psi''(s) u'u,    u = phi'(x) + S x + b

    which is the trace of the formula of `ops.terms`. The autodiff route adds up the layout "diag".

    Args:
      f: as in `hessian`.
      x: tensor, variable or array of shape (..., K), floating.
      route: as in `hessian`.
      coupling: as in `hessian`.

    Returns:
      Tensor (...) of the dtype of x. Differentiable any number of times, with respect to x and to
      all that f captures.

    Errors are those of `hessian`.

    Examples:
      >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
      >>> blockhess.laplacian(lambda x: tf.reduce_sum(x**3), x).numpy().tolist()
      [18.0, 42.0]
    """
    return call.computed(f, checked_x(x), _request(route, coupling)).hessian


@interned
def _request(route: str, coupling: str) -> Request:
    return Request(Blocks("trace"), route, coupling)
