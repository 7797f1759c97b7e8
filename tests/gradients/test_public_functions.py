"""Functions that people posted as wrong twice differentiated, with the blocks that are right."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh


def blocks_of(f, x, dtype=tf.float64):
    return bh.hessian(f, tf.constant(x, dtype)).numpy()


def test_softplus_of_a_resized_image():
    """B diag(sigmoid'(B x)) B', where B resizes unit images."""

    def resized(x):
        return tf.reshape(tf.image.resize(tf.reshape(x, (-1, 3, 3, 1)), (6, 6)), (-1, 36))

    x = np.random.default_rng(18).normal(size=(4, 9)).astype(np.float32)
    B = resized(tf.eye(9)).numpy()
    s = 1 / (1 + np.exp(-x @ B))
    expected = np.einsum("ip,np,jp->nij", B, s * (1 - s), B)
    for coupling in ("exact", "assume_independent"):
        actual = bh.hessian(
            lambda x: tf.reduce_sum(tf.nn.softplus(resized(x)), 1), x, coupling=coupling
        )
        np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_a_product_of_rows_with_zeros():
    x = np.array([[0.0, 2, 3, 4], [1, 0, 0, 2], [5, 2, 0, 3]])
    expected = np.zeros((3, 4, 4))
    for i in range(4):
        for j in {*range(4)} - {i}:
            expected[:, i, j] = np.prod(np.delete(x, [i, j], 1), 1)
    actual = blocks_of(lambda x: tf.reduce_prod(x, 1), x)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_running_products_with_zeros():
    """w1 x0 x1 + w2 x0 x1 x2 + w3 x0 x1 x2 x3, by hand."""
    w = [1.0, -2.0, 3.0, 0.5]
    x = np.array([[0.9, 0, 0.8, 0.7], [0, 0.5, 0, 0.7]])
    a, b, c, d = x.T
    pairs = {
        (0, 1): w[1] + w[2] * c + w[3] * c * d,
        (0, 2): w[2] * b + w[3] * b * d,
        (0, 3): w[3] * b * c,
        (1, 2): w[2] * a + w[3] * a * d,
        (1, 3): w[3] * a * c,
        (2, 3): w[3] * a * b,
    }
    expected = np.zeros((2, 4, 4))
    for (i, j), value in pairs.items():
        expected[:, i, j] = expected[:, j, i] = value
    actual = blocks_of(lambda x: tf.reduce_sum(w * tf.math.cumprod(x, 1), 1), x)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_squared_eigenvalues_of_six_numbers():
    def f(x):
        xx, yy, zz, xy, yz, xz = tf.unstack(x, axis=1)
        rows = [tf.stack(row, 1) for row in ([xx, xy, xz], [xy, yy, yz], [xz, yz, zz])]
        return tf.reduce_sum(tf.linalg.eigvalsh(tf.stack(rows, 1)) ** 2, 1)

    x = [[1.0, 1, 1, 0, 0, 0], [1.5, 0.8, 0.8, 0, 0, 0]]
    expected = np.broadcast_to(np.diag([2.0, 2, 2, 4, 4, 4]), (2, 6, 6))
    np.testing.assert_allclose(blocks_of(f, x), expected, atol=1e-9)


def test_the_logarithm_of_a_bessel_function_at_zero():
    blocks = blocks_of(lambda x: tf.reduce_sum(tf.math.log(tf.math.bessel_i0(x)), 1), [[0.0, 0.0]])
    np.testing.assert_allclose(blocks[0], np.eye(2) / 2, atol=1e-12)


def test_a_polynomial_by_powers_at_zero():
    c = np.array([0.3, -1.2, 0.7, 2.0])

    def f(x):
        return tf.reduce_sum(c * tf.pow(x[:, :, None], [1.0, 2.0, 3.0, 4.0]), [1, 2])

    x = np.array([[0.0, 0.5], [-0.4, 0.0]])
    second = 2 * c[1] + 6 * c[2] * x + 12 * c[3] * x**2
    np.testing.assert_allclose(blocks_of(f, x), second[:, None] * np.eye(2), atol=1e-12)


def test_a_determinant_whose_row_is_singular_beside_others():
    random = np.random.default_rng(18).normal(size=9)
    x = np.stack([np.arange(9.0), random, np.zeros(9)])
    f = lambda x: tf.linalg.det(tf.reshape(x, (-1, 3, 3)))  # noqa: E731
    expected = np.zeros((3, 9, 9))
    for i in range(9):
        for j in range(9):
            (a, b), (c, d) = divmod(i, 3), divmod(j, 3)
            if a != c and b != d:
                third = x[:, 3 * (3 - a - c) + 3 - b - d]
                expected[:, i, j] = third * _sign(a, c) * _sign(b, d)
    np.testing.assert_allclose(blocks_of(f, x), expected, atol=1e-12)


def _sign(i: int, j: int) -> int:
    """The sign of the permutation of 0, 1, 2 that begins with i and j."""
    return 1 if (j - i) % 3 == 1 else -1


def normalized_by_hand(y):
    mean, variance = tf.nn.moments(y, [1], keepdims=True)
    return (y - mean) * tf.math.rsqrt(variance + 1e-3)


def attention(width: int):
    norm = keras.layers.LayerNormalization(dtype="float64")
    heads = keras.layers.MultiHeadAttention(2, 3, dtype="float64", seed=1)

    def layer(x):
        y = norm(tf.reshape(x, (-1, width, 2)))
        return tf.reshape(heads(y, y) + y, (-1, 2 * width))

    return layer


def with_weights(layer):
    """The layer, with weights that are none of its defaults."""
    layer.build((None, 6))
    generator = np.random.default_rng(3)
    layer.set_weights([0.5 + generator.random(w.shape) for w in layer.get_weights()])
    return lambda x: layer(x, training=False)


NORMALIZATIONS = {
    "moments": lambda: normalized_by_hand,
    "LayerNormalization": lambda: with_weights(keras.layers.LayerNormalization(dtype="float64")),
    "GroupNormalization": lambda: with_weights(keras.layers.GroupNormalization(3, dtype="float64")),
    "RMSNormalization": lambda: with_weights(keras.layers.RMSNormalization(dtype="float64")),
    "UnitNormalization": lambda: keras.layers.UnitNormalization(dtype="float64"),
    "BatchNormalization": lambda: with_weights(keras.layers.BatchNormalization(dtype="float64")),
    "attention": lambda: attention(3),
}


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_what_normalizes_rows_has_the_blocks_of_differences(name):
    layer, rng = NORMALIZATIONS[name](), np.random.default_rng(18)
    w = tf.constant(rng.normal(size=(6, 4)))

    def f(x):
        return tf.reduce_sum(tf.tanh(layer(tf.sin(x)) @ w), 1)

    check(f, rng.normal(size=(3, 6)), h=0.01, tolerance=1e-6)
