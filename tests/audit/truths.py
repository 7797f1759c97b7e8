"""What blocks are held against: differences of values, and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp
import numpy as np
import tensorflow as tf
from case import RowFunction, Truth
from row_functions import curvature, weights

Values = Callable[[np.ndarray], np.ndarray]
"""Points (N, P, K), P about each row, to values (N, P)."""


class Differences(NamedTuple):
    """Values (N,), gradients (N, K) and blocks (N, K, K) of N rows, and the blocks' error (N,)."""

    value: np.ndarray
    gradient: np.ndarray
    blocks: np.ndarray
    error: np.ndarray


def differences(values: Values, x: np.ndarray, step: float, free: np.ndarray) -> Differences:
    """Central differences by three steps, each half of the one before, extrapolated twice.

    Cells where `free`, (N, K), is false are held, as if f were constant in them.
    """
    K = x.shape[1]
    pairs = [(i, j) for i in range(K) for j in range(i)]
    unit = np.eye(K)
    pattern = np.concatenate(
        [unit, -unit, *([s * unit[i] + t * unit[j] for i, j in pairs] for s, t in _SIGNS if pairs)]
    )
    steps = step / 2.0 ** np.arange(3)
    offsets = np.concatenate([np.zeros((1, K)), *(h * pattern for h in steps)])
    found = values(x[:, None] + offsets * free[:, None])
    center, levels = found[:, :1], np.split(found[:, 1:], 3, axis=1)
    gradients, blocks = zip(
        *(_level(level, center, h, pairs, K) for level, h in zip(levels, steps, strict=True)),
        strict=True,
    )
    gradient, _ = _extrapolated(gradients)
    block, error = _extrapolated(blocks)
    return Differences(center[:, 0], gradient, block, error.max((1, 2)))


_SIGNS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]


def _level(
    found: np.ndarray, center: np.ndarray, h: float, pairs: list[tuple[int, int]], K: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gradients and blocks by one step, from values in the order of the pattern."""
    plus, minus, corners = np.split(found, [K, 2 * K], axis=1)
    blocks = np.zeros((len(found), K, K))
    blocks[:, range(K), range(K)] = (plus - 2 * center + minus) / h**2
    if pairs:
        a, b, c, d = np.split(corners, 4, axis=1)
        i, j = np.transpose(pairs)
        blocks[:, i, j] = blocks[:, j, i] = (a - b - c + d) / (4 * h**2)
    return (plus - minus) / (2 * h), blocks


def _extrapolated(levels: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The limit, and how much the last extrapolation changed it."""
    a, b, c = levels
    first, second = (4 * b - a) / 3, (4 * c - b) / 3
    best = (16 * second - first) / 15
    return best, np.abs(best - second)


def values_of(f: RowFunction, by_batch: bool = False) -> Values:
    """f in float64: at all points as rows of one call, or of as many rows as x has at a time."""
    traced = tf.function(f, autograph=False)

    def call(points: np.ndarray) -> np.ndarray:
        return np.asarray(traced(tf.constant(points, tf.float64)), np.float64).reshape(-1)

    def at_once(points: np.ndarray) -> np.ndarray:
        return call(points.reshape(-1, points.shape[-1])).reshape(points.shape[:2])

    def batches(points: np.ndarray) -> np.ndarray:
        return np.stack([call(points[:, p]) for p in range(points.shape[1])], 1)

    return batches if by_batch else at_once


def differences_of(f: RowFunction, step: float = 0.03) -> Truth:
    """Blocks of another function than the row's, where a convention is that function's."""
    return lambda x: differences(values_of(f), x, step, np.ones_like(x, bool)).blocks


def constant_at_zero(f: RowFunction, step: float = 0.03) -> Truth:
    """Blocks of f, as if it were constant in the cells that are zero."""
    return lambda x: differences(values_of(f), x, step, x != 0).blocks


def differences_of_gradient(f: RowFunction, step: float = 1e-3) -> Truth:
    """Differences of the gradient that TensorFlow gives f, be it f's own or one by definition."""

    def gradient(x: np.ndarray) -> np.ndarray:
        point = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(point)
            y = f(point)
        return tape.gradient(y, point).numpy()

    def truth(x: np.ndarray) -> np.ndarray:
        def columns(h: float) -> np.ndarray:
            moves = h * np.eye(x.shape[1])
            return np.stack([(gradient(x + e) - gradient(x - e)) / (2 * h) for e in moves], 1)

        return (4 * columns(step / 2) - columns(step)) / 3

    return truth


def zeros(x: np.ndarray) -> np.ndarray:
    return np.zeros((*x.shape, x.shape[1]))


def curved_of_linear(op: Callable[[tf.Tensor], tf.Tensor], dtype: str = "float32") -> Truth:
    """Blocks of curved(op(x)) for an op that is affine in x: from its values at unit vectors."""

    def truth(x: np.ndarray) -> np.ndarray:
        def values(x: np.ndarray) -> np.ndarray:
            return np.asarray(op(tf.constant(x, dtype)), np.float64).reshape(len(x), -1)

        origin = values(np.zeros_like(x))
        columns = [values(np.zeros_like(x) + unit) - origin for unit in np.eye(x.shape[1])]
        matrix = np.stack(columns, 1)
        return np.einsum("nkm,nm,nlm->nkl", matrix, curvature(values(x)), matrix)

    return truth


def weighted_by_mpmath(*functions: Callable[[mp.mpf], mp.mpf]) -> Truth:
    """Blocks of a weighted sum of one function of all cells, or of one for each column."""

    def truth(x: np.ndarray) -> np.ndarray:
        K = x.shape[1]
        columns = functions if len(functions) > 1 else functions * K
        with mp.workdps(50):
            second = [
                [float(mp.re(mp.diff(u, a, 2))) for u, a in zip(columns, r, strict=True)] for r in x
            ]
        return np.array(second)[:, None] * weights(K)[:, None] * np.eye(K)

    return truth
