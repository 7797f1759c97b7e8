"""Value, gradient and blocks, in one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Blocks, Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f


class ValueGradHessian(NamedTuple):
    """What `value_grad_hessian` returns.

    Attributes:
      value: f(x), in the shape that f gave it.
      gradient: (..., K), the gradient of the sum of f; (..., M, K) with `outputs=M`.
      hessian: the blocks, in the layout that was asked for.
    """

    value: tf.Tensor
    gradient: tf.Tensor
    hessian: tf.Tensor


@converting_only_f
def value_grad_hessian(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> ValueGradHessian:
    """f(x), its gradient and its blocks, in one pass where f takes the fused route.

    Arguments and errors are those of `hessian`.

    Returns:
      ValueGradHessian: the value in the shape of f's result, the gradient (..., K), the blocks.
      With `outputs=M` the value (..., M), the gradients (..., M, K), the blocks (..., M, K, K).

    Examples:
      >>> x = tf.constant([[1.0, 2.0]])
      >>> result = blockhess.value_grad_hessian(lambda x: tf.reduce_sum(x**2, 1), x)
      >>> result.value.numpy().tolist(), result.gradient.numpy().tolist()
      ([5.0], [[2.0, 4.0]])
    """
    request = _request(layout, route, coupling, outputs)
    return ValueGradHessian(*call.computed(f, checked_x(x), request))


@interned
def _request(layout: str, route: str, coupling: str, outputs: int | None) -> Request:
    return Request(Blocks(layout, value=True, gradient=True), route, coupling, outputs)
