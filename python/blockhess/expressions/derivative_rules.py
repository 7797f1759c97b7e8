"""Rules of derivatives: of functions of one argument, products, powers and choices.

A rule gets the call, its arguments and the derivatives of its arguments, and gives the derivative
of the call. Choices (`max`, `select`, ...) choose between derivatives, never multiply by a mask, so
that neither the branch not taken nor an infinite slope of what follows can turn the result into
nan (`chosen`). At ties they side with TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable

from . import calls as m
from .chosen import chosen
from .coefficients import coefficient
from .expression import ZERO, Call, Constant, Expression

Rule = Callable[[Call, tuple[Expression, ...], tuple[Expression, ...]], Expression]


def _times(slope: Expression, inner: Expression) -> Expression:
    """slope * inner; 0 where a choice made inner 0, even where slope is infinite."""
    return through(inner, lambda d: slope * d)


def through(inner: Expression, product: Callable[[Expression], Expression]) -> Expression:
    """product(inner), a linear function of inner; 0 where a choice made inner 0."""
    condition, value = chosen(inner)
    return product(inner) if condition is None else m.select(condition, product(value), ZERO)


def sum_of(a: Expression, b: Expression, sign: float = 1.0) -> Expression:
    """a + sign * b; one choice, where both are chosen by the same condition."""
    if a is ZERO:
        return _times(Constant(sign), b)
    (p, u), (q, v) = chosen(a), chosen(b)
    if p is not None and p is q:
        return m.select(p, u + v if sign > 0 else u - v, ZERO)
    return a + b if sign > 0 else a - b


def chain(slope: Callable[[Expression], Expression]) -> Rule:
    """The rule of a function of one argument, from its derivative at the argument."""
    return lambda y, a, da: _times(slope(*a), da[0])


def chain_through(slope: Callable[[Expression, Expression], Expression]) -> Rule:
    """The rule of a function of one argument, from its derivative as slope(value, argument)."""
    return lambda y, a, da: _times(slope(y, *a), da[0])


def flat(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    """The rule of a step function, whose jumps are ignored."""
    return ZERO


def product(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    """The product rule, and other forms for products where it would give inf * 0, or cancel."""
    for (u, v), du in ((a, da[0]), (a[::-1], da[1])):
        if _is_root(v, u):
            return _times(1.5 * v, du)
        if v is m.log(u):
            return _times(v + 1, du)
        if isinstance(v, Call) and v.instruction == "rsqrt" and du is not ZERO:
            offset = _beside_square(v.arguments[0], u)
            if offset is not None:  # (u / sqrt(c + k u**2))' = c / sqrt(c + k u**2)**3
                return _times(offset * (v * m.reciprocal(v.arguments[0])), du)
    return sum_of(_times(a[1], da[0]), _times(a[0], da[1]))


def _is_root(v: Expression, u: Expression) -> bool:
    """Whether v**2 is u."""
    if isinstance(v, Call) and v.instruction == "rsqrt":
        return u is m.reciprocal(v.arguments[0])
    return v is m.sqrt(u)


def _beside_square(total: Expression, u: Expression) -> Expression | None:
    """c of total = c + k u**2 with constant k, where c varies with nothing that u varies with."""
    if not isinstance(total, Call) or total.instruction not in ("add", "sub"):
        return None
    for part, c in (total.arguments, total.arguments[::-1]):
        if coefficient(part)[1] is m.square(u) and not c.variables & u.variables:
            return c
    return None


def power(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    base, exponent = a
    by_base = exponent * m.pow(base, exponent - 1)
    if not isinstance(exponent, Constant):
        # x**0 is 1 everywhere: its slope at 0, and next to it, is 0, where the product is 0 * inf.
        # Elsewhere the product must stay: its own slope in the exponent is not 0.
        near_zero = m.equal(base, 0) if da[1] is not ZERO else m.less(m.abs(base), 1e-9)
        by_base = m.select(m.equal(exponent, 0) * near_zero, 0, by_base)
    # TensorFlow's convention: no slope in the exponent where the base has no logarithm.
    logarithm = m.select(m.greater(base, 0), m.log(base), 0)
    return sum_of(_times(by_base, da[0]), _times(y * logarithm, da[1]))


def polygamma(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    if da[0] is not ZERO:
        raise ValueError(f"polygamma has no derivative to its order, here {a[0]}")
    return _times(m.polygamma(a[0] + 1, a[1]), da[1])
