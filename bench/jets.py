"""The truth: a function and its first three derivatives at one point, by Taylor series in mpmath.

A jet is the list of the first Taylor coefficients of a function. An elementary function is given by
its value and by its slope, the textbook's, which is itself a function of jets, or, where it is not
here, by its meaning in the tests (`tests/instruction_cases.py`), whose slopes are differences.
Nothing here knows blockhess' own derivatives. Cancellation is met by precision, which grows until
two results agree.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import mpmath as mp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from instruction_cases import CASES  # noqa: E402

# Nearer to zero than this the first terms of their series are the gamma functions to twice as many
# digits, for which mpmath takes seconds.
_NEXT_TO_ZERO = mp.mpf(10) ** -25
ORDERS = 4  # The function and three derivatives.
_DIGITS = ((60, 120), (450, 900), (1200, 2400))
_AGREEMENT = mp.mpf(10) ** -25
# Smaller than any float64: two results below it agree, as cancellation may leave zeros or noise.
_VANISHES = mp.mpf(2) ** -1200
# Points for limits at infinity and, inverted, at poles; the digits tell a pole from its neighbour.
_FAR, _FAR_DIGITS = (mp.mpf(2) ** 150, mp.mpf(2) ** 300), 500


class Jet:
    """Taylor coefficients; arithmetic to the length of the shorter operand."""

    def __init__(self, coefficients: Sequence) -> None:
        self.c = list(coefficients)

    @property
    def value(self) -> mp.mpf:
        return self.c[0]

    def __neg__(self) -> Jet:
        return Jet([-a for a in self.c])

    def __add__(self, other: Jet | float) -> Jet:
        if not isinstance(other, Jet):
            return Jet([self.c[0] + other, *self.c[1:]])
        return Jet([a + b for a, b in zip(self.c, other.c, strict=False)])

    def __mul__(self, other: Jet | float) -> Jet:
        if not isinstance(other, Jet):
            return Jet([other * a for a in self.c])
        length = min(len(self.c), len(other.c))
        return Jet([sum(self.c[i] * other.c[k - i] for i in range(k + 1)) for k in range(length)])

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Jet | float) -> Jet:
        return self + -other

    def __rsub__(self, other: float) -> Jet:
        return -self + other

    def __truediv__(self, other: Jet | float) -> Jet:
        return self * (reciprocal(other) if isinstance(other, Jet) else 1 / mp.mpf(other))

    def __rtruediv__(self, other: float) -> Jet:
        return other * reciprocal(self)


def _function(value: Callable, slope: Callable[[Jet], Jet]) -> Callable[[Jet], Jet]:
    """g of a jet: the value, and the integral of g'(a) a'."""

    def apply(a: Jet | float) -> Jet:
        a = _lifted(a)
        first = value(a.value)
        if len(a.c) == 1:
            return Jet([first])
        inner = Jet([k * c for k, c in enumerate(a.c)][1:])
        if not any(inner.c):  # A constant: its slope may be infinite.
            return Jet([first, *inner.c])
        growth = slope(Jet(a.c[:-1])) * inner
        return Jet([first, *(g / (k + 1) for k, g in enumerate(growth.c))])

    return apply


def by_differences(meaning: Callable) -> Callable[..., Jet]:
    """The function of jets whose values are mpmath's, where one argument varies."""

    def apply(*arguments: Jet | float) -> Jet:
        values = [_value(a) for a in arguments]
        varying = [i for i, a in enumerate(arguments) if isinstance(a, Jet) and any(a.c[1:])]
        if not varying:
            length = min((len(a.c) for a in arguments if isinstance(a, Jet)), default=ORDERS)
            return Jet([meaning(*values), *[mp.mpf(0)] * (length - 1)])
        (place,) = varying

        def along(t: mp.mpf) -> mp.mpf:
            return meaning(*values[:place], t, *values[place + 1 :])

        step = Jet([mp.mpf(0), *arguments[place].c[1:]])
        total, power = along(values[place]), 1
        for order in range(1, len(step.c)):
            power = power * step
            total = power * (_slope(along, values[place], order) / mp.factorial(order)) + total
        return total

    return apply


class Kink(ArithmeticError):
    """The slope is another on either side."""


def _slope(f: Callable, a: mp.mpf, order: int) -> mp.mpf:
    """A difference quotient; Kink, or ValueError at an end of the domain, where it has no limit."""
    right, left = (mp.diff(f, a, order, direction=side) for side in (1, -1))
    if abs(right - left) > _AGREEMENT * (1 + abs(right)):
        at_an_end = any(isinstance(side, mp.mpc) for side in (right, left))
        raise (ValueError if at_an_end else Kink)(f"no slope of order {order} at {mp.nstr(a)}")
    return (right + left) / 2


def _polygamma(n: int) -> Callable[[Jet], Jet]:
    def value(a: mp.mpf) -> mp.mpf:
        if 0 < abs(a) < _NEXT_TO_ZERO:
            return (-1) ** (n + 1) * mp.factorial(n) / a ** (n + 1) - (mp.euler if n == 0 else 0)
        return mp.polygamma(n, a)

    return _function(value, lambda a: _polygamma(n + 1)(a))


def _lgamma(a: mp.mpf) -> mp.mpf:
    if 0 < abs(a) < _NEXT_TO_ZERO:
        return -mp.log(abs(a)) - mp.euler * a
    return mp.re(mp.loggamma(a))


def _power(a: Jet | float, b: Jet | float) -> Jet:
    if isinstance(b, Jet):
        return exp(b * mp.log(a))
    if b == 0:
        return 0 * a + 1
    raised = (lambda u: u ** int(b)) if float(b).is_integer() else (lambda u: mp.power(u, b))
    return _function(raised, lambda u: b * _power(u, b - 1))(a)


def _lifted(a: Jet | float) -> Jet:
    return a if isinstance(a, Jet) else Jet([mp.mpf(a), *[mp.mpf(0)] * (ORDERS - 1)])


def _value(a: Jet | float) -> mp.mpf:
    return _lifted(a).value


def _erfc(a: mp.mpf) -> mp.mpf:
    """erfc; far out, where mpmath refuses, its leading term, which is zero in any float."""
    return mp.erfc(a) if a < 1e6 else mp.exp(-a * a) / (a * mp.sqrt(mp.pi))


reciprocal = _function(lambda a: 1 / a, lambda a: -reciprocal(a) * reciprocal(a))
exp = _function(mp.exp, lambda a: exp(a))
log = _function(mp.log, lambda a: 1 / a)
sqrt = _function(mp.sqrt, lambda a: 1 / (2 * sqrt(a)))
sin = _function(mp.sin, lambda a: cos(a))
cos = _function(mp.cos, lambda a: -sin(a))
sinh = _function(mp.sinh, lambda a: cosh(a))
cosh = _function(mp.cosh, lambda a: sinh(a))
_gaussian = lambda a: 2 / mp.sqrt(mp.pi) * exp(-(a * a))  # noqa: E731
sigmoid = _function(lambda a: 1 / (1 + mp.exp(-a)), lambda a: sigmoid(a) * sigmoid(-a))

_FUNCTIONS: dict[str, Callable] = {
    "neg": lambda a: -a,
    "square": lambda a: a * a,
    "reciprocal": reciprocal,
    "sqrt": sqrt,
    "rsqrt": lambda a: 1 / sqrt(a),
    "abs": lambda a: a * mp.sign(a.value),
    "sign": lambda a: 0 * a + mp.sign(a.value),
    "exp": exp,
    "expm1": _function(mp.expm1, exp),
    "log": log,
    "log1p": _function(lambda a: mp.log(1 + a), lambda a: 1 / (1 + a)),
    "sin": sin,
    "cos": cos,
    "tan": _function(mp.tan, lambda a: 1 / (cos(a) * cos(a))),
    "sinh": sinh,
    "cosh": cosh,
    "tanh": _function(mp.tanh, lambda a: 1 / (cosh(a) * cosh(a))),
    "asin": _function(mp.asin, lambda a: 1 / sqrt((1 - a) * (1 + a))),
    "acos": _function(mp.acos, lambda a: -1 / sqrt((1 - a) * (1 + a))),
    "atan": _function(mp.atan, lambda a: 1 / (1 + a * a)),
    "asinh": _function(mp.asinh, lambda a: 1 / sqrt(1 + a * a)),
    "acosh": _function(mp.acosh, lambda a: 1 / (sqrt(a - 1) * sqrt(a + 1))),
    "atanh": _function(mp.atanh, lambda a: 1 / ((1 - a) * (1 + a))),
    "sigmoid": sigmoid,
    "sigmoid_prime": lambda a: sigmoid(a) * sigmoid(-a),
    "softplus": _function(lambda a: mp.log1p(mp.exp(a)), sigmoid),
    "erf": _function(mp.erf, _gaussian),
    "erfc": _function(_erfc, lambda a: -_gaussian(a)),
    "lgamma": _function(_lgamma, _polygamma(0)),
    "digamma": _polygamma(0),
}
_OF_TWO: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": _power,
    "polygamma": lambda n, a: _polygamma(int(n))(a),
    "min": lambda a, b: a if _value(a) <= _value(b) else b,
    "max": lambda a, b: a if _value(a) >= _value(b) else b,
    "less": lambda a, b: mp.mpf(_value(a) < _value(b)),
    "less_equal": lambda a, b: mp.mpf(_value(a) <= _value(b)),
    "greater": lambda a, b: mp.mpf(_value(a) > _value(b)),
    "greater_equal": lambda a, b: mp.mpf(_value(a) >= _value(b)),
    "equal": lambda a, b: mp.mpf(_value(a) == _value(b)),
    "not_equal": lambda a, b: mp.mpf(_value(a) != _value(b)),
}

#: The functions by name, of arrays of jets; `sum` and the like go along the row.
MATH = SimpleNamespace(
    **{name: np.frompyfunc(f, 1, 1) for name, f in _FUNCTIONS.items()},
    **{name: np.frompyfunc(f, 2, 1) for name, f in _OF_TWO.items()},
    select=np.frompyfunc(lambda c, a, b: a if _value(c) != 0 else b, 3, 1),
    xlogy=np.frompyfunc(lambda a, b: a * log(b), 2, 1),
    sum=lambda a: np.sum(a, axis=1),
    logsumexp=lambda a: MATH.log(np.sum(MATH.exp(a), axis=1)),
)
for _name, _case in CASES.items():
    if not hasattr(MATH, _name):
        _arity = len(_case.points[0])
        setattr(MATH, _name, np.frompyfunc(by_differences(_case.meaning), _arity, 1))


def truth(f: Callable, point: Sequence[float]) -> list[mp.mpf]:
    """f and its first three derivatives by the first number of the point; limits at poles.

    They are nan where f is not defined, or where its limits from the two sides differ.
    """
    first, *others = point
    if first != first:
        return [mp.nan] * ORDERS
    if mp.isinf(first):
        return _limit(f, [mp.sign(first) * far for far in _FAR], others)
    # So many more digits tell 1 + x from 1 and exp(x) - 1 from x, in every order.
    decades = math.log10(abs(first)) if first else 0.0
    more = math.ceil(max(decades, -ORDERS * decades))
    for digits in _DIGITS:
        low, high = (d + more for d in digits)
        try:
            found = [_at(f, mp.mpf(first), others, d) for d in (low, high)]
        except Kink:
            (value,) = _at(f, mp.mpf(first), others, high, orders=1)
            return [value, *[mp.nan] * (ORDERS - 1)]
        if None not in found and all(_agree(*pair, low) for pair in zip(*found, strict=True)):
            return found[1]
    if None in found:
        return _at_pole(f, first, others)
    raise ArithmeticError(f"no precision suffices at {point}: {found}")


def _agree(a: mp.mpf, b: mp.mpf, digits: int) -> bool:
    if mp.isnan(a) and mp.isnan(b):
        return True
    if digits < _DIGITS[1][0] and b == 0:
        return False
    return abs(a - b) <= _AGREEMENT * abs(b) or max(abs(a), abs(b)) < _VANISHES


def _at(
    f: Callable, first: mp.mpf, others: Sequence[float], digits: int, orders: int = ORDERS
) -> list | None:
    """f and its derivatives; None at a pole, where a division by zero or an infinity comes up."""
    with mp.workdps(digits):
        argument = [first, mp.mpf(1), *[mp.mpf(0)] * (ORDERS - 2)][:orders]
        row = [Jet(argument), *map(_lifted, others)]
        try:
            jet = _lifted(np.sum(f(MATH, np.array([row], object))))
            values = [mp.factorial(k) * c for k, c in enumerate(jet.c)]
        except (ZeroDivisionError, ValueError):  # mpmath's answer at a pole
            return None
        if isinstance(values[0], mp.mpc) and values[0].imag != 0:
            return [mp.nan] * orders
        if any(mp.isinf(v) or mp.isnan(v) for v in values):  # inf and 0 * inf
            return None
        return [mp.nan if isinstance(v, mp.mpc) and v.imag != 0 else mp.re(v) for v in values]


def _at_pole(f: Callable, first: float, others: Sequence[float]) -> list[mp.mpf]:
    """The limit from both sides where they agree; from one at zero and at an end of the domain."""
    with mp.workdps(_FAR_DIGITS):
        sides = [_limit(f, [first + s / far for far in _FAR], others) for s in (1, -1)]
    if first == 0 and np.signbit(first):
        sides = sides[::-1]
    inside = [side for side in sides if not mp.isnan(side[0])] or sides
    if first == 0:
        inside = inside[:1]
    limits = [
        values[0] if all(v == values[0] or abs(v - values[0]) < 1e-25 for v in values) else mp.nan
        for values in zip(*inside, strict=True)
    ]
    value = _at(f, mp.mpf(first), others, _FAR_DIGITS, orders=1)
    return [*(value or limits[:1]), *limits[1:]]


def _limit(f: Callable, points: Sequence[mp.mpf], others: Sequence[float]) -> list[mp.mpf]:
    """What f and its derivatives tend to, read off two points on the way."""
    near, nearer = (_at(f, p, others, _FAR_DIGITS) or [mp.nan] * ORDERS for p in points)
    return [_tendency(*pair) for pair in zip(near, nearer, strict=True)]


def _tendency(a: mp.mpf, b: mp.mpf) -> mp.mpf:
    """The limit, from values at a point and at its square: logarithms double, powers grow more."""
    if abs(a - b) <= _AGREEMENT * abs(b):
        return b
    if abs(b) > 1e6 * abs(a) or 1.8 < b / a < 2.2:
        return mp.sign(b) * mp.inf
    return mp.mpf(0) if abs(a) > 1e6 * abs(b) or 1.8 < a / b < 2.2 else mp.nan
