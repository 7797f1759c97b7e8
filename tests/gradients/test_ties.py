"""Smooth functions that are written by an absolute value or by a choice."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh
from blockhess.routes.autodiff.columns import differentiate

W = tf.constant(np.random.default_rng(5).normal(size=(8, 3)) * 0.5)
TIES = [[0.3, 0.3], [-0.4, 0.7], [0.0, 0.0]]


def mixed(y):
    y = tf.reshape(y, [tf.shape(y)[0], -1])
    return tf.reduce_sum(tf.sin(y @ W[: y.shape[1]] + 0.2), 1)


def pair(function):
    return lambda x: tf.sin(2 * function(x[:, 0], x[:, 1]) + 0.3)


def logsumexp(a, b):
    return tf.reduce_logsumexp(tf.stack([a, b]), 0)


def sum_of_softplus(choice, other):
    return lambda x: mixed(choice(x) + tf.math.log1p(tf.exp(-tf.abs(other(x)))))


def twice(function, product):
    """A function of a product that is written twice, as is its absolute value."""
    return lambda x: mixed(function(tf.abs(product(x)), product(x), tf.abs(product(x))))


def log_cosh(a, _, b):
    return a + tf.math.log1p(tf.exp(-2 * b)) - LN2


def softplus(a, y, b):
    return 0.5 * (a + y) + tf.math.log1p(tf.exp(-b))


A = tf.constant([[0.7, -0.4], [0.3, 0.9]], tf.float64)
VARIABLE = tf.Variable(A)
LN2 = np.log(2.0)
CASES = {
    "log cosh": (twice(log_cosh, lambda x: x), lambda x: mixed(tf.math.log(tf.cosh(x)))),
    "log cosh of a product": (
        twice(log_cosh, lambda x: x @ A),
        lambda x: mixed(tf.math.log(tf.cosh(x @ A))),
    ),
    "softplus of a product with a variable": (
        twice(softplus, lambda x: x @ VARIABLE),
        lambda x: mixed(tf.nn.softplus(x @ A)),
    ),
    "relu and absolute value of two products": (
        lambda x: mixed(tf.maximum(x @ A, 0.0) + tf.math.log1p(tf.exp(-tf.abs(x @ A)))),
        lambda x: mixed(tf.nn.softplus(x @ A)),
    ),
    "log cosh in a function": (
        tf.function(twice(log_cosh, lambda x: x @ A), autograph=False),
        lambda x: mixed(tf.math.log(tf.cosh(x @ A))),
    ),
    "square of abs": (lambda x: mixed(tf.square(tf.abs(x))), lambda x: mixed(x * x)),
    "abs times itself": (lambda x: (lambda a: mixed(a * a))(tf.abs(x)), lambda x: mixed(x * x)),
    "abs to the power 2": (lambda x: mixed(tf.abs(x) ** 2), lambda x: mixed(x * x)),
    "power spectrum, a part": (
        lambda x: mixed(tf.abs(tf.signal.rfft(x))[:, :2] ** 2),
        lambda x: mixed(
            (lambda z: (tf.math.real(z) ** 2 + tf.math.imag(z) ** 2)[:, :2])(tf.signal.rfft(x))
        ),
    ),
    "Huber by abs": (
        lambda x: (lambda a: mixed(tf.where(a < 1, a * a, 2 * a - 1)))(tf.abs(x)),
        lambda x: mixed(x * x),
    ),
    "cosine of abs": (lambda x: mixed(tf.cos(tf.abs(x))), lambda x: mixed(tf.cos(x))),
    "square of complex abs": (
        lambda x: mixed(tf.abs(tf.complex(x, x[:, ::-1] * 2)) ** 2),
        lambda x: mixed(x * x + 4 * x[:, ::-1] ** 2),
    ),
    "power spectrum": (
        lambda x: mixed(tf.abs(tf.signal.fft(tf.complex(x, 0 * x))) ** 2),
        lambda x: mixed(tf.stack([(x[:, 0] + x[:, 1]) ** 2, (x[:, 0] - x[:, 1]) ** 2], 1)),
    ),
    "weighted cross-entropy": (
        lambda x: mixed(tf.nn.weighted_cross_entropy_with_logits(0.3 + 0 * x, x, 2.0)),
        lambda x: mixed(0.7 * x + 1.3 * tf.nn.softplus(-x)),
    ),
    "sigmoid cross-entropy": (
        lambda x: mixed(tf.nn.sigmoid_cross_entropy_with_logits(0.3 + 0 * x, x)),
        lambda x: mixed(0.7 * x + tf.nn.softplus(-x)),
    ),
    "relu": (sum_of_softplus(tf.nn.relu, lambda x: x), lambda x: mixed(tf.nn.softplus(x))),
    "relu of minus": (
        sum_of_softplus(lambda x: tf.nn.relu(-x), lambda x: -x),
        lambda x: mixed(tf.nn.softplus(-x)),
    ),
    "maximum": (
        sum_of_softplus(lambda x: tf.maximum(x, 0.0), lambda x: x),
        lambda x: mixed(tf.nn.softplus(x)),
    ),
    "maximum, zero first": (
        sum_of_softplus(lambda x: tf.maximum(tf.constant(0.0, x.dtype), x), lambda x: x),
        lambda x: mixed(tf.nn.softplus(x)),
    ),
    "minimum": (
        lambda x: mixed(tf.minimum(x, 0.0) - tf.math.log1p(tf.exp(-tf.abs(x)))),
        lambda x: mixed(tf.math.log_sigmoid(x)),
    ),
    "logaddexp": (pair(keras.ops.logaddexp), pair(logsumexp)),
    "logaddexp2": (
        pair(keras.ops.logaddexp2),
        pair(lambda a, b: logsumexp(a * LN2, b * LN2) / LN2),
    ),
    "logaddexp of numpy": (pair(tf.experimental.numpy.logaddexp), pair(logsumexp)),
    "the larger one second": (
        pair(lambda a, b: tf.maximum(b, a) + tf.math.log1p(tf.exp(-tf.abs(a - b)))),
        pair(logsumexp),
    ),
}


@pytest.mark.parametrize("f, truth", CASES.values(), ids=CASES.keys())
def test_what_is_smooth_has_its_derivatives_at_the_tie(f, truth):
    check(f, TIES, truth=truth, h=0.02)


def test_the_hypotenuse_at_equal_legs_and_on_an_axis():
    check(
        pair(keras.ops.hypot),
        [[0.5, 0.5], [0.0, 0.9], [0.7, 0.0], [-0.3, 0.3]],
        truth=pair(lambda a, b: tf.sqrt(a * a + b * b)),
        h=0.02,
    )


def gradient_of(f, x):
    result = bh.value_grad_hessian(f, tf.constant(x, tf.float64), route="autodiff")
    return np.asarray(result.gradient)


def test_kinks_keep_their_slope_of_zero():
    W3 = W[:2]

    def f(x):
        a = tf.abs(x)
        return tf.reduce_sum((a + a * a) @ W3 * tf.cosh(x @ W3), 1)

    np.testing.assert_array_equal(gradient_of(f, [[0.0, 0.0]]), [[0, 0]])


def test_an_absolute_value_that_is_squared_and_compared_is_smooth_at_zero():
    def f(x):
        modulus = tf.abs(tf.complex(x, 2 * x))
        return tf.reduce_sum(tf.where(modulus < 1, modulus**2, 1.0), 1)

    blocks = bh.hessian(f, tf.constant([[0.0, 0.25, 2.0]], tf.float64), route="autodiff")
    np.testing.assert_allclose(blocks[0], np.diag([10.0, 10.0, 0.0]), atol=1e-12)


def test_an_absolute_value_that_is_squared_elsewhere_is_differentiated_as_it_is():
    @tf.function(autograph=False)
    def gradient(x):
        a = tf.abs(x)
        tf.square(a)  # Nobody needs it.
        return differentiate(a, x, layout="diag", coupling="assume_independent")[0]

    np.testing.assert_array_equal(gradient(tf.constant([[-3.0, 2.0]])), [[-1, 1]])


def test_the_square_of_an_absolute_value_by_the_absolute_value():
    @tf.function(autograph=False)
    def blocks(x):
        a = tf.abs(x)
        (result,) = bh.hessians(tf.reduce_sum(tf.square(a) * a, 1), a, route="autodiff")
        return result

    np.testing.assert_allclose(blocks(tf.constant([[-3.0, 2.0]])), [[[18, 0], [0, 12]]])


def test_outputs_of_one_absolute_value_each_have_its_slope():
    def f(x):
        a = tf.abs(x)
        huber = tf.where(a < 1, 0.5 * a * a, a - 0.5)
        outputs = [huber, a, a * (1 + x)]
        return tf.stack([tf.reduce_sum(y, 1) for y in outputs], 1)

    x = tf.constant([[0.0, 0.5]], tf.float64)
    result = bh.value_grad_hessian(f, x, outputs=3, route="autodiff")
    np.testing.assert_allclose(result.gradient, [[[0, 0.5], [0, 1], [0, 2]]])
    np.testing.assert_allclose(result.hessian, [[np.eye(2), np.zeros((2, 2)), np.diag([0, 2])]])


def test_a_graph_that_has_run_stays_as_it_is():
    def f(x):
        return tf.reduce_sum(log_cosh(tf.abs(x @ numbers), 0, tf.abs(x @ numbers)), 1)

    numbers = A.numpy()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, 2))
        y = f(x)
        inputs = [[*op.inputs] for op in y.graph.get_operations()]
        before = session.run(y, {x: TIES})
        (blocks,) = bh.hessians(y, x, route="autodiff")
        found, after = session.run([blocks, y], {x: TIES})
        operations = y.graph.get_operations()[: len(inputs)]
        assert all(
            a is b
            for op, own in zip(operations, inputs, strict=True)
            for a, b in zip(op.inputs, own, strict=True)
        )
    np.testing.assert_array_equal(before, after)
    expected = bh.hessian(f, tf.constant(TIES, tf.float64), route="autodiff")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_reads_of_a_variable_that_changes_between_them_are_two():
    weight = tf.Variable([2.0, 3.0], dtype=tf.float64)

    @tf.function(autograph=False)
    def blocks(x):
        def f(x):
            a = tf.square(tf.abs(x * weight))
            weight.assign([5.0, 7.0])
            return tf.reduce_sum(a + tf.square(tf.abs(x * weight)), 1)

        return bh.hessian(f, x, route="autodiff", layout="diag")

    x = tf.constant([[0.3, 0.0]], tf.float64)
    np.testing.assert_allclose(blocks(x), [[2 * (4 + 25), 2 * (9 + 49)]])


FUSED = {
    "log cosh": (lambda x: tf.abs(x) + tf.math.log1p(tf.exp(-2 * tf.abs(x))), [1.0, 0.41997434]),
    "softplus": (
        lambda x: 0.5 * (x + tf.abs(x)) + tf.math.log1p(tf.exp(-tf.abs(x))),
        [0.25, 0.19661193],
    ),
    "softplus by relu": (
        lambda x: tf.nn.relu(x) + tf.math.log1p(tf.exp(-tf.abs(x))),
        [0.25, 0.19661193],
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_sums_of_choices_are_fused_as_the_function_that_they_are(name):
    function, expected = FUSED[name]
    x = tf.constant([[0.0, 1.0]], tf.float64)
    blocks = bh.hessian(lambda x: tf.reduce_sum(function(x), 1), x, layout="diag", route="fused")
    np.testing.assert_allclose(blocks[0], expected, rtol=1e-7)


def test_a_mean_of_no_columns_has_blocks_of_none():
    x = tf.zeros([2, 0])
    for f in (lambda x: tf.reduce_mean(tf.sin(x), 1), lambda x: tf.nn.moments(x, [1])[1]):
        assert bh.hessian(f, x).shape == (2, 0, 0)
