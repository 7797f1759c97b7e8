"""Equalities that hold at single points: what is chosen there alone says nothing of slopes."""

from __future__ import annotations

from .expression import COMPARISONS, ZERO, Call, Constant, Expression, Variable, topological
from .signs import signs
from .substitution import substitute

#: Instructions by which two sides can be equal all along an interval, as max(x, 0) and 0 are.
_PIECEWISE = COMPARISONS | {"min", "max", "select", "abs", "sign"}


def almost_everywhere(condition: Expression, variable: Variable) -> Expression:
    """`condition` with the equalities false that hold at single points of `variable`.

    >>> from blockhess.expressions import Variable, equal, max
    >>> x, y = Variable("x"), Variable("y")
    >>> str(almost_everywhere(equal(x, y), x)), str(almost_everywhere(equal(max(x, 0), y), x))
    ('0', 'y == max(x, 0)')
    """
    single = [e for e in topological([condition]) if _holds_at_points(e, variable)]
    return substitute(condition, dict.fromkeys(single, ZERO)) if single else condition


def _holds_at_points(e: Expression, variable: Variable) -> bool:
    if not isinstance(e, Call) or e.instruction != "equal" or variable not in e.variables:
        return False
    left, right = e.arguments
    difference = left - right
    # An equality that no real number fulfils holds where floats round, as exp(x) == 0 below -104.
    if variable not in difference.variables or 0 not in signs(difference):
        return False
    if isinstance(left, Constant) and isinstance(right, Call) and right.instruction == "abs":
        right = right.arguments[0]
    return not any(
        isinstance(node, Call) and node.instruction in _PIECEWISE and variable in node.variables
        for node in topological([left, right])
    )
