"""Every instruction and composition at a few dozen hard points, as exact as bench/results says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from accuracy import by_the_op, counts, on_the_core, points, truths, ulps  # noqa: E402
from accuracy_cases import COMPOSITIONS, INSTRUCTIONS  # noqa: E402
from blockhess import _core  # noqa: E402
from jets import MATH, ORDERS, truth  # noqa: E402

# The first of the random points that the table was made of.
SOME = 3
# What another processor's instructions may add to the table's error.
SLACK = 2.0

TABLE = {
    (r["case"], r["dtype"], r["order"]): r["worst"]
    for r in json.loads((BENCH / "results" / "accuracy.json").read_text())["records"]
}
DTYPES = ("float32", "float64")


def _check(case, dtype, x, results):
    exact = truths(case, x)
    for order in range(ORDERS):
        bound = SLACK * max(TABLE[case.name, dtype, order], 1.0)
        for i, point in enumerate(x):
            if np.isfinite(point[0]) and counts(case, order, point, exact[i]):
                error = ulps(float(results[order, i]), exact[i][order], dtype)
                assert error <= bound, (order, point, results[order, i], exact[i][order], error)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", INSTRUCTIONS, ids=lambda case: case.name)
def test_an_instruction_and_its_derivatives_are_as_exact_as_the_table_says(case, dtype):
    x = points(case, dtype, SOME, subnormal=True)
    for isa in _core.build_facts()["isas"]:
        _check(case, dtype, x, on_the_core(case, x, isa))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", COMPOSITIONS, ids=lambda case: case.name)
def test_a_composition_and_its_derivatives_are_as_exact_as_the_table_says(case, dtype):
    x = points(case, dtype, SOME, subnormal=False)
    _check(case, dtype, x, by_the_op(case, x))


CLOSED_FORMS = [
    ("a power", lambda m, x: m.pow(x, 2.5), 4.0, (32.0, 20.0, 7.5, 0.9375)),
    ("x log x at a pole", lambda m, x: x * m.log(x), 0.0, (0.0, -np.inf, np.inf, -np.inf)),
    ("a tail", lambda m, x: m.softplus(x), np.inf, (np.inf, 1.0, 0.0, 0.0)),
    ("exp(-800) beside 1", lambda m, x: m.tanh(x), 400.0, (1.0, 0.0, 0.0, 0.0)),
    ("what cancels", lambda m, x: (m.exp(x) - 1.0) / x, 1e-300, (1.0, 0.5, 1 / 3, 0.25)),
]


@pytest.mark.parametrize(
    ("f", "point", "expected"), [pytest.param(*row, id=name) for name, *row in CLOSED_FORMS]
)
def test_the_truth_is_the_closed_form(f, point, expected):
    found = [float(value) for value in truth(f, [point])]
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-300)


def test_the_truth_of_a_row_is_the_derivative_to_its_first_cell():
    _, slope, second, third = truth(lambda m, x: m.log(m.sum(m.exp(x))), [0.0, 0.0])
    assert (slope, second, third) == (0.5, 0.25, 0.0)
    assert MATH.sum(np.array([[1.0, 2.0]])) == 3.0
