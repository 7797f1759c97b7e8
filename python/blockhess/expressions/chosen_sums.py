"""Functions of sums whose cells choices make zero: the norm of max(x, 0) of a row below zero."""

from __future__ import annotations

from . import calls as m
from .chosen import chosen
from .coefficients import coefficient
from .derivatives import differentiate
from .expression import ONE, ZERO, Call, Expression, Variable, topological
from .sign_rules import NEGATIVE, POSITIVE
from .signs import signs
from .substitution import substitute


def flat_without_a_choice(psi: Expression, s: Variable, phi: Expression) -> Expression:
    """psi(s) of the sum s of the cells of `phi`, with no slope in rows that a choice makes all 0.

    Where the slope of psi at 0 is infinite, too, the formula has inf * 0 there. That the sum is 0
    in such rows only is known where all cells that are not chosen to be 0 have one sign.

    >>> from blockhess.expressions import Variable, max, sqrt, square
    >>> x, s = Variable("x"), Variable("s")
    >>> str(flat_without_a_choice(sqrt(s), s, square(max(x, 0))))
    'select(s, sqrt(s), 0)'
    >>> str(flat_without_a_choice(sqrt(s), s, square(x)))
    'sqrt(s)'
    """
    condition, value = chosen(phi)
    positive = None if condition is None else _positive(condition)
    if positive is None or not _has_no_number(substitute(differentiate(psi, s), {s: ZERO})):
        return psi
    factor, base = coefficient(positive)
    size = Variable("size")
    value = substitute(value, {base: size / factor, -base: -size / factor})
    if signs(value, {size: POSITIVE}) not in (POSITIVE, NEGATIVE):
        return psi
    # The condition is s itself: a comparison would be taken to hold at single points.
    return m.select(s, psi, substitute(psi, {s: ZERO}))


def _positive(condition: Expression) -> Expression | None:
    """The difference that is positive, or zero at ties, where a comparison holds."""
    if not isinstance(condition, Call):
        return None
    if condition.instruction == "select" and condition.arguments[1:] == (ZERO, ONE):
        refused = _positive(condition.arguments[0])
        return None if refused is None else -refused
    if condition.instruction in ("greater", "greater_equal"):
        return condition.arguments[0] - condition.arguments[1]
    if condition.instruction in ("less", "less_equal"):
        return condition.arguments[1] - condition.arguments[0]
    return None


def _has_no_number(e: Expression) -> bool:
    """Whether a part of `e` is a call of constants that was not folded, as it is not finite."""
    return any(isinstance(node, Call) and not node.variables for node in topological([e]))
