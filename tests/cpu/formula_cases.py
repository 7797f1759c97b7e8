"""The terms that the tests of the CPU backend run, and their random operands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from formula_reference import EXP, GAUSSIAN, IDENTITY, SCALED_SQUARE, SQUARE, WAVE, Term

Generator = np.random.Generator
LAYOUTS = ["dense", "diag", "packed", "trace"]
SIZES_K = [1, 2, 3, 8, 17, 33, 130]


def matrix(random: Generator, *shape: int) -> np.ndarray:
    """Not symmetric on purpose; scaled so that x' S x stays of order one."""
    return random.normal(size=shape) / shape[-1]


def vector(random: Generator, *shape: int) -> np.ndarray:
    return random.normal(size=shape) / np.sqrt(shape[-1])


def parameter(random: Generator, *shape: int) -> np.ndarray:
    return random.uniform(0.5, 1.5, size=shape)


# Each from (random, N, K) to the terms of a sum.
CASES: dict[str, Callable[[Generator, int, int], list[Term]]] = {
    "separable, identity": lambda r, N, K: [Term(EXP, (), None, None, IDENTITY)],
    "separable, gaussian": lambda r, N, K: [
        Term(SCALED_SQUARE, (np.array(1 / K),), None, None, GAUSSIAN)
    ],
    "shared S, identity": lambda r, N, K: [Term(None, (), matrix(r, K, K), None, IDENTITY)],
    "shared S, gaussian": lambda r, N, K: [Term(None, (), matrix(r, K, K), None, GAUSSIAN)],
    "S of shape (1, K, K)": lambda r, N, K: [Term(None, (), matrix(r, 1, K, K), None, GAUSSIAN)],
    "S per row": lambda r, N, K: [Term(None, (), matrix(r, N, K, K), None, GAUSSIAN)],
    "shared b": lambda r, N, K: [Term(None, (), None, vector(r, K), GAUSSIAN)],
    "b of shape (1, K)": lambda r, N, K: [Term(None, (), None, vector(r, 1, K), GAUSSIAN)],
    "b per row": lambda r, N, K: [Term(None, (), None, vector(r, N, K), GAUSSIAN)],
    "all parts": lambda r, N, K: [
        Term(
            WAVE,
            (parameter(r) / K, parameter(r, K)),
            matrix(r, K, K),
            vector(r, K),
            WAVE,
            (parameter(r), parameter(r, N)),
        )
    ],
    "all parts per row": lambda r, N, K: [
        Term(
            WAVE,
            (parameter(r, N, K) / K, parameter(r, N, 1)),
            matrix(r, N, K, K),
            vector(r, N, K),
            WAVE,
            (parameter(r, N, 1), parameter(r, 1)),
        )
    ],
    "parameters of shape (1, K), (1, 1)": lambda r, N, K: [
        Term(WAVE, (parameter(r, 1, K) / K, parameter(r, 1, 1)), None, None, GAUSSIAN)
    ],
    "three terms": lambda r, N, K: [
        Term(SQUARE, (), None, vector(r, K), IDENTITY),
        Term(None, (), matrix(r, K, K), None, GAUSSIAN),
        Term(WAVE, (parameter(r) / K, parameter(r, K)), None, vector(r, K), GAUSSIAN),
    ],
}


def points(random: Generator, N: int, K: int) -> np.ndarray:
    return random.normal(size=(N, K))
