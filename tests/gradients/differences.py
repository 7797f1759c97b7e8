"""Second and third derivatives of row-wise functions, held against extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

import blockhess as bh

Function = Callable[[tf.Tensor], tf.Tensor]


def _extrapolated(level: Callable[[float], np.ndarray], h: float) -> np.ndarray:
    """The limit for h to 0 of what differs from it by even powers of h."""
    a, b, c = level(h), level(h / 2), level(h / 4)
    return (16 * (4 * c - b) / 3 - (4 * b - a) / 3) / 15


def hessians(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """Blocks (N, K, K) by values of f at all points around, one call a step."""
    N, K = x.shape
    unit = np.eye(K)

    def level(h: float) -> np.ndarray:
        corners = [(s * unit[:, None] + t * unit) * h for s in (1, -1) for t in (1, -1)]
        points = x[None, None, None] + np.stack(corners)[:, :, :, None]
        y = np.asarray(f(tf.constant(points.reshape(-1, K)))).reshape(4, K, K, N)
        return np.moveaxis(y[0] - y[1] - y[2] + y[3], -1, 0) / (4 * h * h)

    return _extrapolated(level, h)


def check(
    f: Function, x: list, *, truth: Function | None = None, h: float = 0.03, tol: float = 1e-6
) -> None:
    """The blocks of f at x, and their gradient by a tape, are right.

    Args:
      f: takes (N, K), returns (N,).
      x: the points, float64.
      truth: f as its values are to be had for the differences, if not by f.
      h: the step of the differences.
      tol: errors up to this part of the largest entry are those of differences.
    """
    points = np.asarray(x, np.float64)
    N, K = points.shape
    expected = hessians(truth or f, points, h)
    weights = np.cos(np.arange(K * K) * 1.7).reshape(K, K)
    steps = [s * far * np.eye(K)[:, None] for far in (h, h / 2, h / 4) for s in (1, -1)]
    # All points in one call, which is one graph to build.
    every = tf.constant(np.concatenate([points, *(points + s for s in np.concatenate(steps))]))
    with tf.GradientTape() as tape:
        tape.watch(every)
        blocks = bh.hessian(f, every, route="autodiff")
        sums = tf.reduce_sum(blocks * weights, (1, 2))
        own = tf.reduce_sum(sums[:N])
    _close(blocks[:N], expected, tol)
    around = dict(zip((h, h / 2, h / 4), np.asarray(sums[N:]).reshape(3, 2, K, N), strict=True))
    slopes = _extrapolated(lambda h: (around[h][0] - around[h][1]).T / (2 * h), h)
    _close(tape.gradient(own, every)[:N], slopes, tol)


def _close(actual: tf.Tensor, expected: np.ndarray, tol: float) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tol * max(1, np.abs(expected).max()))
