"""Every derivative rule, against mpmath at 50 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from mpmath_reference import DIGITS, evaluate

from blockhess import expressions as e
from blockhess.expressions import Call, Constant, Variable, differentiate
from instruction_cases import CASES

x = Variable("x")


def _call(name, varying, point):
    arguments = tuple(x if i == varying else Constant(p) for i, p in enumerate(point))
    return Call(name, arguments)


def _true_derivative(name, varying, point, order):
    def along(t):
        return CASES[name].meaning(*(t if i == varying else mp.mpf(p) for i, p in enumerate(point)))

    if name == "polygamma":  # mpmath.diff would ask it for a derivative at fractional order
        return mp.polygamma(int(point[0]) + order, mp.mpf(point[1]))
    # Differences over 1e-25, to the third order; and far out what varies lies exp(-|x|) below 1.
    digits = 3 * 25 + DIGITS + int(min(abs(point[varying]), 700.0))
    with mp.workdps(digits):
        return mp.diff(along, mp.mpf(point[varying]), order, h=mp.mpf("1e-25"))


@pytest.mark.parametrize("name", CASES)
def test_derivatives_to_order_three_are_those_of_mpmath_also_in_float64(name, in_float64, subtests):
    slopes = CASES[name].slopes.items()
    for varying, point in ((varying, point) for varying, points in slopes for point in points):
        expressions = [_call(name, varying, point)]
        for _ in range(3):
            expressions.append(differentiate(expressions[-1], x))
        values = in_float64(expressions, {x: point[varying]})
        for order, value in enumerate(values):
            with subtests.test(varying=varying, point=point, order=order), mp.workdps(DIGITS):
                rule = evaluate(expressions[order], {x: point[varying]})
                truth = _true_derivative(name, varying, point, order)
                # Constants such as 2/sqrt(pi) are doubles, which limit the agreement.
                assert abs(rule - truth) <= mp.mpf("1e-14") * abs(truth), str(expressions[order])
                # The points of the tails amplify the rounding of their own argument by up to 700.
                is_small = abs(float(truth)) < 1
                tolerance = 4e-16 * max(16.0, 4 * abs(point[varying]) if is_small else 0.0)
                np.testing.assert_allclose(value, float(truth), rtol=tolerance, atol=1e-300)


@pytest.mark.parametrize("name", ["min", "max"])
def test_at_a_tie_the_first_argument_has_the_slope(name):
    call = getattr(e, name)(2 * x, 3 * x)
    with mp.workdps(DIGITS):
        assert evaluate(differentiate(call, x), {x: 0}) == 2


def test_the_slope_of_abs_at_zero_is_zero():
    assert evaluate(differentiate(e.abs(x), x), {x: 0}) == 0


#: Functions with a pole, or a slope without bounds, where the choice below is constant.
AT_ZERO = {
    "sqrt": e.sqrt,
    "rsqrt": e.rsqrt,
    "log": e.log,
    "reciprocal": e.reciprocal,
    "a quotient": lambda u: 3 / u,
    "pow": lambda u: e.pow(u, 0.3),
    "asin": lambda u: e.asin(u - 1),
    "acos": lambda u: e.acos(1 - u),
    "atanh": lambda u: e.atanh(u + 1),
    "acosh": lambda u: e.acosh(u + 1),
    "log1p": lambda u: e.log1p(u - 1),
    "lgamma": e.lgamma,
    "digamma": e.digamma,
    "polygamma": lambda u: e.polygamma(1, u),
    "u sqrt(u)": lambda u: u * e.sqrt(u),
    "u log(u)": lambda u: u * e.log(u),
    "log(u) / u": lambda u: e.log(u) / u,
}
CHOICES = {
    "max": lambda x: e.max(x, 0.0),
    "min": lambda x: -e.min(0.0, -x),
    "select": lambda x: e.select(e.greater(x, 0), x, 0.0),
    "two": lambda x: e.max(e.min(x, 6.0), 0.0),
    "twice": lambda x: 2 * e.max(x, 0.0),
    "a sum": lambda x: e.max(x, 0.0) + e.max(x - 1, 0.0),
    "a difference": lambda x: e.max(x, 0.0) - 3 * e.max(x - 1, 0.0),
    "either": lambda x: e.select(e.greater(x, -3), e.max(x, 0.0), x + 2),
    "a mask": lambda x: e.greater(x, 0) * x,
    "two in a row": lambda x: e.select(e.greater(x, 0), e.select(e.less(x, 6), x, 0.0), 0.0),
    "but not": lambda x: e.select(e.less(x, 0), 0.0, e.select(e.greater(x, 6), 0.0, x)),
}


@pytest.mark.parametrize("name", AT_ZERO)
def test_what_a_choice_made_constant_has_no_slope(name, in_float64, subtests):
    """However infinite the slope of what follows is."""
    for choice, chosen in CHOICES.items():
        with subtests.test(choice=choice):
            expressions = [AT_ZERO[name](chosen(x))]
            smooth = [AT_ZERO[name](2 * x if choice == "twice" else x)]
            for _ in range(3):
                expressions.append(differentiate(expressions[-1], x))
                smooth.append(differentiate(smooth[-1], x))
            np.testing.assert_array_equal(in_float64(expressions, {x: -0.5})[1:], 0.0)
            at = {x: 0.40625}
            np.testing.assert_allclose(in_float64(expressions, at), in_float64(smooth, at), 1e-14)


#: u of a product, a quotient or a function that is 0 at 0, and what it is where it is chosen.
ZERO_BY_CHOICE = {
    "a product": (lambda c, x: c * e.exp(x), lambda x: x * e.exp(x)),
    "a quotient": (lambda c, x: c / (1 + x * x), lambda x: x / (1 + x * x)),
    "a root": (lambda c, x: e.sqrt(c) * (2 + x), lambda x: e.sqrt(x) * (2 + x)),
    "functions that are 0 at 0": (
        lambda c, x: e.tanh(e.expm1(c)) * (2 + x),
        lambda x: e.tanh(e.expm1(x)) * (2 + x),
    ),
    "a power": (lambda c, x: c**1.7 * (2 + x), lambda x: x**1.7 * (2 + x)),
}


@pytest.mark.parametrize("name", ZERO_BY_CHOICE)
def test_what_a_choice_makes_zero_keeps_no_slope_in_products_and_functions(
    name, in_float64, subtests
):
    u, where_chosen = ZERO_BY_CHOICE[name]
    for outer in ("sqrt", "pow"):
        for choice in ("max", "select", "two", "a mask"):
            with subtests.test(outer=outer, choice=choice):
                expressions = [AT_ZERO[outer](u(CHOICES[choice](x), x))]
                smooth = [AT_ZERO[outer](where_chosen(x))]
                for _ in range(3):
                    expressions.append(differentiate(expressions[-1], x))
                    smooth.append(differentiate(smooth[-1], x))
                np.testing.assert_array_equal(in_float64(expressions, {x: -0.5})[1:], 0.0)
                at = {x: 0.40625}
                np.testing.assert_allclose(
                    in_float64(expressions, at), in_float64(smooth, at), 1e-12
                )


def test_derivatives_of_nested_choices_grow_with_the_nest():
    def sizes(count):
        h = x
        for i in range(count):
            h = e.square(e.max(e.min(h - 0.01 * i, 2.0), 0.0))
        orders = [h, differentiate(h, x)]
        orders.append(differentiate(orders[-1], x))
        return [len(e.topological(orders[:k])) for k in (2, 3)]

    ten, twenty = sizes(10), sizes(20)
    assert all(b <= 2.2 * a for a, b in zip(ten, twenty, strict=True)), (ten, twenty)


def test_polygamma_has_no_derivative_to_its_order():
    with pytest.raises(ValueError, match="polygamma has no derivative to its order, here x"):
        differentiate(e.polygamma(x, 2.0), x)


def test_a_derivative_of_a_deep_chain_is_found_without_recursion():
    chain = x
    for _ in range(3000):
        chain = e.sin(chain)
    with mp.workdps(20):
        # sin' ~ 1 at 0, so the chain's slope there is exactly 1.
        assert evaluate(differentiate(chain, x), {x: 0}) == 1


def test_shared_subexpressions_are_differentiated_once():
    chain = x
    for _ in range(60):
        chain = e.call("add", e.exp(chain), e.sin(chain))  # 2**60 paths
    derivative = differentiate(chain, x)
    assert len(e.topological([derivative])) < 500


# Points where the textbook's rules multiply 0 by inf, overflow or cancel although the function is
# smooth: f, the point, and its first three derivatives there.
p = Variable("p")
STABLE = [
    ("softplus spelled out", e.log(1 + e.exp(x)), {x: 1000.0}, (1.0, 0.0, 0.0)),
    ("log of a sigmoid", e.log(1 / (1 + e.exp(-x))), {x: -1000.0}, (1.0, 0.0, 0.0)),
    ("log cosh", e.log(e.cosh(x)), {x: 1000.0}, (1.0, 0.0, 0.0)),
    ("log cosh at 0", e.log(e.cosh(x)), {x: 0.0}, (0.0, 1.0, 0.0)),
    ("root of a square", e.sqrt(x * x), {x: -2.0}, (-1.0, 0.0, 0.0)),
    ("guarded root", e.select(e.greater(x, 0), e.sqrt(x), 0), {x: 0.0}, (0.0, 0.0, 0.0)),
    ("guarded log", e.select(e.greater(x, 0), x * e.log(x), 0), {x: -1.0}, (0.0, 0.0, 0.0)),
    ("max of a root", e.max(1.0, e.sqrt(x)), {x: 0.0}, (0.0, 0.0, 0.0)),
    ("power 1 at 0", e.pow(x, p), {x: 0.0, p: 1.0}, (1.0, 0.0, 0.0)),
    ("power 2 at 0", e.pow(x, p), {x: 0.0, p: 2.0}, (0.0, 2.0, 0.0)),
    ("square at 0", e.pow(x, 2.0), {x: 0.0}, (0.0, 2.0, 0.0)),
    ("tanh far out", e.tanh(x), {x: 400.0}, (0.0, 0.0, 0.0)),
    ("gelu far left", 0.5 * x * (1 + e.erf(x / 2**0.5)), {x: -50.0}, (0.0, 0.0, 0.0)),
    ("mish far right", x * e.tanh(e.softplus(x)), {x: 800.0}, (1.0, 0.0, 0.0)),
    ("log of 1 - tanh**2", e.log(1 - e.square(e.tanh(x))), {x: 500.0}, (-2.0, 0.0, 0.0)),
    ("power 1.5 at 0", e.pow(x, 1.5), {x: 0.0}, (0.0, np.inf, -np.inf)),
    ("x log x near 0", x * e.log(x), {x: 1e-200}, (1 - 200 * np.log(10), 1e200, -np.inf)),
    ("asinh far out", e.asinh(x), {x: -1e200}, (1e-200, 0.0, 0.0)),
    ("hyperbola", e.sqrt(x * x + 1), {x: 1e5}, (1 - 5e-11, 1e-15 - 1.5e-25, -3e-20 + 7.5e-30)),
    (
        "hyperbola of x - p",
        e.sqrt((x - p) ** 2 + 1),
        {x: 1e5, p: 0.0},
        (1 - 5e-11, 1e-15 - 1.5e-25, -3e-20 + 7.5e-30),
    ),
    ("Gaussian far out", e.exp(-0.5 * x * x), {x: 1e100}, (0.0, 0.0, 0.0)),
]


@pytest.mark.parametrize(
    ("f", "point", "truth"), [pytest.param(*row, id=name) for name, *row in STABLE]
)
def test_derivatives_are_finite_and_right_where_naive_ones_are_not(f, point, truth, in_float64):
    orders = [differentiate(f, x)]
    for _ in range(2):
        orders.append(differentiate(orders[-1], x))
    np.testing.assert_allclose(in_float64(orders, point), truth, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("point", [1e-9, -1e-5, 0.3, 5.0, -18.0])
def test_the_second_derivative_of_log_cosh_keeps_its_digits(point, in_float64):
    f = e.log(e.cosh(x))
    first = differentiate(f, x)
    with mp.workdps(DIGITS):
        t = mp.tanh(mp.mpf(point))
        truth = [float(t), float(1 - t**2), float(-2 * t * (1 - t**2))]
    second = differentiate(first, x)
    values = in_float64([first, second, differentiate(second, x)], {x: point})
    np.testing.assert_allclose(values, truth, rtol=2e-14)
