"""The functions of a text are NumPy's and SciPy's of the same name."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.special

import blockhess.numpy as bn
from instruction_cases import CASES

POINTS = np.array([0.1, 0.35, 0.5, 0.8, 0.95])


def meaning(name: str):
    """NumPy's function, or SciPy's; of an instruction that neither has, what its case says."""
    for module in (np, scipy.special):
        if hasattr(module, name):
            return getattr(module, name)
    return np.vectorize(lambda *a: float(CASES[name].meaning(*map(mpmath.mpf, a))))


def points_and_values(f):
    """Some functions are defined above 1 alone."""
    with np.errstate(invalid="ignore"):
        value = f(POINTS)
    return (POINTS, value) if np.isfinite(value).all() else (POINTS + 1, f(POINTS + 1))


@pytest.mark.parametrize("name", bn.FUNCTIONS)
def test_every_name_is_the_function_of_that_name(name):
    others = {1: [], 2: [0.3], 3: [0.3, 0.6]}[bn.FUNCTIONS[name].num_arguments]
    if name == "polygamma":
        text, f = "polygamma(2, x)", lambda x: scipy.special.polygamma(2, x)
    else:
        text = f"{name}({', '.join(['x', *map(str, others)])})"
        f = lambda x: meaning(name)(x, *others)  # noqa: E731
    x, expected = points_and_values(f)
    value, gradient, hessian = bn.value_grad_hessian(text, x[:, None], layout="diag")
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    assert np.isfinite(gradient).all() and np.isfinite(hessian).all()


@pytest.mark.parametrize("prefix", ["np.", "numpy.", "special.", "scipy.special."])
def test_a_name_may_have_its_module_in_front(prefix):
    expected = bn.hessian("sin(x) * pi", POINTS)
    np.testing.assert_array_equal(bn.hessian(f"{prefix}sin(x) * {prefix}pi", POINTS), expected)


@pytest.mark.parametrize(
    "text", ["-x", "+x", "x - 2", "x * 2", "x / 2", "2**x", "1 - -x", "x**1.5"]
)
def test_operators_are_Pythons(text, subtests):
    for comparison in ("", " < 1", " <= x", " > 0.5", " >= 1", " == 1", " != 1"):
        with subtests.test(comparison=comparison):
            compared = f"({text}){comparison}"
            expected = eval(compared, {"x": POINTS})  # noqa: S307
            value = bn.value_grad_hessian(compared, POINTS[:, None]).value
            np.testing.assert_allclose(value, expected.astype(float), rtol=1e-15)


def test_a_choice_is_differentiated_where_it_stands():
    x = np.array([-2.0, 3.0])
    huber = "where(abs(x) <= 1, x**2 / 2, abs(x) - 0.5)"
    np.testing.assert_array_equal(bn.hessian(huber, x[:, None], layout="diag"), [[0.0], [0.0]])
    np.testing.assert_array_equal(bn.hessian(huber, x[:, None] / 4, layout="diag"), [[1.0], [1.0]])
