"""Row-wise functions that the tables share: what stands around the operation of a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

MIX = np.round(np.random.default_rng(3).normal(size=(8, 4)), 2)
W = MIX[:3]
"""The weights of a layer from three cells to four."""


def weights(count: int) -> np.ndarray:
    """No two alike, none zero."""
    return np.cos(np.arange(count) * 1.7 + 0.4) + 1.3


def _weights_of(cells: tf.Tensor) -> tf.Tensor:
    if cells.shape[1] is not None:
        return tf.constant(weights(cells.shape[1]), cells.dtype)
    places = tf.range(tf.cast(tf.shape(cells)[1], tf.float64), dtype=tf.float64)
    return tf.cast(tf.cos(places * 1.7 + 0.4) + 1.3, cells.dtype)


def weighted(cells: tf.Tensor) -> tf.Tensor:
    """A weighted sum of each row's cells, which may be fused."""
    return tf.reduce_sum(cells * _weights_of(cells), 1)


def curved(values: tf.Tensor) -> tf.Tensor:
    """A weighted sum of sin(y) + 0.3 y^2 of all that `values` holds of each row."""
    rows = values.shape[0] if values.shape[0] is not None else tf.shape(values)[0]
    cells = tf.reshape(values, (rows, -1))
    return tf.reduce_sum(_weights_of(cells) * (tf.sin(cells) + 0.3 * cells * cells), 1)


def curvature(cells: np.ndarray) -> np.ndarray:
    """The second derivatives of `curved` by its cells, (N, M)."""
    return weights(cells.shape[1]) * (0.6 - np.sin(cells))


def mixed(cells: tf.Tensor) -> tf.Tensor:
    """`curved` of mixtures of the cells, which is not fused."""
    return curved(cells @ tf.constant(MIX[: cells.shape[1]] * 0.5, cells.dtype))


def network(x: tf.Tensor) -> tf.Tensor:
    """Four logits of three cells."""
    return tf.tanh(x @ tf.constant(W, x.dtype)) @ tf.constant(MIX[:4], x.dtype)


def slope(u: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """The gradient of the sum of u(x)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = u(x)
    return tape.gradient(y, x)


def matrices(x: tf.Tensor, n: int = 2) -> tf.Tensor:
    return tf.reshape(x, (-1, n, n))


def symmetric(x: tf.Tensor) -> tf.Tensor:
    return matrices(x) + tf.linalg.matrix_transpose(matrices(x))


def positive_definite(x: tf.Tensor, n: int = 2) -> tf.Tensor:
    square = tf.matmul(matrices(x, n), matrices(x, n), transpose_b=True)
    return square + 0.5 * tf.eye(n, dtype=x.dtype)


def images(x: tf.Tensor, size: int = 4) -> tf.Tensor:
    """The rows as images of one channel."""
    return tf.reshape(x, (-1, size, size, 1))


def power(z: tf.Tensor) -> tf.Tensor:
    """`curved` of the squared magnitudes of complex numbers."""
    return curved(tf.math.real(z * tf.math.conj(z)))


def interleaved(x: tf.Tensor) -> tf.Tensor:
    """Complex numbers of cells that are their real and imaginary parts in turn."""
    return tf.complex(x[:, ::2], x[:, 1::2])


def halves(x: tf.Tensor) -> tf.Tensor:
    """Complex numbers whose real parts are the first half of the cells."""
    middle = x.shape[1] // 2
    return tf.complex(x[:, :middle], x[:, middle:])


def kernel(*shape: int) -> np.ndarray:
    """Weights of a convolution."""
    return np.round(np.random.default_rng(5).normal(size=shape) * 0.5, 3)


def repeated(x: tf.Tensor, values: np.ndarray) -> tf.Tensor:
    """The same values for each row of x."""
    return tf.repeat(tf.constant(values, x.dtype)[None], x.shape[0], 0)


def standardized(x: tf.Tensor, epsilon: float) -> tf.Tensor:
    """Each row less its mean, over the root of its variance, without TensorFlow's moments."""
    variance = tf.math.reduce_variance(x, 1, keepdims=True)
    return (x - tf.reduce_mean(x, 1, keepdims=True)) / tf.sqrt(variance + epsilon)
