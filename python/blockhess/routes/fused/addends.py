"""Sums of products: an expression multiplied out as far as it must be."""

from __future__ import annotations

from collections.abc import Callable

from blockhess import expressions as e
from blockhess.expressions import Call, Expression

LIMIT = 64
"""More addends than this are not worth a sum of terms."""


class TooMany(ValueError):
    """The expression has more addends than LIMIT."""


def addends(expression: Expression, varies: Callable[[Expression], bool]) -> list[list[Expression]]:
    """The expression as a sum of products, each a list of factors.

    Only parts for which `varies` holds are multiplied out; the others are factors as they stand.
    """
    if not isinstance(expression, Call) or not varies(expression):
        return [[expression]]
    name, arguments = expression.instruction, expression.arguments
    if name in ("add", "sub"):
        right = addends(arguments[1], varies)
        if name == "sub":
            right = [[e.Constant(-1.0), *factors] for factors in right]
        return _limited(addends(arguments[0], varies) + right)
    if name == "neg":
        return [[e.Constant(-1.0), *factors] for factors in addends(arguments[0], varies)]
    if name == "mul":
        return _product(addends(arguments[0], varies), addends(arguments[1], varies))
    if name == "square" or (name == "pow" and arguments[1] == e.Constant(2.0)):
        base = addends(arguments[0], varies)
        return _product(base, base)
    if name == "div" and not varies(arguments[1]):
        inverse = e.reciprocal(arguments[1])
        return [[*factors, inverse] for factors in addends(arguments[0], varies)]
    return [[expression]]


def _product(left: list[list[Expression]], right: list[list[Expression]]) -> list[list[Expression]]:
    return _limited([[*a, *b] for a in left for b in right])


def _limited(products: list[list[Expression]]) -> list[list[Expression]]:
    if len(products) > LIMIT:
        raise TooMany(f"a sum of more than {LIMIT} products")
    return products
