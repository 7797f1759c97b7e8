"""Every instruction and composition at a few dozen hard points, as exact as bench/results says."""

from __future__ import annotations

import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import accuracy_bounds  # noqa: E402
from accuracy import by_the_op, counts, on_the_core, points, truths, ulps  # noqa: E402
from accuracy_cases import COMPOSITIONS, INSTRUCTIONS  # noqa: E402
from blockhess import _core  # noqa: E402
from instruction_cases import CASES  # noqa: E402
from jets import MATH, ORDERS, by_differences, truth  # noqa: E402

# The first of the random points that the bounds were measured at.
SOME = 3
# What another processor's instructions may add to an error.
SLACK = 2.0
# The largest error where none has been measured, at the infinities, too.
UNMEASURED = 64.0
MEASURE = "python bench/accuracy.py --points 12 --cases NAME takes those of a commit"

WORST = accuracy_bounds.read(BENCH / "results" / accuracy_bounds.NAME).worst
DTYPES = ("float32", "float64")
# A stable form, a choice, a link and a norm.
QUICK = {"log(1 + exp(x))", "xlogy(x, x)", "softplus(sum(row))", "sum(row**3)**(1/3)"}


def in_tiers(cases, is_quick):
    """The cases, those that are not quick for --all."""
    return [
        pytest.param(case, id=case.name, marks=[] if is_quick(case.name) else pytest.mark.full)
        for case in cases
    ]


def _check(case, dtype, x, exact, results):
    known = WORST.get((case.name, dtype))
    for order in range(ORDERS):
        errors = {
            i: ulps(float(results[order, i]), exact[i][order], dtype)
            for i, point in enumerate(x)
            if (np.isfinite(point[0]) or known is None) and counts(case, order, point, exact[i])
        }
        i = max(errors, key=errors.__getitem__)
        bound = UNMEASURED if known is None else SLACK * max(known[order], 1.0)
        assert errors[i] <= bound, (
            f"order {order} at {x[i]}: {results[order, i]}, not {exact[i][order]}"
            + ("" if known else f"; no bounds are known of {case.name}: {MEASURE}")
        )


@pytest.mark.parametrize("case", in_tiers(INSTRUCTIONS, lambda name: "gamma" not in name))
def test_an_instruction_and_its_derivatives_are_as_exact_as_the_bounds_say(case, subtests):
    for dtype in DTYPES:
        x = points(case, dtype, SOME, subnormal=True)
        exact = truths(case, x)
        for isa in _core.build_facts()["isas"]:
            with subtests.test(dtype=dtype, isa=isa):
                _check(case, dtype, x, exact, on_the_core(case, x, isa))


@pytest.mark.parametrize("case", in_tiers(COMPOSITIONS, QUICK.__contains__))
def test_a_composition_and_its_derivatives_are_as_exact_as_the_bounds_say(case, subtests):
    for dtype in DTYPES:
        x = points(case, dtype, SOME, subnormal=False)
        with subtests.test(dtype=dtype):
            _check(case, dtype, x, truths(case, x), by_the_op(case, x))


def test_no_bound_is_of_a_case_that_there_is_not():
    cases = {(case.name, dtype) for case in (*INSTRUCTIONS, *COMPOSITIONS) for dtype in DTYPES}
    assert WORST.keys() <= cases
    assert all(len(worst) == ORDERS for worst in WORST.values())


def _by_meaning(name):
    return np.frompyfunc(by_differences(CASES[name].meaning), 1, 1)


@pytest.mark.parametrize("point", [1e-30, 0.3, -2.0, 40.0, 1e308])
@pytest.mark.parametrize("name", ["tanh", "softplus", "atan"])
def test_the_truth_by_differences_is_that_by_slopes(name, point):
    """An instruction that jets.py does not know needs no more than its meaning in mpmath."""
    by_meaning = truth(lambda m, x: _by_meaning(name)(x), [point])
    for a, b in zip(by_meaning, truth(lambda m, x: getattr(m, name)(x), [point]), strict=True):
        assert mp.almosteq(a, b, rel_eps=1e-25, abs_eps=1e-300)


@pytest.mark.parametrize("name", ["abs", "sign"])
def test_the_truth_by_differences_has_a_value_and_no_slope_at_a_kink(name):
    value, *slopes = truth(lambda m, x: _by_meaning(name)(x), [0.0])
    assert value == 0 and all(map(mp.isnan, slopes))


@pytest.mark.parametrize(("name", "end"), [("acosh", 1.0), ("log1p", -1.0), ("sqrt", 0.0)])
def test_the_truth_by_differences_is_the_limit_at_an_end_of_the_domain(name, end):
    by_meaning = truth(lambda m, x: _by_meaning(name)(x), [end])
    assert by_meaning == truth(lambda m, x: getattr(m, name)(x), [end])


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
