"""Powers at the base zero, and products with logarithms and quotients at the factor zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import set_own_gradient
from blockhess.gradients.broadcasting import summed_to


def _is_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.equal(x, tf.zeros([], x.dtype))


def _slope(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """y x**(y - 1); TensorFlow has 0 * inf for x**0 at zero, so for the derivatives of x**1."""
    constant = tf.logical_and(_is_zero(x), _is_zero(y))
    return y * tf.pow(x, tf.where(constant, tf.ones([], y.dtype), y - 1))


def _log_power(x: tf.Tensor, y: tf.Tensor, k: int) -> tf.Tensor:
    """x**y log(x)**k, and its limit at x = 0; zero for negative x, as TensorFlow has it.

    It has derivatives of its own, for those of the limit are not limits: by x they are
    k x**(y - 1) log(x)**(k - 1) + y x**(y - 1) log(x)**k, infinite at zero for small y.
    """
    has_log = tf.logical_not(_is_zero(x)) if x.dtype.is_complex else x > 0
    log = tf.where(has_log, tf.math.log(tf.where(has_log, x, tf.ones_like(x))), tf.zeros_like(x))
    value = tf.pow(x, y) * log**k
    if not x.dtype.is_complex:
        limit = tf.constant((-1) ** k * np.inf, x.dtype)
        value = tf.where(tf.logical_and(_is_zero(x), y <= 0), limit, value)

    def gradient(op: tf.Operation, cotangent: tf.Tensor, *_: object):
        _, x, y = op.inputs
        below = tf.pow(x, y - 1) if k == 1 else _log_power(x, y - 1, k - 1)
        by_x = summed_to(cotangent * (k * below + y * _log_power(x, y - 1, k)), x)
        return None, by_x, summed_to(cotangent * _log_power(x, y, k + 1), y)

    result = tf.identity_n([value, x, y])[0]
    set_own_gradient(result.op, gradient)
    return result


def _pow(op: tf.Operation, cotangent: tf.Tensor):
    """y x**(y - 1) by x and x**y log(x) by y."""
    x, y = tf.math.conj(op.inputs[0]), tf.math.conj(op.inputs[1])
    by_x, by_y = cotangent * _slope(x, y), cotangent * _log_power(x, y, 1)
    return summed_to(by_x, op.inputs[0]), summed_to(by_y, op.inputs[1])


def _product_with(function: Callable, pole: float, by_y: Callable) -> Callable:
    """The gradient of x h(y), which is 0 where x is, whatever h(y): h(y) by x.

    TensorFlow has 0 by x where x is 0. Here it is 0 only where y is at the pole of h, too, where
    the slope is infinite: as it is on the fused route.

    Args:
      function: x h(y) in TensorFlow.
      pole: that of h.
      by_y: the derivative by y for x and y.
    """

    def gradient(op: tf.Operation, cotangent: tf.Tensor):
        x, y = tf.math.conj(op.inputs[0]), tf.math.conj(op.inputs[1])
        at_pole = tf.equal(y, tf.cast(pole, y.dtype))
        regular = tf.cast(tf.logical_not(tf.logical_and(_is_zero(x), at_pole)), x.dtype)
        by_x = cotangent * function(regular, y)
        return summed_to(by_x, op.inputs[0]), summed_to(cotangent * by_y(x, y), op.inputs[1])

    return gradient


GRADIENTS = {
    "Pow": _pow,
    "Xlogy": _product_with(tf.math.xlogy, 0, tf.math.xdivy),
    "Xlog1py": _product_with(tf.math.xlog1py, -1, lambda x, y: tf.math.xdivy(x, y + 1)),
    "Xdivy": _product_with(tf.math.xdivy, 0, lambda x, y: tf.math.xdivy(-x, y * y)),
}
