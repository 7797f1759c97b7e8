"""The signs that an expression can have, for all finite arguments: what is proved of it.

A set of signs holds those that the value may have where the expression is defined: {1} is positive,
{0, 1} not negative, {-1, 0, 1} unknown. It is said of real numbers: `exp` is positive, though in
float32 exp(-200) is zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from .expression import Call, Constant, Expression, Variable, topological

Signs = frozenset[int]
Rule = Callable[..., Signs]

NEGATIVE, ZERO_SIGN, POSITIVE = frozenset({-1}), frozenset({0}), frozenset({1})
NOT_NEGATIVE, NOT_POSITIVE = POSITIVE | ZERO_SIGN, NEGATIVE | ZERO_SIGN
UNKNOWN = NEGATIVE | ZERO_SIGN | POSITIVE


def signs(expression: Expression, known: Mapping[Variable, Signs] | None = None) -> Signs:
    """The signs that `expression` can have where its variables have the signs in `known`.

    >>> from blockhess.expressions import Variable, exp, square
    >>> x = Variable("x")
    >>> signs(exp(x) + square(x)) == POSITIVE, signs(x - 1.0) == UNKNOWN
    (True, True)
    """
    found: dict[Expression, Signs] = {}
    for node in topological([expression]):
        if isinstance(node, Constant):
            found[node] = _sign_of(node.value)
        elif isinstance(node, Call):
            rule = RULES.get(node.instruction)
            below = [found[argument] for argument in node.arguments]
            found[node] = rule(node, *below) if rule else UNKNOWN
        else:
            found[node] = (known or {}).get(node, UNKNOWN)
    return found[expression]


def sum_of(*summands: Signs) -> Signs:
    """The signs of a sum of numbers of these signs; none is zero."""
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


def _sign_of(value: float) -> Signs:
    return UNKNOWN if value != value else frozenset({(value > 0) - (value < 0)})


def _sum(a: int, b: int) -> Signs:
    return UNKNOWN if a * b < 0 else frozenset({a or b})


def _not_zero(a: Signs) -> Signs:
    """Those of a divisor, which is not zero where the quotient is defined."""
    return a - ZERO_SIGN or UNKNOWN


def _combined(combine: Callable[[int, int], int]) -> Rule:
    return lambda node, a, b: frozenset(combine(i, j) for i, j in itertools.product(a, b))


def _always(result: Signs) -> Rule:
    return lambda node, *below: result


def _same(node: Call, a: Signs) -> Signs:
    return a


def _square(node: Call, a: Signs) -> Signs:
    return frozenset(i * i for i in a)


def _power(node: Call, base: Signs, exponent: Signs) -> Signs:
    power = node.arguments[1]
    if base == POSITIVE:
        return POSITIVE
    if isinstance(power, Constant) and power.value % 2 == 0:
        return _square(node, base) if power.value > 0 else POSITIVE
    return NOT_NEGATIVE if base == NOT_NEGATIVE else UNKNOWN


def _polygamma(node: Call, order: Signs, a: Signs) -> Signs:
    # Of odd order n it is n! sum_k (x + k)^-(n + 1), a sum of even powers.
    order = node.arguments[0]
    return POSITIVE if isinstance(order, Constant) and order.value % 2 == 1 else UNKNOWN


#: What an instruction makes of the signs of its arguments: rule(call, signs of each). One that is
#: not here has no sign of its own.
RULES: dict[str, Rule] = {
    "add": lambda node, a, b: sum_of(a, b),
    "sub": lambda node, a, b: sum_of(a, product_of(NEGATIVE, b)),
    "mul": lambda node, a, b: product_of(a, b),
    "div": lambda node, a, b: product_of(a, _not_zero(b)),
    "neg": lambda node, a: product_of(NEGATIVE, a),
    "reciprocal": lambda node, a: _not_zero(a),
    "square": _square,
    "abs": _square,
    "pow": _power,
    "sqrt": lambda node, a: a & NOT_NEGATIVE or NOT_NEGATIVE,
    "min": _combined(min),
    "max": _combined(max),
    "select": lambda node, condition, a, b: a | b,
    "polygamma": _polygamma,
    **dict.fromkeys(("sign", "expm1", "log1p", "sinh", "tanh", "asin", "atan"), _same),
    **dict.fromkeys(("asinh", "atanh", "erf"), _same),
    **dict.fromkeys(("exp", "rsqrt", "cosh", "sigmoid", "sigmoid_prime"), _always(POSITIVE)),
    **dict.fromkeys(("softplus", "erfc"), _always(POSITIVE)),
    **dict.fromkeys(("acos", "acosh", "less", "less_equal"), _always(NOT_NEGATIVE)),
    **dict.fromkeys(("greater", "greater_equal", "equal", "not_equal"), _always(NOT_NEGATIVE)),
}
