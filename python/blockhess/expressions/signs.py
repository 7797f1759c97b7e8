"""The signs that an expression can have, for all finite arguments: what is proved of it."""

from __future__ import annotations

from collections.abc import Mapping

from .expression import Call, Constant, Expression, Variable, topological
from .instructions import INSTRUCTIONS
from .sign_rules import UNKNOWN, Signs, sign_of


def signs(expression: Expression, known: Mapping[Variable, Signs] | None = None) -> Signs:
    """The signs that `expression` can have where its variables have the signs in `known`.

    >>> from blockhess.expressions import Variable, exp, square
    >>> from blockhess.expressions.sign_rules import POSITIVE, UNKNOWN
    >>> x = Variable("x")
    >>> signs(exp(x) + square(x)) == POSITIVE, signs(x - 1.0) == UNKNOWN
    (True, True)
    """
    found: dict[Expression, Signs] = {}
    for node in topological([expression]):
        if isinstance(node, Constant):
            found[node] = sign_of(node.value)
        elif isinstance(node, Call):
            below = [found[argument] for argument in node.arguments]
            found[node] = INSTRUCTIONS[node.instruction].value_signs(node, *below)
        else:
            found[node] = (known or {}).get(node, UNKNOWN)
    return found[expression]
