"""Second and third derivatives of row-wise functions, against differences of their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

import blockhess as bh

Function = Callable[[tf.Tensor], tf.Tensor]
TOLERANCES = {"float64": 1e-6, "float32": 2e-5}


@dataclass(frozen=True)
class Case:
    """A function of rows, a point, and what is known of it elsewhere.

    Attributes:
      name: what is differentiated.
      f: TensorFlow's function, (N, K) -> (N,).
      x: the rows.
      truth: the same in other words; None where f's own values in float64 serve.
      h: the largest step of the differences, within which f is smooth.
      dtype: the type in which f is differentiated.
      tolerance: of the blocks, relative to their largest element.
    """

    name: str
    f: Function
    x: np.ndarray
    truth: Function | None = None
    h: float = 0.03
    dtype: str = "float64"
    tolerance: float | None = None

    def __str__(self) -> str:
        return self.name

    def check(self, *, third: bool = True) -> None:
        check(
            self.f,
            self.x,
            truth=self.truth,
            h=self.h,
            dtype=self.dtype,
            tolerance=self.tolerance,
            third=third,
        )


def check(
    f: Function,
    x: np.ndarray | list,
    *,
    truth: Function | None = None,
    h: float = 0.03,
    dtype: str = "float64",
    tolerance: float | None = None,
    third: bool = True,
) -> None:
    """The blocks of f, and their slopes along a direction in a row, are right."""
    truth, points = truth or f, np.asarray(x, np.float64)
    tolerance = tolerance or TOLERANCES.get(dtype, 2e-2)
    blocks, slopes, v, weights = _derivatives(f, tf.constant(points, dtype), third)
    _assert_close(blocks, blocks_by_differences(truth, points, h), tolerance, "blocks")
    if third:
        along = [blocks_by_differences(truth, points + s * v, h) for s in _steps(h)]
        levels = [(along[2 * i] - along[2 * i + 1]) / (2 * h / 2**i) for i in range(3)]
        expected = np.sum(weights * _extrapolated(levels), (1, 2))
        _assert_close(slopes, expected, 100 * tolerance, "slopes")


def _derivatives(f: Function, x: tf.Tensor, third: bool):
    """The blocks, and the slopes of a weighted sum of each along a direction."""
    rng = np.random.default_rng(5)
    v = rng.normal(size=x.shape)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    weights = rng.normal(size=(*x.shape, x.shape[-1]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        blocks = bh.hessian(f, x, route="autodiff")
        total = tf.reduce_sum(blocks * tf.constant(weights, x.dtype))
    gradient = tape.gradient(total, x, unconnected_gradients="zero") if third else x
    slopes = np.sum(np.asarray(gradient, np.float64) * v, 1)
    return np.asarray(blocks, np.float64), slopes, v, weights


def _assert_close(actual, expected, tolerance: float, what: str) -> None:
    scale = max(1e-3, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale, err_msg=what)


def _steps(h: float) -> list[float]:
    return [h, -h, h / 2, -h / 2, h / 4, -h / 4]


def _extrapolated(levels: list[np.ndarray]) -> np.ndarray:
    """The limit of differences by steps that are each half of the one before."""
    a, b, c = levels
    first, second = (4 * b - a) / 3, (4 * c - b) / 3
    return (16 * second - first) / 15


def blocks_by_differences(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(N, K, K); all points are computed in one call."""
    N, K = x.shape
    unit = np.eye(K)
    corners = [(s * unit[:, None] + t * unit)[:, :, None] for s in (1, -1) for t in (1, -1)]
    steps = h / 2.0 ** np.arange(3)
    points = np.stack([x + step * np.stack(corners) for step in steps])
    y = np.asarray(f(tf.constant(points.reshape(-1, K))), np.float64).reshape(3, 4, K, K, N)
    mixed = np.moveaxis(y[:, 0] - y[:, 1] - y[:, 2] + y[:, 3], -1, 1)
    return _extrapolated(list(mixed / (4 * steps[:, None, None, None] ** 2)))


def in_batches(f: Function, rows: int) -> Function:
    """f, which takes that many rows, of as many as there are."""
    traced = tf.function(f, autograph=False)
    return lambda x: tf.concat([traced(part) for part in tf.split(x, len(x) // rows)], 0)


def in_numpy(function: Callable[[np.ndarray], np.ndarray]) -> Function:
    return lambda x: function(x.numpy())


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


def linear_values(op: Callable, K: int, dtype: str = "float32") -> Function:
    """`curved` of an operation that is affine in x, by the operation's values alone."""
    at_zero = np.asarray(op(tf.zeros((1, K), dtype)), np.float64).reshape(-1)
    at_units = np.asarray(op(tf.eye(K, dtype=dtype)), np.float64).reshape(K, -1)
    return in_numpy(lambda x: curved_values(at_zero + x @ (at_units - at_zero)))
