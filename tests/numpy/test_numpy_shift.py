"""Logarithms of sums of exponentials do not overflow: shifted by the largest cell of the row."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import blockhess.numpy as bn
from blockhess import expressions as e
from blockhess.expressions import Variable
from blockhess.numpy.shift import shifted

CELLS = np.array(
    [[900.0, 898.5, -3.0], [-900.0, -901.0, -2000.0], [1.0, 2.0, 3.0], [1e30, 0.0, -1e30]]
)
W, C = np.array([2.0, 0.5, 1.0]), np.array([[1.0], [0.5], [-2.0], [1.0]])


def log_sum_exp(exponents, weights, slopes):
    """(value, gradient, Hessian) of log(sum(w exp(c x))) of each row, by mpmath."""
    results = []
    with mp.workdps(60):
        for row, slope in zip(exponents, slopes, strict=True):
            powers = [
                mp.mpf(float(w)) * mp.exp(mp.mpf(float(g)))
                for w, g in zip(weights, row, strict=True)
            ]
            total = mp.fsum(powers)
            p = [power / total for power in powers]
            u = [float(c * share) for c, share in zip(slope, p, strict=True)]
            block = [
                [float(a * b * (p[i] * (i == j) - p[i] * p[j])) for j, b in enumerate(slope)]
                for i, a in enumerate(slope)
            ]
            results.append((float(mp.log(total)), u, block))
    return [np.array(part) for part in zip(*results, strict=True)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", ["exp(x)", "w * exp(c * x)", "exp(c * x) * w / 1.0"])
def test_value_gradient_and_hessian_are_those_of_mpmath(text, dtype, subtests):
    x = CELLS.astype(dtype)
    weighted = "w" in text
    parameters = {"w": W, "c": C} if weighted else {}
    slopes = np.broadcast_to(C if weighted else 1.0, x.shape)
    truth = log_sum_exp(x.astype(float) * slopes, W if weighted else np.ones(3), slopes)
    rtol = 1e-13 if dtype == "float64" else 2e-5
    result = bn.value_grad_hessian(text, x, link="log(s)", **parameters)
    for actual, expected in zip(result, truth, strict=True):
        assert actual.dtype == dtype
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-30)
    v = np.array([1.0, -2.0, 0.5])
    with subtests.test("hvp"):
        product = bn.hvp(text, x, v, link="log(s)", **parameters)
        np.testing.assert_allclose(product, truth[2] @ v, rtol=10 * rtol, atol=rtol)
    with subtests.test("a row alone"):
        for row in range(len(x)):
            of_row = {"w": W, "c": C[row]} if weighted else {}
            alone = bn.value_grad_hessian(text, x[row], link="log(s)", **of_row)
            np.testing.assert_array_equal(alone.hessian, result.hessian[row])
            assert alone.value == result.value[row]
    with subtests.test("in a function of it"):
        value = bn.value_grad_hessian(text, x, link="3 * log(2 * s) + 1", **parameters).value
        np.testing.assert_allclose(value, 3 * (truth[0] + np.log(2.0)) + 1, rtol=rtol)


def test_rows_of_nan_and_inf_spoil_no_other():
    x = np.array([[np.inf, 0.0], [800.0, 801.0], [np.nan, 1.0], [-np.inf, 700.0]])
    value, _, blocks = bn.value_grad_hessian("exp(x)", x, link="log(s)")
    finite = log_sum_exp(x[1:2], np.ones(2), np.ones((1, 2)))
    np.testing.assert_allclose(value[[1, 3]], [finite[0][0], 700.0], rtol=1e-15)
    np.testing.assert_allclose(blocks[1], finite[2][0], rtol=1e-13)
    assert np.isnan(blocks[2]).all()


def test_no_rows_and_no_columns():
    assert bn.hessian("exp(x)", np.ones((0, 3)), link="log(s)").shape == (0, 3, 3)
    assert bn.hessian("exp(x)", np.ones((2, 0)), link="log(s)").shape == (2, 0, 0)


def test_a_parameter_may_have_any_name():
    value = bn.value_grad_hessian("shift_ * exp(x)", [999.0], link="log(s)", shift_=2.0).value
    assert value == pytest.approx(999.0 + np.log(2.0), rel=1e-15)


x, s, p, shift = map(Variable, ("x", "s", "p", "shift"))


@pytest.mark.parametrize(
    "function, link",
    [
        (e.exp(x) + x, e.log(s)),
        (e.exp(x), e.log(s) + s),
        (e.exp(x), e.log(s + p)),
        (e.exp(x), e.sqrt(s)),
        (e.square(x), e.log(s)),
        (x * e.exp(p), e.log(s)),
    ],
    ids=str,
)
def test_other_functions_stay_as_they_are(function, link):
    assert shifted(function, x, link, s, shift) is None


def test_a_term_with_a_quadratic_or_linear_part_stays_as_it_is():
    b = np.array([0.5, 0.25])
    value = bn.value_grad_hessian("exp(x)", [1.0, 2.0], b=b, link="log(s)").value
    assert value == pytest.approx(np.log(np.exp([1.0, 2.0]).sum() + 1.0), rel=1e-15)


def test_a_row_that_choices_make_zero_has_no_slope():
    blocks = bn.hessian("maximum(x, 0)**2", [[-1.0, -2.0], [3.0, -1.0]], link="sqrt(s)")
    np.testing.assert_array_equal(blocks, np.zeros((2, 2, 2)))
