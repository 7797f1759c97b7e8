"""What is proved of an expression's sign is true at every point, and enough is proved."""

from __future__ import annotations

import itertools

import mpmath as mp
import pytest
from mpmath_reference import DIGITS

from blockhess import expressions as e
from blockhess.expressions import Call, Variable, differentiate
from blockhess.expressions.instructions import INSTRUCTIONS
from blockhess.expressions.sign_rules import (
    NEGATIVE,
    NOT_NEGATIVE,
    POSITIVE,
    UNKNOWN,
    ZERO_SIGN,
    product_of,
    sum_of,
)
from blockhess.expressions.signs import signs
from instruction_cases import CASES

x, y = Variable("x"), Variable("y")


def sign_of(value) -> int:
    return int(mp.sign(value))


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_the_true_value_has_one_of_the_signs_that_the_rule_gives(name):
    for point in CASES[name].points:
        with mp.workdps(DIGITS):
            value = CASES[name].meaning(*map(mp.mpf, point))
        if mp.isnan(value):
            continue
        variables = [Variable(f"a{i}") for i in range(len(point))]
        exact = [frozenset({sign_of(p)}) for p in point]
        # Known exactly, not known at all, or a fixed number: each must hold the true sign.
        for choice in itertools.product(range(3), repeat=len(point)):
            arguments = [
                e.Constant(p) if c == 2 else v
                for c, p, v in zip(choice, point, variables, strict=True)
            ]
            known = {v: s for c, s, v in zip(choice, exact, variables, strict=True) if c == 0}
            proved = signs(Call(name, tuple(arguments)), known)
            assert sign_of(value) in proved, (point, choice, proved)


@pytest.mark.parametrize(
    "expression, proved",
    [
        (e.exp(x) + e.square(y), POSITIVE),
        (1.0 + e.square(x), POSITIVE),
        (-e.cosh(x) - 1.0, NEGATIVE),
        (e.square(x) * e.square(y), NOT_NEGATIVE),
        (e.sqrt(1.0 + e.square(x)), POSITIVE),
        (e.reciprocal(e.exp(x)), POSITIVE),
        (e.max(x, 1.0), POSITIVE),
        (e.max(x, 0.0), NOT_NEGATIVE),
        (e.select(e.less(x, y), e.exp(x), 2.0), POSITIVE),
        (e.pow(x, 6.0), NOT_NEGATIVE),
        (e.pow(e.exp(x) + 1.0, y), POSITIVE),
        (e.polygamma(1.0, x), POSITIVE),
        (e.exp(x) - e.exp(y), UNKNOWN),
        (e.sin(x), UNKNOWN),
        (x * y, UNKNOWN),
        (e.ZERO, ZERO_SIGN),
    ],
    ids=str,
)
def test_signs_of_compositions(expression, proved):
    assert signs(expression) == proved


@pytest.mark.parametrize(
    "f", [e.exp(x), e.softplus(x), e.square(x) + e.exp(-x), e.cosh(x)], ids=str
)
def test_strictly_convex_functions_are_proved_to_be(f):
    assert signs(differentiate(differentiate(f, x), x)) == POSITIVE


@pytest.mark.parametrize("f", [e.sin(x), e.pow(x, 3.0), e.tanh(x), e.exp(-e.square(x))], ids=str)
def test_functions_that_are_not_convex_are_not_proved_to_be(f):
    assert -1 in signs(differentiate(differentiate(f, x), x))


def test_what_is_known_of_a_variable_is_used():
    assert signs(e.reciprocal(x)) == NEGATIVE | POSITIVE
    assert signs(e.reciprocal(x), {x: POSITIVE}) == POSITIVE
    assert signs(-e.square(e.reciprocal(x)), {x: POSITIVE}) == NEGATIVE


def test_the_signs_of_sums_and_products_are_those_of_all_choices():
    values = {-1: (-3.0, -0.5), 0: (0.0,), 1: (0.5, 3.0)}
    kinds = [frozenset(s) for n in (1, 2, 3) for s in itertools.combinations((-1, 0, 1), n)]
    for a, b in itertools.product(kinds, repeat=2):
        pairs = [(p, q) for i in a for j in b for p in values[i] for q in values[j]]
        assert {sign_of(p + q) for p, q in pairs} == sum_of(a, b)
    assert sum_of() == ZERO_SIGN and product_of() == POSITIVE
