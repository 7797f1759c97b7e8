"""Special functions where TensorFlow's derivatives are 0 / 0 or 0 * inf."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

AB = tf.constant([1.0, 2.0, 3.0, 0.7], tf.float64)


def igamma_slope(a, x):
    return x ** (a - 1) * mpmath.exp(-x) / mpmath.gamma(a)


def betainc_slope(x, a=2, b=3):
    return x ** (a - 1) * (1 - x) ** (b - 1) / mpmath.beta(a, b)


# A function, the derivative by mpmath as a function whose Taylor series is had, and points.
CASES = {
    "bessel_i0": (tf.math.bessel_i0, lambda x: mpmath.besseli(1, x), [0, 1e-3, -0.7, 1, 2.5]),
    "bessel_i1": (
        tf.math.bessel_i1,
        lambda x: (mpmath.besseli(0, x) + mpmath.besseli(2, x)) / 2,
        [0, 1e-9, 0.9999, -1.0001, 3],
    ),
    "bessel_i1e": (
        tf.math.bessel_i1e,
        lambda x: mpmath.diff(lambda t: mpmath.exp(-t * mpmath.sign(x)) * mpmath.besseli(1, t), x),
        [1e-3, 0.9999, -1.0001, 3],
    ),
    "bessel_j1": (
        tf.math.special.bessel_j1,
        lambda x: (mpmath.besselj(0, x) - mpmath.besselj(2, x)) / 2,
        [0, 1e-9, 0.9999, -1.0001, 3],
    ),
    "spence": (
        tf.math.special.spence,
        lambda x: -mpmath.hyp2f1(1, 1, 2, 1 - x),
        [1, 1 + 1e-9, 1 - 1e-5, 0.75, 1.3, 0.5],
    ),
    "igamma, a = 2": (
        lambda x: tf.math.igamma(tf.constant(2.0, x.dtype), x),
        lambda x: igamma_slope(2, x),
        [0, 1e-5, 0.999, 1.0, 40],
    ),
    "igammac, a = 1": (
        lambda x: tf.math.igammac(tf.constant(1.0, x.dtype), x),
        lambda x: -igamma_slope(1, x),
        [0, 1e-5, 0.999, 1.0, 40],
    ),
    "igamma, a = 300": (
        lambda x: tf.math.igamma(tf.constant(300.0, x.dtype), x),
        lambda x: igamma_slope(300, x),
        [0, 0.5, 290, 310],
    ),
    "betainc": (
        lambda x: tf.math.betainc(*(tf.fill(tf.shape(x), tf.cast(c, x.dtype)) for c in (2, 3)), x),
        betainc_slope,
        [0, 1e-9, 0.3, 1 - 1e-8, 1],
    ),
}


@pytest.mark.parametrize("f, slope, points", CASES.values(), ids=CASES.keys())
def test_derivatives_of_special_functions_at_special_points(f, slope, points):
    x = tf.constant([[p] for p in points], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        second = bh.hessian(lambda x: f(x)[:, 0], x, route="autodiff")
    third = tape.gradient(second, x)
    with mpmath.workdps(40):
        for order, actual in ((1, second), (2, third)):
            expected = [float(mpmath.diff(slope, mpmath.mpf(p), order)) for p in points]
            np.testing.assert_allclose(np.ravel(actual), expected, rtol=1e-9, atol=1e-11)


def test_a_kink_is_flat_by_convention():
    x = tf.zeros([1, 2], tf.float64)
    blocks = bh.hessian(lambda x: tf.reduce_sum(tf.math.bessel_i1e(x)), x, route="autodiff")
    np.testing.assert_array_equal(blocks, np.zeros((1, 2, 2)))


def test_igamma_by_a_is_refused_by_name():
    with pytest.raises(LookupError, match="IgammaGradA.*second one by 'a'"):
        bh.hessian(lambda x: tf.reduce_sum(tf.math.igamma(x, AB)), tf.ones([1, 4], tf.float64))
