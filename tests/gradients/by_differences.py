"""Second and third derivatives of row-wise functions, against differences of their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

import blockhess as bh

Values = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A function of rows, a point, and what is known of it elsewhere.

    Attributes:
      name: what is differentiated.
      f: TensorFlow's function, (N, K) -> (N,).
      x: the rows.
      values: the same in NumPy, in 64 bits; None where f itself can be computed so.
      h: the largest step of the differences, within which f is smooth.
      dtype: the type in which f is differentiated.
      tolerance: of the blocks, relative to their largest element.
    """

    name: str
    f: Callable[[tf.Tensor], tf.Tensor]
    x: np.ndarray
    values: Values | None = None
    h: float = 0.03
    dtype: str = "float64"
    tolerance: float | None = None

    def __str__(self) -> str:
        return self.name


def check(case: Case, *, third: bool = True) -> None:
    values = case.values or _values(case.f)
    x = np.asarray(case.x, np.float64)
    tolerance = case.tolerance or {"float64": 1e-6, "float32": 2e-5}.get(case.dtype, 2e-2)
    blocks, slopes, v, weights = _derivatives(case.f, tf.constant(x, case.dtype))
    expected = blocks_by_differences(values, x, case.h)
    _assert_close(blocks, expected, tolerance, "blocks")
    if third:
        along = [blocks_by_differences(values, x + s * v, case.h) for s in _steps(case.h)]
        expected = _slope(along, case.h)
        _assert_close(slopes, np.sum(weights * expected, (1, 2)), 100 * tolerance, "slopes")


def _derivatives(f: Callable, x: tf.Tensor):
    """The blocks, and the slopes of a weighted sum of each along a direction."""
    rng = np.random.default_rng(5)
    v = rng.normal(size=x.shape)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    weights = rng.normal(size=(*x.shape, x.shape[-1]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        blocks = bh.hessian(f, x, route="autodiff")
        total = tf.reduce_sum(blocks * tf.constant(weights, x.dtype))
    gradient = tape.gradient(total, x, unconnected_gradients="zero")
    slopes = np.sum(np.asarray(gradient, np.float64) * v, 1)
    return np.asarray(blocks, np.float64), slopes, v, weights


def _assert_close(actual, expected, tolerance: float, what: str) -> None:
    scale = max(1e-3, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def _values(f: Callable) -> Values:
    return lambda x: np.asarray(f(tf.constant(x, tf.float64)), np.float64)


def _steps(h: float) -> list[float]:
    return [h, -h, h / 2, -h / 2, h / 4, -h / 4]


def _slope(values: list[np.ndarray], h: float) -> np.ndarray:
    return _extrapolated([(values[2 * i] - values[2 * i + 1]) / (2 * h / 2**i) for i in range(3)])


def _extrapolated(levels: list[np.ndarray]) -> np.ndarray:
    a, b, c = levels
    first, second = (4 * b - a) / 3, (4 * c - b) / 3
    return (16 * second - first) / 15


def blocks_by_differences(values: Values, x: np.ndarray, h: float) -> np.ndarray:
    """(N, K, K); all points are computed in one call."""
    N, K = x.shape
    unit = np.eye(K)
    pairs = [(i, j, s, t) for i in range(K) for j in range(K) for s in (1, -1) for t in (1, -1)]
    levels = []
    for step in (h, h / 2, h / 4):
        points = np.stack([x + step * (s * unit[i] + t * unit[j]) for i, j, s, t in pairs])
        at = np.concatenate([values(block) for block in points]).reshape(K, K, 2, 2, N)
        mixed = at[:, :, 0, 0] - at[:, :, 0, 1] - at[:, :, 1, 0] + at[:, :, 1, 1]
        levels.append(np.moveaxis(mixed, -1, 0) / (4 * step**2))
    return _extrapolated(levels)


def weights(count: int) -> np.ndarray:
    return np.cos(np.arange(count) * 1.7 + 0.4) + 1.3


def curved(y: tf.Tensor) -> tf.Tensor:
    """A curved, weighted sum of all that `y` holds of each row: sin + 0.3 square."""
    y = tf.reshape(y, tf.stack([tf.shape(y)[0], -1]))
    w = tf.cos(tf.cast(tf.range(tf.shape(y)[1]), tf.float64) * 1.7 + 0.4) + 1.3
    w, part = tf.cast(w, y.dtype), tf.cast(0.3, y.dtype)
    return tf.reduce_sum(w * (tf.sin(y) + part * y * y), 1)


def curved_values(y: np.ndarray) -> np.ndarray:
    y = y.reshape(y.shape[0], -1)
    return np.sum(weights(y.shape[1]) * (np.sin(y) + 0.3 * y * y), 1)


def linear_values(op: Callable, K: int, dtype: str = "float32") -> Values:
    """`curved` of an operation that is affine in x, by the operation's values alone."""
    at_zero = np.asarray(op(tf.zeros((1, K), dtype)), np.float64).reshape(-1)
    at_units = np.asarray(op(tf.eye(K, dtype=dtype)), np.float64).reshape(K, -1)
    return lambda x: curved_values(at_zero + x @ (at_units - at_zero))
