"""Formulas as people spell them, and the stable form of the same function.

The left side overflows or cancels where the right side does not, so that a value changes
only where the left side had lost it.
"""

from __future__ import annotations

import math

from . import calls as m
from .expression import Call, Constant, Expression, Variable, simplify_by
from .instructions import INSTRUCTIONS
from .simplify import canonical, simplified
from .substitution import substitute


def _table() -> tuple[tuple[Expression, Expression], ...]:
    a = Variable("a")
    return (
        (m.log(1 + m.exp(a)), m.softplus(a)),
        (m.log1p(m.exp(a)), m.softplus(a)),
        *(
            (m.softplus(-m.abs(a)) + positive(b), m.softplus(b))
            for b in (a, -a)
            for positive in (lambda b: m.max(b, 0), lambda b: m.select(m.less_equal(b, 0), 0, b))
        ),
        (m.softplus(-m.abs(a)) + 0.5 * (a + m.abs(a)), m.softplus(a)),
        (m.softplus(-2 * m.abs(a)) + m.abs(a), m.softplus(2 * a) - a),
        (m.log(m.sigmoid(a)), -m.softplus(-a)),
        (m.log(m.exp(a)), a),
        (m.log(m.cosh(a)), m.softplus(2 * a) - a - math.log(2)),
        (m.log(a / (1 - a)), m.log(a) - m.log1p(-a)),
        (m.log(1 + a), m.log1p(a)),
        (m.log(1 - a), m.log1p(-a)),
        (m.exp(a) - 1, m.expm1(a)),
        (1 - m.exp(a), -m.expm1(a)),
        (m.reciprocal(1 + m.exp(a)), m.sigmoid(-a)),
        (m.exp(a) / (1 + m.exp(a)), m.sigmoid(a)),
        (1 - m.sigmoid(a), m.sigmoid(-a)),
        (2 * m.sigmoid(a) - 1, m.tanh(a / 2)),
        (m.sigmoid(a) - m.sigmoid(-a), m.tanh(a / 2)),
        (1 + m.tanh(a), 2 * m.sigmoid(2 * a)),
        (1 - m.tanh(a), 2 * m.sigmoid(-2 * a)),
        (1 - m.square(m.tanh(a)), 4 * m.sigmoid_prime(2 * a)),
        (m.log(m.sigmoid_prime(a)), -m.softplus(a) - m.softplus(-a)),
        (m.log(4 * m.sigmoid_prime(a)), math.log(4) - m.softplus(a) - m.softplus(-a)),
        (m.sigmoid(a) * m.sigmoid(-a), m.sigmoid_prime(a)),
        (1 + m.erf(a), m.erfc(-a)),
        (1 - m.erf(a), m.erfc(a)),
        (m.sqrt(m.square(a)), m.abs(a)),
    )


_Bindings = dict[Expression, Expression]


def rewritten(call: Call) -> Expression:
    """The stable form of `call` where the table has one; `call` itself elsewhere."""
    for pattern, stable in _RULES.get(call.instruction, ()):
        bindings = _match(pattern, call, {})
        if bindings is not None:
            return substitute(stable, bindings)
    return call


def _match(pattern: Expression, e: Expression, bindings: _Bindings) -> _Bindings | None:
    """What the pattern's variable stands for in `e`; None where `e` has another form."""
    if isinstance(pattern, Variable):
        return {pattern: e} if bindings.get(pattern, e) is e else None
    if isinstance(pattern, Constant):
        return bindings if pattern is e else None
    assert isinstance(pattern, Call)
    if pattern.instruction == "neg":
        return _match(pattern.arguments[0], -e, bindings)
    if not isinstance(e, Call) or e.instruction != pattern.instruction:
        return None
    orders = [e.arguments]
    if INSTRUCTIONS[pattern.instruction].commutative:
        orders.append(e.arguments[::-1])
    for arguments in orders:
        found: _Bindings | None = bindings
        for below, argument in zip(pattern.arguments, arguments, strict=True):
            found = None if found is None else _match(below, argument, found)
        if found is not None:
            return found
    return None


# The whole table is built before it is used, so that no entry rewrites the pattern of another.
_RULES: dict[str, list[tuple[Call, Expression]]] = {}
for _pattern, _stable in _table():
    assert isinstance(_pattern, Call)
    _RULES.setdefault(_pattern.instruction, []).append((_pattern, _stable))

simplify_by(lambda raw: simplified(raw) or rewritten(canonical(raw)))
