"""Zeros by choice (`max`, `min`, `select`), as the derivative of `max(x, 0)` has below zero: they
stay zero whatever multiplies them.
"""

from __future__ import annotations

from . import calls as m
from .expression import COMPARISONS, ONE, ZERO, Call, Expression, call

_Chosen = tuple[Expression | None, Expression]

#: The comparison that holds where an instruction, and so its derivative, takes the first argument.
_TAKES_FIRST = {"max": m.greater_equal, "min": m.less_equal}
#: How deep in an expression choices are looked for, so that the cost of a derivative stays linear.
_DEPTH = 8


def chosen(e: Expression, depth: int = _DEPTH) -> _Chosen:
    """(condition, value) where `e` is value if the condition is not 0, and else 0 by choice.

    (None, e) where no choice makes `e` zero.

    >>> from blockhess.expressions import Variable, exp, greater, select
    >>> x = Variable("x")
    >>> [str(part) for part in chosen(select(greater(x, 0), x, 0) * exp(x))]
    ['x > 0', 'x * exp(x)']
    >>> chosen(exp(x))[0] is None
    True
    """
    if not isinstance(e, Call) or depth == 0:
        return None, e
    if e.instruction in COMPARISONS:
        return e, ONE
    if e.instruction == "select":
        return _of_select(e, e.arguments, depth)
    if e.instruction in _TAKES_FIRST:
        first = _TAKES_FIRST[e.instruction](*e.arguments)
        return _of_select(e, (first, *e.arguments), depth)
    if e.instruction not in ("neg", "mul", "add", "sub"):
        return _of_zero_at_zero(e, depth)
    parts = [chosen(a, depth - 1) for a in e.arguments]
    if all(condition is None for condition, _ in parts):
        return None, e
    (p, u), (q, v) = parts[0], parts[-1]
    if e.instruction == "neg":
        return p, -u
    if e.instruction == "mul":
        return _both(p, q), u * v
    if p is None or q is None:
        return None, e
    if p is q:
        return p, u + v if e.instruction == "add" else u - v
    return m.select(p, ONE, q), e


def _of_select(e: Call, choice: tuple[Expression, ...], depth: int) -> _Chosen:
    c, a, b = choice
    (p, u), (q, v) = chosen(a, depth - 1), chosen(b, depth - 1)
    if b is ZERO:
        return _both(c, p), u
    if a is ZERO:
        return m.select(c, ZERO, ONE if q is None else q), v
    if p is q is None:
        return None, e
    condition = m.select(c, *(ONE if part is None else part for part in (p, q)))
    return condition, m.select(c, u, v)


def _of_zero_at_zero(e: Call, depth: int) -> _Chosen:
    """A function that is zero where its first argument is: a root, a quotient by the others."""
    condition, value = chosen(e.arguments[0], depth - 1)
    if condition is None:
        return None, e
    others = e.arguments[1:]
    if e.instruction != "div" and call(e.instruction, ZERO, *others) is not ZERO:
        return None, e
    return condition, call(e.instruction, value, *others)


def _both(p: Expression | None, q: Expression | None) -> Expression | None:
    if p is None or q is None or p is q:
        return q if p is None else p
    return m.select(p, q, ZERO)
