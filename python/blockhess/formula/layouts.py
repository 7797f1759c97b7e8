"""The layouts of blocks: what of a block is written, and in which shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Layout:
    """What is written of one row's block.

    Attributes:
      axes: the sizes of its axes, given K, which may be a tensor.
      count: how many values it has, as a formula in K.
      from_dense: takes dense blocks (..., K, K) to this layout.
    """

    axes: Callable[[Any], tuple]
    count: str
    from_dense: Callable[[np.ndarray], np.ndarray]

    @property
    def rank(self) -> int:
        return len(self.axes(1))

    def sizes(self, K: int | None) -> list[int | None]:
        """The static sizes of the axes, None where K is not known."""
        return [None] * self.rank if K is None else list(self.axes(K))

    def count_for(self, K: int | None) -> str:
        """How many values there are, as a number where K is known."""
        return self.count if K is None else str(math.prod(self.axes(K)))


def _upper_triangle(dense: np.ndarray) -> np.ndarray:
    return dense[(..., *np.triu_indices(dense.shape[-1]))]


LAYOUTS = {
    "dense": Layout(lambda K: (K, K), "K*K", lambda dense: dense),
    "diag": Layout(lambda K: (K,), "K", lambda dense: np.einsum("...kk->...k", dense)),
    "packed": Layout(lambda K: (K * (K + 1) // 2,), "K*(K+1)/2", _upper_triangle),
    "trace": Layout(lambda K: (), "1", lambda dense: np.einsum("...kk->...", dense)),
}
