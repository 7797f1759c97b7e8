"""The modified Cholesky factorisation as the book has it, in NumPy, for one dense block.

Gill, Murray and Wright, Practical Optimization (1981), section 4.4.2.2, without interchanges, and
so with a larger beta; with sizes relative to the block's.
"""

from __future__ import annotations

import numpy as np


def factors(A: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """The unit lower triangular L and the diagonal d."""
    n = len(A)
    gamma = np.abs(np.diag(A)).max()
    xi = np.abs(A - np.diag(np.diag(A))).max()
    if gamma + xi == 0:
        return np.eye(n), np.ones(n)
    beta_squared = 1.5 * max(gamma, xi / np.sqrt(max(n * n - 1, 1)))
    delta = eps * (gamma + xi)
    L, c, d = np.eye(n), np.zeros((n, n)), np.zeros(n)
    np.fill_diagonal(c, np.diag(A))
    for j in range(n):
        L[j, :j] = c[j, :j] / d[:j]
        below = slice(j + 1, n)
        c[below, j] = A[below, j] - c[below, :j] @ L[j, :j]
        theta = np.abs(c[below, j]).max(initial=0)
        d[j] = max(abs(c[j, j]), theta * theta / beta_squared, delta)
        for i in range(j + 1, n):
            c[i, i] -= c[i, j] ** 2 / d[j]
    return L, d


def direction(H: np.ndarray, g: np.ndarray, eps: float = 2.0**-52) -> np.ndarray:
    """p that solves (H + E) p = -g."""
    L, d = factors(H, eps)
    return -np.linalg.solve(L @ np.diag(d) @ L.T, g)


def directions(H: np.ndarray, g: np.ndarray, eps: float = 2.0**-52) -> np.ndarray:
    """Row by row, (N, K)."""
    return np.array([direction(*row, eps) for row in zip(H, g, strict=True)]).reshape(g.shape)
