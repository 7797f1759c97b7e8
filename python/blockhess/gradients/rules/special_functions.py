"""Functions whose derivative has a form 0/0 at a point where it is smooth, or 0 * inf at an end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from blockhess.gradients.broadcasting import summed_to

# Terms of a series of (x / 2)**2 for |x| < 1 which leave float64 exact to the third derivative.
_BESSEL_TERMS = 12
# Terms of a series of s**2 for |s| < 1/8 which do the same.
_ATANH_TERMS = 14


def _polynomial(coefficients: Sequence[float], x: tf.Tensor) -> tf.Tensor:
    result = tf.zeros_like(x)
    for c in reversed(coefficients):
        result = result * x + tf.constant(c, x.dtype)
    return result


def _chosen(
    near: tf.Tensor,
    x: tf.Tensor,
    at: float,
    series: Callable[[tf.Tensor], tf.Tensor],
    elsewhere: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """`series(x)` where x is near, else `elsewhere(x)`, which is never taken near the pole."""
    inside = tf.where(near, x, tf.cast(at, x.dtype))
    return tf.where(near, series(inside), elsewhere(tf.where(near, tf.cast(at + 1, x.dtype), x)))


def _over_x(x: tf.Tensor, sign: int, function: Callable[[tf.Tensor], tf.Tensor], scaled: bool):
    """I1(x) / x, or J1(x) / x by sign -1; times exp(-|x|) where the function is scaled by it."""
    coefficients = [
        sign**k / (2 * 4**k * math.factorial(k) * math.factorial(k + 1))
        for k in range(_BESSEL_TERMS)
    ]

    def series(x: tf.Tensor) -> tf.Tensor:
        value = _polynomial(coefficients, x * x)
        return value * tf.exp(-tf.sign(x) * x) if scaled else value  # |x|, flat at zero.

    return _chosen(tf.abs(x) < 1, x, 0, series, lambda x: function(x) / x)


def _i1(op: tf.Operation, cotangent: tf.Tensor):
    """I0 - I1 / x. TensorFlow has 1 at zero, where it is 1/2."""
    x = op.inputs[0]
    return cotangent * (tf.math.bessel_i0(x) - _over_x(x, 1, tf.math.bessel_i1, False))


def _i1e(op: tf.Operation, cotangent: tf.Tensor):
    """I0e - I1e / x - sign(x) I1e; TensorFlow's is constant at zero."""
    x = op.inputs[0]
    slope = tf.math.bessel_i0e(x) - _over_x(x, 1, tf.math.bessel_i1e, True)
    return cotangent * (slope - tf.sign(x) * tf.math.bessel_i1e(x))


def _j1(op: tf.Operation, cotangent: tf.Tensor):
    """J0 - J1 / x; TensorFlow's is constant at zero."""
    x, j1 = op.inputs[0], tf.math.special.bessel_j1
    return cotangent * (tf.math.special.bessel_j0(x) - _over_x(x, -1, j1, False))


def _spence(op: tf.Operation, cotangent: tf.Tensor):
    """log(x) / (1 - x) = -2 / (1 + x) atanh(s) / s for s = (x - 1) / (x + 1).

    TensorFlow's is constant at 1.
    """
    x = op.inputs[0]
    coefficients = [1 / (2 * k + 1) for k in range(_ATANH_TERMS)]

    def series(x: tf.Tensor) -> tf.Tensor:
        return -2 / (1 + x) * _polynomial(coefficients, tf.square((x - 1) / (x + 1)))

    near = tf.abs(x - 1) < (x + 1) / 8
    return cotangent * _chosen(near, x, 1, series, lambda x: tf.math.log(x) / (1 - x))


def _power(near: tf.Tensor, x: tf.Tensor, a: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A factor and a logarithm which make x**a: the factor where x is near zero, else 1."""
    one = tf.ones([], x.dtype)
    return tf.pow(tf.where(near, x, one), a), a * tf.math.log(tf.where(near, one, x))


def _igamma_slope(a: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """x**(a - 1) exp(-x) / gamma(a); TensorFlow has log(x) in it at zero."""
    factor, log = _power(x < 1, x, a - 1)
    return factor * tf.exp(log - x - tf.math.lgamma(a))


def _igamma(op: tf.Operation, cotangent: tf.Tensor):
    """TensorFlow's derivative by a, and `_igamma_slope` by x."""
    a, x = op.inputs
    by_a = tf.raw_ops.IgammaGradA(a=a, x=x)
    return summed_to(by_a * cotangent, a), summed_to(_igamma_slope(a, x) * cotangent, x)


def _igammac(op: tf.Operation, cotangent: tf.Tensor):
    return _igamma(op, -cotangent)


def _betainc(op: tf.Operation, cotangent: tf.Tensor):
    """x**(a - 1) (1 - x)**(b - 1) / B(a, b) by x; TensorFlow has logarithms of zero at the ends."""
    a, b, x = op.inputs
    tiny = x.dtype.as_numpy_dtype(1e-6)
    left, log_left = _power(x < tiny, x, a - 1)
    right, log_right = _power(1 - x < tiny, 1 - x, b - 1)
    log_beta = tf.math.lgamma(a) + tf.math.lgamma(b) - tf.math.lgamma(a + b)
    # The cut is at an end only, where the factor is zero.
    inner = tf.minimum(log_left + log_right - log_beta, math.log(x.dtype.max) - 1)
    return None, None, summed_to(left * right * tf.exp(inner) * cotangent, x)


GRADIENTS = {
    "BesselI1": _i1,
    "BesselI1e": _i1e,
    "BesselJ1": _j1,
    "Spence": _spence,
    "Igamma": _igamma,
    "Igammac": _igammac,
    "Betainc": _betainc,
}
