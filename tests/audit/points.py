"""Points that the tables share. Regular ones are drawn, special ones written out."""

from __future__ import annotations

import numpy as np


def drawn(low: float, high: float, *shape: int, seed: int = 7) -> np.ndarray:
    return np.round(np.random.default_rng(seed).uniform(low, high, shape), 3)


def rows(*cells: list[float]) -> np.ndarray:
    return np.array(cells, np.float64)


def single(x: np.ndarray) -> np.ndarray:
    """The points in float32, for operations that have no other type."""
    return x.astype(np.float32)


def spaced(*shape: int) -> np.ndarray:
    """As near to each other as 32 numbers within 0.9 have to be, for maxima without ties."""
    cells = np.linspace(-0.9, 0.9, int(np.prod(shape)))
    return np.round(np.random.default_rng(7).permutation(cells).reshape(shape), 3)


POSITIVE = drawn(0.2, 0.9, 2, 3)
SIGNED = POSITIVE * [[1, -1, 1], [-1, 1, -1]]
UNIT = drawn(-0.6, 0.6, 2, 3, seed=8)
ABOVE_ONE = 1.2 + POSITIVE
A_ZERO = rows([0.0, 0.4, -0.7], [0.3, 0.5, -0.2])
APART = rows([0.3, -0.8, 0.5], [-0.4, 0.2, -0.9])
"""No two cells of a row next to each other."""
ZEROS = rows([0.5, 0.7, 1.1, 0.9], [0, 0.7, 1.1, 0.9], [0, 0, 1.1, 0.9], [0, 0, 0, 0.9])
"""Rows with no zero, one, two, three."""

X4 = drawn(-0.9, 0.9, 2, 4)
X6 = drawn(-0.9, 0.9, 2, 6)
X7 = drawn(-0.9, 0.9, 2, 7)
X8 = drawn(-0.9, 0.9, 2, 8)
X9 = drawn(-0.9, 0.9, 2, 9)
X16 = spaced(2, 16)

MATRICES_2 = rows([1.3, 0.2, -0.4, 0.8], [0.9, -0.5, 0.3, 1.1])
MATRICES_3 = drawn(-0.8, 0.8, 2, 9) + [1.5, 0, 0, 0, 1.1, 0, 0, 0, 0.7]
"""Well away from singular ones."""
