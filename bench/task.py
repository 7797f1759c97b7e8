"""A task: what every peer computes in one comparison, and the arrays that it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cases import CASES, Case

QUANTITIES = ("hessian", "trace", "vjp")
LAYOUTS = ("dense", "diag", "packed")
# The errors that are allowed, relative to the largest entry.
TOLERANCES = {"float32": 1e-4, "float64": 1e-10}
_COMPARED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Task:
    """One quantity of one case, in one size and dtype.

    Attributes:
      quantity: "hessian", the blocks in `layout`; "trace", the trace of each block, (N,); "vjp",
        the gradient of <G, H> with respect to x, (N, K), with H dense.
    """

    section: str
    case_name: str
    N: int
    K: int
    dtype: str
    quantity: str = "hessian"
    layout: str = "dense"

    @property
    def case(self) -> Case:
        return CASES[self.case_name]

    @property
    def output_shape(self) -> tuple[int, ...]:
        if self.quantity == "trace":
            return (self.N,)
        if self.quantity == "vjp" or self.layout == "diag":
            return (self.N, self.K)
        if self.layout == "packed":
            return (self.N, self.K * (self.K + 1) // 2)
        return (self.N, self.K, self.K)

    @property
    def output_bytes(self) -> int:
        return int(np.prod(self.output_shape)) * np.dtype(self.dtype).itemsize

    @cached_property
    def x(self) -> np.ndarray:
        return np.random.default_rng(2).standard_normal((self.N, self.K), self.dtype)

    @cached_property
    def A(self) -> np.ndarray:
        """The matrix of the quadratic form: symmetric, positive definite, with x'Ax near 1."""
        root = np.random.default_rng(1).normal(size=(self.K, self.K)) / self.K
        return (np.eye(self.K) / self.K + root @ root.T / self.K).astype(self.dtype)

    @cached_property
    def G(self) -> np.ndarray:
        """The cotangent of the blocks, (N, K, K)."""
        return np.random.default_rng(3).standard_normal((self.N, self.K, self.K), self.dtype)

    def error(self, actual: np.ndarray, expected: np.ndarray) -> float:
        """The largest difference relative to the largest expected entry; NaN where there is one."""
        if actual.shape != expected.shape:
            raise ValueError(f"shape {actual.shape}; expected {expected.shape}")
        difference = scale = 0.0
        for rows in self._pieces(len(expected)):
            difference = np.maximum(difference, np.max(np.abs(actual[rows] - expected[rows])))
            scale = np.maximum(scale, np.max(np.abs(expected[rows])))
        return float(difference / scale) if scale else float(difference)

    def error_of_ours(self, ours: np.ndarray) -> float:
        """The error of our answer, against the closed form in float64."""
        if ours.shape != self.output_shape:
            raise ValueError(f"shape {ours.shape}; expected {self.output_shape}")
        if self.quantity == "vjp":
            # Finite differences are slow and rows are alike: some of them suffice.
            few = slice(0, 64)
            return self.error(ours[few].astype(np.float64), self._vjp_by_differences(few))
        errors = [
            self.error(ours[rows].astype(np.float64), self._closed_form(rows))
            for rows in self._pieces(self.N)
        ]
        return max(errors, key=lambda error: np.inf if np.isnan(error) else error)

    def tolerance_of_ours(self) -> float:
        """The error that is allowed; a larger one where the truth comes from finite differences."""
        return max(TOLERANCES[self.dtype], 1e-6 if self.quantity == "vjp" else 0)

    def _pieces(self, rows: int) -> Iterator[slice]:
        step = max(1, _COMPARED_AT_ONCE // (self.K * self.K))
        return (slice(start, start + step) for start in range(0, rows, step))

    def _closed_form(self, rows: slice) -> np.ndarray:
        blocks = self.case.blocks(self.x[rows].astype(np.float64), self.A.astype(np.float64))
        if self.quantity == "trace":
            return np.einsum("nkk->n", blocks)
        if self.layout == "diag":
            return np.einsum("nkk->nk", blocks)
        if self.layout == "packed":
            rows, columns = np.triu_indices(self.K)
            return blocks[:, rows, columns]
        return blocks

    def _vjp_by_differences(self, rows: slice) -> np.ndarray:
        x, A, G = (a.astype(np.float64) for a in (self.x[rows], self.A, self.G[rows]))
        step = 1e-5
        columns = []
        for direction in step * np.eye(self.K):
            after, before = (self.case.blocks(x + s * direction, A) for s in (1, -1))
            columns.append(np.einsum("nkl,nkl->n", G, after - before) / (2 * step))
        return np.stack(columns, 1)
