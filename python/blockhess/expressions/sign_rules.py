"""Rules of signs: what an instruction makes of the signs of its arguments.

A set of signs holds those that the value may have where the expression is defined: {1} is positive,
{0, 1} not negative, {-1, 0, 1} unknown. Signs are those of real numbers: `exp` is positive, though
in float32 exp(-200) is zero. A rule gets the call and the signs of each argument.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from .expression import Call, Constant

Signs = frozenset[int]
Rule = Callable[..., Signs]

NEGATIVE, ZERO_SIGN, POSITIVE = frozenset({-1}), frozenset({0}), frozenset({1})
NOT_NEGATIVE, NOT_POSITIVE = POSITIVE | ZERO_SIGN, NEGATIVE | ZERO_SIGN
UNKNOWN = NEGATIVE | ZERO_SIGN | POSITIVE


def sum_of(*summands: Signs) -> Signs:
    """The signs of a sum of numbers of these signs; a sum of none is zero."""
    total = ZERO_SIGN
    for summand in summands:
        total = frozenset().union(*(_sum(a, b) for a, b in itertools.product(total, summand)))
    return total


def product_of(*factors: Signs) -> Signs:
    """The signs of a product of numbers of these signs."""
    total = POSITIVE
    for factor in factors:
        total = frozenset(a * b for a, b in itertools.product(total, factor))
    return total


def sign_of(value: float) -> Signs:
    return UNKNOWN if value != value else frozenset({(value > 0) - (value < 0)})


def _sum(a: int, b: int) -> Signs:
    return UNKNOWN if a * b < 0 else frozenset({a or b})


def not_zero(a: Signs) -> Signs:
    """The signs of a divisor, which is not zero where the quotient is defined."""
    return a - ZERO_SIGN or UNKNOWN


def combined(combine: Callable[[int, int], int]) -> Rule:
    return lambda node, a, b: frozenset(combine(i, j) for i, j in itertools.product(a, b))


def same(node: Call, a: Signs) -> Signs:
    return a


def square(node: Call, a: Signs) -> Signs:
    return frozenset(i * i for i in a)


def power(node: Call, base: Signs, exponent: Signs) -> Signs:
    fixed = node.arguments[1]
    if base == POSITIVE:
        return POSITIVE
    if isinstance(fixed, Constant) and fixed.value % 2 == 0:
        return square(node, base) if fixed.value > 0 else POSITIVE
    return NOT_NEGATIVE if base == NOT_NEGATIVE else UNKNOWN


def polygamma(node: Call, order: Signs, a: Signs) -> Signs:
    # For odd n polygamma is n! sum_k (x + k)^-(n + 1), a sum of even powers.
    order = node.arguments[0]
    return POSITIVE if isinstance(order, Constant) and order.value % 2 == 1 else UNKNOWN
