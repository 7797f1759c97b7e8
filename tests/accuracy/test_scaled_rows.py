"""Rows so short or long that psi'' leaves the range of float32, while psi'' u u' does not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

DIRECTION = np.array([1.0, -0.7, 0.9, 0.3])
MATRIX = np.array([[2.0, 0.3, 0, 0.1], [0.3, 1.5, -0.2, 0], [0, -0.2, 1, 0.4], [0.1, 0, 0.4, 3]])


def norm(x, A=None):
    """The blocks of sqrt(x'Ax): (A - A x (A x)' / r**2) / r."""
    A = tf.eye(x.shape[1], dtype=x.dtype) if A is None else tf.constant(A, x.dtype)
    u = x @ A
    r = tf.sqrt(tf.reduce_sum(x * u, 1))[:, tf.newaxis, tf.newaxis]
    return (A - u[:, :, tf.newaxis] * u[:, tf.newaxis] / r**2) / r


def inverse(x):
    """The blocks of 1 / r: (3 n n' - I) / r**3."""
    r = tf.norm(x, axis=1)[:, tf.newaxis, tf.newaxis]
    n = x[:, :, tf.newaxis] / r
    return (3 * n * tf.linalg.matrix_transpose(n) - tf.eye(x.shape[1], dtype=x.dtype)) / r**3


def logarithm(x):
    """The blocks of log(r**2): 2 (I - 2 n n') / r**2."""
    r = tf.norm(x, axis=1)[:, tf.newaxis, tf.newaxis]
    n = x[:, :, tf.newaxis] / r
    return 2 * (tf.eye(x.shape[1], dtype=x.dtype) - 2 * n * tf.linalg.matrix_transpose(n)) / r**2


def of_matrix(x):
    return tf.sqrt(tf.reduce_sum(x * (x @ tf.constant(MATRIX, x.dtype)), 1))


LENGTHS = 10.0 ** np.array([-16, -12, -8, -1, 0, 4, 8, 9, 12, 13, 16])
FUNCTIONS = {
    "norm": (lambda x: tf.norm(x, axis=1), norm, LENGTHS),
    "norm by a matrix": (of_matrix, lambda x: norm(x, MATRIX), LENGTHS),
    "pseudo-Huber": (lambda x: tf.sqrt(1.0 + tf.reduce_sum(x * x, 1)), norm, LENGTHS[6:]),
    "potential": (
        lambda x: tf.math.rsqrt(tf.reduce_sum(x * x, 1)),
        inverse,
        10.0 ** np.array([-7, -1, 0, 4, 7, 8, 9]),
    ),
    "logarithm": (
        lambda x: tf.math.log(tf.reduce_sum(x * x, 1)),
        logarithm,
        10.0 ** np.array([-11, -8, 0, 8, 9, 11]),
    ),
}


def rows(lengths):
    return (lengths[:, np.newaxis] * DIRECTION).astype(np.float32)


def relative(actual, expected):
    """The largest error of each row, relative to its largest entry."""
    actual, expected = (np.reshape(a, (len(actual), -1)).astype(float) for a in (actual, expected))
    return np.abs(actual - expected).max(1) / np.abs(expected).max(1)


def length(x):
    return tf.norm(x, axis=1)


def square(x):
    return tf.reduce_sum(x * x, 1)


# What is underway leaves the range before the result does, or a choice makes zeros that are none.
OTHERS = {
    "quotient": lambda x: square(x) / (1 + length(x)),
    "power": lambda x: length(x) ** 2.5,
    "Huber": lambda x: tf.where(length(x) < 1, square(x) / 2, length(x) - 0.5),
    "Huber of squares": lambda x: tf.where(square(x) < 1, square(x), 2 * tf.sqrt(square(x)) - 1),
    "relu": lambda x: tf.nn.relu(length(x) - 1),
    "minimum": lambda x: tf.minimum(length(x), 1e30),
    "potential": lambda x: 1 / length(x),
    "steep": lambda x: 1 / square(x),
    "Lennard-Jones": lambda x: length(x) ** -12 - length(x) ** -6,
}


@pytest.mark.parametrize("name", OTHERS)
def test_all_is_as_in_float64_wherever_it_fits(name, subtests):
    f, weights = OTHERS[name], np.cos(np.arange(16.0)).reshape(4, 4)

    def results(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = bh.value_grad_hessian(f, x, route="fused")
            total = tf.reduce_sum(found.hessian * tf.constant(weights, x.dtype))
        return found.gradient, found.hessian, tape.gradient(total, x)

    x = rows(10.0 ** np.arange(-15.25, 16, 0.5))
    pairs = zip(results(tf.constant(x)), results(tf.constant(x, tf.float64)), strict=True)
    for what, (actual, expected) in zip(("gradient", "blocks", "slopes"), pairs, strict=True):
        actual, expected = (np.reshape(a, (len(x), -1)).astype(float) for a in (actual, expected))
        size = np.abs(expected).max(1)
        fits = (size > 1e-32) & (size < 1e37)
        with subtests.test(what):
            assert fits.sum() > 4
            assert relative(actual[fits], expected[fits]).max() < 1e-4


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("layout", ["dense", "diag", "packed", "trace"])
def test_blocks_are_the_closed_form(name, layout):
    f, closed, lengths = FUNCTIONS[name]
    x = rows(lengths)
    expected = closed(tf.constant(x, tf.float64)).numpy()
    expected = {
        "dense": lambda b: b,
        "diag": lambda b: np.diagonal(b, axis1=1, axis2=2),
        "packed": lambda b: np.stack(
            [b[:, i, j] for i, j in zip(*np.triu_indices(4), strict=True)], 1
        ),
        "trace": lambda b: np.trace(b, axis1=1, axis2=2),
    }[layout](expected)
    actual = bh.hessian(f, tf.constant(x), layout=layout, route="fused")
    assert relative(actual, expected).max() < 2e-6


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products_and_directions(name):
    f, closed, lengths = FUNCTIONS[name]
    x = rows(lengths)
    blocks = closed(tf.constant(x, tf.float64)).numpy()
    v = np.array([0.3, 1.0, -0.4, 0.8], np.float32)
    product = bh.hvp(f, tf.constant(x), tf.constant(np.tile(v, (len(x), 1))), route="fused")
    assert relative(product, blocks @ v).max() < 2e-6
    # A direction by (H + damping I) p = -g, where the damping is as large as H.
    damping = np.abs(blocks).max((1, 2))
    with tf.GradientTape() as tape:
        wide = tf.constant(x, tf.float64)
        tape.watch(wide)
        y = f(wide)
    gradient = tape.gradient(y, wide).numpy()
    shifted = blocks + 3 * damping[:, None, None] * np.eye(4)
    expected = -np.linalg.solve(shifted, gradient[..., None])[..., 0]
    direction = bh.newton_direction(
        f, tf.constant(x), damping=tf.constant(3 * damping, tf.float32), route="fused"
    )
    assert relative(direction, expected).max() < 2e-5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_of_blocks(name):
    f, closed, lengths = FUNCTIONS[name]
    x, weights = rows(lengths), np.cos(np.arange(16.0)).reshape(4, 4)

    def gradient(blocks, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(blocks(x) * tf.constant(weights, x.dtype))
        return tape.gradient(total, x)

    actual = gradient(lambda x: bh.hessian(f, x, route="fused"), tf.constant(x))
    expected = gradient(closed, tf.constant(x, tf.float64))
    # An answer may leave the range itself.
    size = np.abs(expected).max(1)
    fits = (size < 1e37) & (size > 1e-36)
    assert fits.sum() >= len(fits) - 2
    assert relative(actual.numpy()[fits], expected.numpy()[fits]).max() < 5e-6


def test_parameters_have_the_same_gradients_beside_such_rows():
    """The parameters are weights c in sqrt(sum(c x**2)), and a factor a of that."""
    x = rows(10.0 ** np.array([-9, 0, 9]))

    def gradients(dtype):
        c, a = tf.constant([1.0, 2, 0.5, 1], dtype), tf.constant([[1.0], [2], [3]], dtype)
        with tf.GradientTape() as tape:
            tape.watch([c, a])
            t = tf.constant(x, dtype)
            blocks = bh.hessian(
                lambda x: a[:, 0] * tf.sqrt(tf.reduce_sum(c * x * x, 1)),
                t,
                route="fused" if dtype == tf.float32 else "autodiff",
            )
            # As large for each row.
            total = tf.reduce_sum(blocks * tf.norm(t, axis=1)[:, tf.newaxis, tf.newaxis])
        return tape.gradient(total, [c, a])

    for actual, expected in zip(gradients(tf.float32), gradients(tf.float64), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
