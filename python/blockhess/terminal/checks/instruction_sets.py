"""The CPU backend alone, on every instruction set that runs here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from blockhess import _core
from blockhess.build import build_info
from blockhess.formula.layouts import LAYOUTS
from blockhess.terminal.checks.closed_form import Problem
from blockhess.terminal.checks.comparison import Check, error_of

# The term as the text of the op: phi = sin and psi = exp(-s), each with its derivatives.
TERM = (
    "blockhess 1 | phi 1: r1 = sin r0; r2 = cos r0; r3 = neg r1; return r1 r2 r3"
    " | quadratic | linear"
    " | psi 1: r1 = neg r0; r1 = exp r1; r2 = neg r1; return r1 r2 r1"
)
MAP = "blockhess 1 | map 2: r2 = erf r0; r3 = mul r2 r1; return r3"


def checks() -> list[Check]:
    return [
        Check("the formula, maps", f"CPU, {isa}", partial(_run, isa))
        for isa in build_info()["isas"]
    ]


def _run(isa: str) -> float:
    return max(error for dtype in ("float64", "float32") for error in _errors(isa, dtype))


def _errors(isa: str, dtype: str) -> Iterator[float]:
    problem = Problem(dtype)
    x, S, b = (problem.array(name) for name in "xSb")
    for layout in LAYOUTS:
        results = _core.terms(x, [S, b], TERM, layout=layout, isa=isa)
        for name, result in zip(("value", "gradient", layout), results, strict=True):
            yield error_of(name, result, problem.exact(name), dtype)
    flat = np.ascontiguousarray(x.reshape(-1))
    (product,) = _core.map(MAP, [flat, flat], isa=isa)
    expected = np.array([math.erf(value) * value for value in flat])
    yield error_of("map", product, expected, dtype)
