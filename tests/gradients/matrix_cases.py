"""What the tests of matrix functions compare with: differences of the gradient's own truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

import blockhess as bh

Function = Callable[[tf.Tensor], tf.Tensor]


def blocks(f: Function, x: np.ndarray, coupling: str = "assume_independent") -> np.ndarray:
    return bh.hessian(f, tf.constant(x), route="autodiff", coupling=coupling).numpy()


def assert_spoils_only(row: int, f: Function, x: np.ndarray) -> None:
    """The row's block is not finite, and the others are what they are beside a regular row."""
    spoilt = blocks(f, x, "check")
    assert not np.isfinite(spoilt[row]).all()
    regular = x.copy()
    regular[row] = x[row - 1]
    others = np.arange(len(x)) != row
    np.testing.assert_array_equal(spoilt[others], blocks(f, regular, "check")[others])


def slopes_of_blocks(f: Function, x: np.ndarray, weights: np.ndarray, h: float = 1e-3):
    """The gradient by x of the weighted sum of the blocks, by a tape and by differences."""

    def by_tape(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(
                bh.hessian(f, x, route="autodiff", coupling="assume_independent") * weights
            )
        return tape.gradient(total, x, unconnected_gradients="zero")

    def total(x: np.ndarray) -> np.ndarray:
        return np.sum(blocks(f, x) * weights, (1, 2))

    def differences(h: float) -> np.ndarray:
        steps = h * np.eye(x.shape[1])
        return np.stack([(total(x + e) - total(x - e)) / (2 * h) for e in steps], 1)

    return by_tape(tf.constant(x)).numpy(), (4 * differences(h / 2) - differences(h)) / 3


def relative(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The largest error of each row, relative to the largest entry of the row."""
    rows = len(expected)
    error = np.abs(actual - expected).reshape(rows, -1).max(1)
    return error / np.maximum(np.abs(expected).reshape(rows, -1).max(1), 1e-9)
