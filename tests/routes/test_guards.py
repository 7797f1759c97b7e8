"""CheckNumerics and PreventGradient mean on every route what they mean to TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

ROUTES = ("fused", "autodiff")
GOOD, BAD = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 2.0], [0.0, 4.0]])


def logarithms(x):
    return tf.reduce_sum(tf.debugging.check_numerics(tf.math.log(x), "a cell is 0"), 1)


def refused(x):
    return tf.reduce_sum(tf.raw_ops.PreventGradient(input=x * x, message="not this way"), 1)


CALLS = {
    "hessian": lambda x, route: bh.hessian(logarithms, x, route=route),
    "laplacian": lambda x, route: bh.laplacian(logarithms, x, route=route),
    "hvp": lambda x, route: bh.hvp(logarithms, x, tf.ones_like(x), route=route),
    "value_grad_hessian": lambda x, route: bh.value_grad_hessian(logarithms, x, route=route),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_check_of_numbers_runs_and_says_its_message(route, subtests):
    for name, call in CALLS.items():
        under_function = tf.function(lambda x, call=call: call(x, route), autograph=False)
        for way in (lambda x, call=call: call(x, route), under_function):
            with subtests.test(name):
                for _ in range(4):  # From the third eager call on operations may be replayed.
                    way(tf.constant(GOOD))
                with pytest.raises(tf.errors.InvalidArgumentError, match="a cell is 0"):
                    way(tf.constant(BAD))


@pytest.mark.parametrize("route", ROUTES)
def test_a_check_of_numbers_runs_in_a_session(route):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, 2))
        (blocks,) = bh.hessians(logarithms(x), x, route=route)
        expected = -np.eye(2) / GOOD[:, None] ** 2
        np.testing.assert_allclose(session.run(blocks, {x: GOOD}), expected, rtol=1e-15)
        with pytest.raises(tf.errors.InvalidArgumentError, match="a cell is 0"):
            session.run(blocks, {x: BAD})


def test_what_is_checked_is_fused_and_differentiated_on():
    x = tf.constant(GOOD)
    with tf.GradientTape() as tape:
        tape.watch(x)
        diagonal = bh.hessian(logarithms, x, route="fused", layout="diag")
    np.testing.assert_allclose(tape.gradient(diagonal, x), 2 / GOOD**3, rtol=1e-15)


def test_a_forbidden_gradient_is_refused_with_its_message(subtests):
    x = tf.constant(GOOD)
    for what in (bh.hessian, bh.laplacian, lambda f, x, **k: bh.hvp(f, x, x, **k)):
        with subtests.test("fused"), pytest.raises(ValueError, match="PreventGradient.*this way"):
            what(refused, x, route="fused")
        for route in ("auto", "autodiff"):
            with subtests.test(route), pytest.raises(LookupError, match="not this way"):
                what(refused, x, route=route)
    assert "not this way" in str(bh.explain(refused, x))


def test_a_forbidden_gradient_beside_the_path_is_no_obstacle():
    def f(x):
        weights = tf.raw_ops.PreventGradient(input=tf.constant([2.0, 3.0], x.dtype))
        return tf.reduce_sum(weights * x * x, 1)

    blocks = bh.hessian(f, tf.constant(GOOD), layout="diag", route="fused")
    np.testing.assert_array_equal(blocks, [[4.0, 6.0]] * 2)
