"""Derivatives of expressions: one rule an instruction, in stable form.

A rule gets the call, its arguments and the derivatives of its arguments, and gives the derivative
of the call. Choices (`max`, `select`, ...) choose between derivatives, never multiply by a mask, so
that neither the branch not taken nor an infinite slope of what follows can turn the result into
nan (`chosen`). At ties they side with TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .build import make as m
from .choices import chosen
from .expression import ARITY, ONE, ZERO, Call, Constant, Expression, Variable, topological
from .simplify import coefficient

Rule = Callable[[Call, tuple[Expression, ...], tuple[Expression, ...]], Expression]


def differentiate(expression: Expression, variable: Variable) -> Expression:
    """The derivative of `expression` to `variable`, simplified.

    Derivatives of any order come by repetition; shared subexpressions are differentiated once.
    Raises ValueError where an instruction has no derivative: `polygamma` to its order.

    Examples:
      >>> from blockhess.expressions import Variable, differentiate, softplus
      >>> x = Variable("x")
      >>> str(differentiate(softplus(x), x))
      'sigmoid(x)'
    """
    derivatives: dict[Expression, Expression] = {}
    for node in topological([expression]):
        if variable not in node.variables:
            derivatives[node] = ZERO
        elif isinstance(node, Call):
            below = tuple(derivatives[a] for a in node.arguments)
            derivatives[node] = RULES[node.instruction](node, node.arguments, below)
        else:
            derivatives[node] = ONE
    return derivatives[expression]


def _times(slope: Expression, inner: Expression) -> Expression:
    """slope * inner; 0 where a choice made inner 0, even where slope is infinite."""
    return _through(inner, lambda d: slope * d)


def _through(inner: Expression, product: Callable[[Expression], Expression]) -> Expression:
    """product(inner), which is linear, of what is chosen."""
    condition, value = chosen(inner)
    return product(inner) if condition is None else m.select(condition, product(value), ZERO)


def _sum(a: Expression, b: Expression, sign: float = 1.0) -> Expression:
    """a + sign * b; one choice, where both are chosen by the same condition."""
    if a is ZERO:
        return _times(Constant(sign), b)
    (p, u), (q, v) = chosen(a), chosen(b)
    if p is not None and p is q:
        return m.select(p, u + v if sign > 0 else u - v, ZERO)
    return a + b if sign > 0 else a - b


def _chain(slope: Callable[[Expression], Expression]) -> Rule:
    """The rule of a function of one argument, from its derivative at the argument."""
    return lambda y, a, da: _times(slope(*a), da[0])


def _chain_through(slope: Callable[[Expression, Expression], Expression]) -> Rule:
    """The same where the derivative is best said with the value: slope(value, argument)."""
    return lambda y, a, da: _times(slope(y, *a), da[0])


def _constant(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    """The rule of a step function, whose jumps count for nothing."""
    return ZERO


def _product(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    """The product rule, but for products whose derivative it would write as inf * 0, or cancel."""
    for (u, v), du in ((a, da[0]), (a[::-1], da[1])):
        if v is m.sqrt(u):
            return _times(1.5 * v, du)
        if v is m.log(u):
            return _times(v + 1, du)
        if isinstance(v, Call) and v.instruction == "rsqrt" and du is not ZERO:
            offset = _beside_square(v.arguments[0], u)
            if offset is not None:  # (u / sqrt(c + k u**2))' = c / sqrt(c + k u**2)**3
                return _times(offset * (v * m.reciprocal(v.arguments[0])), du)
    return _sum(_times(a[1], da[0]), _times(a[0], da[1]))


def _beside_square(total: Expression, u: Expression) -> Expression | None:
    """c of total = c + k u**2 with constant k, where c varies with nothing that u varies with."""
    if not isinstance(total, Call) or total.instruction not in ("add", "sub"):
        return None
    for part, c in (total.arguments, total.arguments[::-1]):
        if coefficient(part)[1] is m.square(u) and not c.variables & u.variables:
            return c
    return None


def _power(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    base, exponent = a
    by_base = exponent * m.pow(base, exponent - 1)
    if not isinstance(exponent, Constant):
        # x**0 is 1 everywhere: its slope at 0, and next to it, is 0, where the product is 0 * inf.
        # Elsewhere the product must stay: its own slope in the exponent is not 0.
        near_zero = m.equal(base, 0) if da[1] is not ZERO else m.less(m.abs(base), 1e-9)
        by_base = m.select(m.equal(exponent, 0) * near_zero, 0, by_base)
    # TensorFlow's convention: no slope in the exponent where the base has no logarithm.
    logarithm = m.select(m.greater(base, 0), m.log(base), 0)
    return _sum(_times(by_base, da[0]), _times(y * logarithm, da[1]))


def _polygamma(y: Call, a: tuple[Expression, ...], da: tuple[Expression, ...]) -> Expression:
    if da[0] is not ZERO:
        raise ValueError(f"polygamma has no derivative to its order, here {a[0]}")
    return _times(m.polygamma(a[0] + 1, a[1]), da[1])


_INVERSE_ROOT_PI = 2.0 / math.sqrt(math.pi)

RULES: dict[str, Rule] = {
    "add": lambda y, a, da: _sum(*da),
    "sub": lambda y, a, da: _sum(*da, -1.0),
    "mul": _product,
    "div": lambda y, a, da: _sum(
        _through(da[0], lambda d: d / a[1]), _through(da[1], lambda d: y * (d / a[1])), -1.0
    ),
    "neg": _chain(lambda x: Constant(-1.0)),
    "square": _chain(lambda x: 2 * x),
    "pow": _power,
    "sqrt": _chain(lambda x: 0.5 * m.rsqrt(x)),
    # First y da: else what y meets leaves float32's range long before the product does.
    "rsqrt": lambda y, a, da: _through(da[0], lambda d: -0.5 * (y * d) * m.reciprocal(a[0])),
    "reciprocal": lambda y, a, da: _through(da[0], lambda d: -y * (y * d)),
    "abs": _chain(lambda x: m.sign(x)),
    "sign": _constant,
    "min": lambda y, a, da: m.select(m.less_equal(*a), *da),
    "max": lambda y, a, da: m.select(m.greater_equal(*a), *da),
    "less": _constant,
    "less_equal": _constant,
    "greater": _constant,
    "greater_equal": _constant,
    "equal": _constant,
    "not_equal": _constant,
    "select": lambda y, a, da: m.select(a[0], da[1], da[2]),
    "exp": _chain_through(lambda y, x: y),
    "expm1": _chain(lambda x: m.exp(x)),
    "log": _chain(lambda x: m.reciprocal(x)),
    "log1p": _chain(lambda x: m.reciprocal(1 + x)),
    "sin": _chain(lambda x: m.cos(x)),
    "cos": _chain(lambda x: -m.sin(x)),
    "tan": _chain_through(lambda y, x: 1 + m.square(y)),
    "sinh": _chain(lambda x: m.cosh(x)),
    "cosh": _chain(lambda x: m.sinh(x)),
    "tanh": _chain(lambda x: 4 * m.sigmoid_prime(2 * x)),
    "asin": _chain(lambda x: m.rsqrt((1 - x) * (1 + x))),
    "acos": _chain(lambda x: -m.rsqrt((1 - x) * (1 + x))),
    "atan": _chain(lambda x: m.reciprocal(1 + m.square(x))),
    # Where 1 is lost beside x**2, and before its powers leave float32's range.
    "asinh": _chain(
        lambda x: m.select(
            m.greater(m.abs(x), 2e8), m.abs(m.reciprocal(x)), m.rsqrt(1 + m.square(x))
        )
    ),
    "acosh": _chain(lambda x: m.rsqrt(x - 1) * m.rsqrt(x + 1)),
    "atanh": _chain(lambda x: m.reciprocal((1 - x) * (1 + x))),
    "sigmoid": _chain(lambda x: m.sigmoid_prime(x)),
    "sigmoid_prime": _chain_through(lambda y, x: -y * m.tanh(0.5 * x)),
    "softplus": _chain(lambda x: m.sigmoid(x)),
    "erf": _chain(lambda x: _INVERSE_ROOT_PI * m.exp(-m.square(x))),
    "erfc": _chain(lambda x: -_INVERSE_ROOT_PI * m.exp(-m.square(x))),
    "lgamma": _chain(lambda x: m.digamma(x)),
    "digamma": _chain(lambda x: m.polygamma(1, x)),
    "polygamma": _polygamma,
}

if ARITY.keys() != RULES.keys():
    raise ImportError(
        "derivative rules and instructions differ in " + ", ".join(ARITY.keys() ^ RULES.keys())
    )
