"""One check, and the comparison of a result with what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# The errors that are allowed, as parts of the largest number that is expected.
BOUNDS = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}


@dataclass(frozen=True)
class Check:
    """`run` gives the largest error it met, and raises where one is too large."""

    subject: str
    where: str
    run: Callable[[], float]


class Wrong(Exception):
    """A result is not the one that is expected."""


def error_of(name: str, result: object, expected: np.ndarray, dtype: str) -> float:
    """The largest error, relative to the largest number expected; raises Wrong if too large."""
    result = np.asarray(result).astype(np.float64)
    if result.shape != expected.shape:
        raise Wrong(f"{name}, {dtype}: shape {result.shape}; expected {expected.shape}")
    error = float(np.max(np.abs(result - expected)) / np.max(np.abs(expected)))
    if not error <= BOUNDS[dtype]:  # NaN, too
        raise Wrong(f"{name}, {dtype}: off by {error:.1e}; expected at most {BOUNDS[dtype]:.0e}")
    return error
