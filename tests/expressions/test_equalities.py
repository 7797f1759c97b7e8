"""What a choice by equality holds at a single point has nothing to say of the slopes there."""

import math

import numpy as np
import pytest

from blockhess import expressions as e
from blockhess.expressions import Variable, differentiate
from blockhess.expressions.composed import divide_no_nan, xdivy, xlog1py, xlogy

x, p = Variable("x"), Variable("p")
SINC = e.sin(x) / x
AT_ZERO = e.equal(x, 0)
SAFE = e.select(AT_ZERO, 1, x)
NAN = math.nan

#: f, and its first three derivatives at x = 0, p = 3, in closed form.
ROWS = {
    "a value that fits": (e.select(AT_ZERO, 0, x * x), (0, 2, 0)),
    "one that does not": (e.select(AT_ZERO, 7, e.exp(x)), (1, 1, 1)),
    "the other way round": (e.select(e.not_equal(x, 0), e.exp(x), 7), (1, 1, 1)),
    "not equal": (e.select(1 - AT_ZERO, e.exp(x), 7), (1, 1, 1)),
    "a parameter's value": (e.select(e.equal(x, p - 3), p, e.exp(x)), (1, 1, 1)),
    "one of two points": (e.select(e.max(AT_ZERO, e.equal(x, 1)), 7, e.exp(x)), (1, 1, 1)),
    "and a condition": (e.select(AT_ZERO * e.less(p, 4), 7, e.exp(x)), (1, 1, 1)),
    "the size": (e.select(e.equal(e.abs(x), 0), 7, e.exp(x)), (1, 1, 1)),
    "as a factor": (x * e.select(AT_ZERO, 1, e.exp(x)), (1, 2, 3)),
    "0 / 0": (e.select(AT_ZERO, 1, SINC), (NAN, NAN, NAN)),
    "0 / 0 made safe": (e.select(AT_ZERO, 1, e.sin(SAFE) / SAFE), (NAN, NAN, NAN)),
    "by a mask": (e.select(AT_ZERO, 1, e.sin(x + AT_ZERO) / (x + AT_ZERO)), (NAN, NAN, NAN)),
    "a series": (e.select(AT_ZERO, 1 - x * x / 6, SINC), (0, -1 / 3, NAN)),
    "xlogy": (xlogy(x, p), (math.log(3), 0, 0)),
    "xlogy(x, 1 + x)": (xlogy(x, 1 + x), (0, 2, -3)),
    "xlogy(x**2, 3)": (xlogy(x * x, p), (0, 2 * math.log(3), 0)),
    "xlog1py": (xlog1py(x, p), (math.log(4), 0, 0)),
    "xlog1py(x, x)": (xlog1py(x, x), (0, 2, -3)),
    "xdivy": (xdivy(x, p), (1 / 3, 0, 0)),
    "xdivy(x, exp(x))": (xdivy(x, e.exp(x)), (1, -2, 3)),
    # By choice, as is documented: flat where both are zero, or the divisor is.
    "xlogy(x, x)": (xlogy(x, x), (0, 0, 0)),
    "xlog1py(x, x - 1)": (xlog1py(x, x - 1), (0, 0, 0)),
    "xdivy(x, x)": (xdivy(x, x), (0, 0, 0)),
    "divide_no_nan": (divide_no_nan(e.sin(x), x), (0, 0, 0)),
    # These hold along an interval.
    "a parameter's condition": (e.select(e.equal(p, 3), x, e.exp(x)), (1, 0, 0)),
    "below zero": (e.select(e.equal(e.max(x, 0), 0), 5, e.exp(x)), (0, 0, 0)),
    "an inequality": (e.select(e.less_equal(x, 0), 0, e.sqrt(x)), (0, 0, 0)),
}


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_at_the_point_are_those_of_what_holds_around_it(name, in_float64):
    f, truth = ROWS[name]
    orders = [differentiate(f, x)]
    for _ in range(2):
        orders.append(differentiate(orders[-1], x))
    np.testing.assert_allclose(in_float64(orders, {x: 0.0, p: 3.0}), truth, rtol=1e-15)


def test_mixed_derivatives_at_the_point_are_kept(in_float64):
    """That of a log(b) by a and b is 1/b, that of a / b is -1/b**2, for a = 0, too."""
    functions = [xlogy(x, p), xlog1py(x, p), xdivy(x, p)]
    for first, second in ((x, p), (p, x)):
        mixed = [differentiate(differentiate(f, first), second) for f in functions]
        values = in_float64(mixed, {x: 0.0, p: 3.0})
        np.testing.assert_allclose(values, [1 / 3, 1 / 4, -1 / 9], rtol=1e-15)


def test_what_underflows_to_the_number_is_flat_there(in_float64):
    share = e.square(e.sigmoid(x))
    functions = [e.select(e.equal(e.exp(x), 0), 5, e.log(e.exp(x) * p)), xlogy(share, share)]
    first = [differentiate(f, x) for f in functions]
    second = [differentiate(f, x) for f in first]
    np.testing.assert_array_equal(in_float64(first + second, {x: -1000.0, p: 3.0}), 0.0)


def test_a_choice_tells_its_branches_what_holds_there():
    assert e.select(AT_ZERO, 1, e.exp(SAFE)) is e.select(AT_ZERO, 1, e.exp(x))
    assert e.select(e.greater(x, 0), e.sin(e.select(e.greater(x, 0), x, 1)), 0) is e.select(
        e.greater(x, 0), e.sin(x), 0
    )
    assert e.select(AT_ZERO, e.exp(AT_ZERO), 0) is e.select(AT_ZERO, math.e, 0)
