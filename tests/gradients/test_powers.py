"""Powers of zero, and zero times a logarithm or a quotient."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh

EXPONENTS = tf.constant([1.0, 2.0, 3.0, 4.0], tf.float64)
ZEROS = [[0.0, 0.0, 0.0, 0.0], [0.3, 0.5, 0.2, 0.7]]


def blocks_of(f, *x):
    return np.asarray(bh.hessian(f, tf.constant(x, tf.float64), route="autodiff"))


def test_powers_of_zero_with_exponents_of_a_tensor():
    check(lambda x: tf.sin(tf.reduce_sum(tf.pow(x, EXPONENTS), 1)), ZEROS)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 5.0])
def test_powers_of_zero_with_one_exponent(exponent):
    check(lambda x: tf.exp(tf.reduce_sum(tf.pow(x, exponent), 1) * 0.3), ZEROS)


def test_an_exponent_that_depends_on_x():
    check(
        lambda x: x[:, 0] ** x[:, 1] + (0.3 + x[:, 1] ** 2) ** tf.sin(x[:, 0]),
        [[0.5, 0.7], [1.2, -0.4]],
        h=0.02,
    )


def test_exponents_of_zero_have_infinite_slopes_just_where_they_are():
    """x**y at x = 0: the slope by both is x**(y - 1) (1 + y log x)."""

    def f(x):
        return x[:, 0] ** x[:, 1]

    regular, edge = blocks_of(f, [0.0, 2.0], [0.0, 1.0])
    np.testing.assert_array_equal(regular, [[2, 0], [0, 0]])
    assert np.isneginf(edge[0, 1]) and np.isneginf(edge[1, 0])
    assert not np.isfinite(blocks_of(f, [0.0, 0.0])).all()


def test_a_root_of_zero_stays_singular():
    assert not np.isfinite(
        blocks_of(lambda x: tf.sin(x[:, 0] ** (x[:, 1] * 0 + 0.5)), [0.0, 1.0])
    ).all()


PRODUCTS = {
    "xlogy": (tf.math.xlogy, lambda x, y: x * tf.math.log(y)),
    "xlog1py": (tf.math.xlog1py, lambda x, y: x * tf.math.log1p(y)),
    "xdivy": (tf.math.xdivy, lambda x, y: x / y),
}


@pytest.mark.parametrize("function, product", PRODUCTS.values(), ids=PRODUCTS.keys())
def test_slopes_where_the_first_factor_is_zero(function, product):
    def of(g):
        return lambda x: tf.sin(g(x[:, 0], x[:, 1])) + tf.cos(g(x[:, 0] ** 2, x[:, 1] + 0.1))

    check(of(function), [[0.0, 0.5], [0.4, 0.6], [0.0, 1.7]], truth=of(product))


@pytest.mark.parametrize("function, pole", [("xlogy", 0.0), ("xlog1py", -1.0), ("xdivy", 0.0)])
def test_they_are_flat_where_the_other_is_at_its_pole_too(function, pole):
    f = PRODUCTS[function][0]
    blocks = blocks_of(lambda x: tf.sin(f(x[:, 0], x[:, 1])), [0.0, pole])
    np.testing.assert_array_equal(blocks, np.zeros((1, 2, 2)))
