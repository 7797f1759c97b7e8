"""The algebra that keeps expressions small and brings equal ones to one form.

Each rule looks at one call whose arguments are simplified already, and answers with a better
expression or None. The forms it leads to:

- commutative arguments sorted; a constant factor in front of its product, a constant summand
  behind its sum; no constant, and no minus sign, further inside a product, quotient, square or odd
  function;
- whole powers up to 4, and half powers, as squares, products, roots and reciprocals, which cost
  less than `pow` and lose nothing;
- equal summands counted, a factor common to two summands taken out.

Sums of more than two terms are never reassociated, nor are products of more than two
non-constant factors: (x - y) + z, with x near y, is a different number from (x + z) - y.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from . import calls as m
from .coefficients import coefficient
from .expression import COMPARISONS, ONE, ZERO, Call, Constant, Expression, operands, simplify_by
from .instructions import INSTRUCTIONS
from .sign_rules import NOT_NEGATIVE, UNKNOWN
from .substitution import substitute

#: Constants are gathered across a product only within this range: outside, where the factors
#: meet decides whether float32 overflows.
_SMALLEST, _LARGEST = 2.0**-64, 2.0**64


def simplified(raw: Call) -> Expression | None:
    """A simpler expression of the same value; None where no rule knows one."""
    name, arguments = raw.instruction, _sorted(raw)
    if INSTRUCTIONS[name].parity is not None:
        return _parity(name, *arguments)
    return _RULES[name](*arguments) if name in _RULES else None


def canonical(raw: Call) -> Call:
    """`raw` with its arguments in the order that all calls of its kind have."""
    arguments = _sorted(raw)
    if raw.instruction == "add" and isinstance(arguments[0], Constant):
        arguments = arguments[::-1]
    return Call(raw.instruction, arguments)


def _sorted(raw: Call) -> tuple[Expression, ...]:
    if not INSTRUCTIONS[raw.instruction].commutative:
        return raw.arguments
    return tuple(sorted(raw.arguments, key=_order))


def _order(e: Expression) -> tuple[int, int, str, bytes]:
    return e.order


def _is(e: Expression, instruction: str) -> bool:
    return isinstance(e, Call) and e.instruction == instruction


def _gathered(c: float) -> bool:
    return _SMALLEST <= abs(c) <= _LARGEST


def _product(a: float, b: float) -> float:
    """a b, rounded to 9 digits where that is as near: sqrt(0.5)**2 is 0.5, and 1 drops out."""
    exact = a * b
    short = float(f"{exact:.9g}")
    return short if abs(short - exact) <= 2 * math.ulp(exact) else exact


# Sums --------------------------------------------------------------------------------------------


def _add(a: Expression, b: Expression) -> Expression | None:
    if isinstance(a, Constant):
        return _add_constant(b, a.value)
    (p, u), (q, v) = coefficient(a), coefficient(b)
    if u is v:
        return (p + q) * u
    if p < 0 and q < 0:
        return -(-a + -b)
    if q < 0:
        return a - -b
    if p < 0:
        return b - -a
    return _first(
        _add_to_sum(a, b), _add_to_sum(b, a), _add_offsets(a, b, 1.0), _factored(a, b, 1.0)
    )


def _add_constant(e: Expression, c: float) -> Expression | None:
    if c == 0:
        return e
    inner, sign, rest = _offset(e)
    total = _exact_sum(inner, c)
    if inner != 0 and total is not None:
        return total + rest if sign > 0 else total - rest
    return c - -e if coefficient(e)[0] < 0 else None


def _offset(e: Expression) -> tuple[float, float, Expression]:
    """`e` as a constant, plus or minus the rest."""
    if _is(e, "add") and isinstance(e.arguments[1], Constant):
        return e.arguments[1].value, 1.0, e.arguments[0]
    if _is(e, "sub") and isinstance(e.arguments[0], Constant):
        return e.arguments[0].value, -1.0, e.arguments[1]
    return 0.0, 1.0, e


def _exact_sum(a: float, b: float) -> float | None:
    """a + b where it rounds neither in float64 nor in float32; None elsewhere.

    A rounded sum of constants would be felt where it cancels: (x - 3) - 0.0001 near x = 3.0001.
    """
    numbers = (a, b, a + b)
    exact = all(math.isfinite(n) and _is_float32(n) for n in numbers)
    return a + b if exact and math.fsum((a, b, -(a + b))) == 0 else None


def _is_float32(value: float) -> bool:
    try:
        return struct.unpack("f", struct.pack("f", value))[0] == value
    except OverflowError:
        return False


def _sub(a: Expression, b: Expression) -> Expression | None:
    if isinstance(b, Constant):
        return a + -b.value
    if isinstance(a, Constant):
        return _subtract_from_constant(a.value, b)
    (p, u), (q, v) = coefficient(a), coefficient(b)
    if u is v:
        return (p - q) * u
    if q < 0:
        return a + -b
    if p < 0:
        return -(-a + b)
    swapped = _add_to_sum(-a, b)
    return _first(
        _add_to_sum(-b, a),
        None if swapped is None else -swapped,
        _add_offsets(a, b, -1.0),
        _factored(a, b, -1.0),
    )


def _subtract_from_constant(c: float, e: Expression) -> Expression | None:
    if c == 0:
        return -e
    inner, sign, rest = _offset(e)
    total = _exact_sum(c, -inner)
    if inner != 0 and total is not None:
        return total - rest if sign > 0 else total + rest
    return c + -e if coefficient(e)[0] < 0 else None


def _add_offsets(a: Expression, b: Expression, sign: float) -> Expression | None:
    """(1 + u) - (1 - u) as 2 u: what cancels is taken away before it rounds."""
    (c, p, u), (d, q, v) = _offset(a), _offset(b)
    total = _exact_sum(c, sign * d)
    if u is not v or 0 in (c, d) or total is None:
        return None
    return (p + sign * q) * u + total


def _add_to_sum(a: Expression, total: Expression) -> Expression | None:
    """a + (a + b) as 2 a + b, which rounds once less."""
    if not (_is(total, "add") or _is(total, "sub")):
        return None
    sign = 1.0 if _is(total, "add") else -1.0
    left, right = total.arguments
    (p, u), (q, v), (r, w) = coefficient(a), coefficient(left), coefficient(right)
    if u is v and not isinstance(u, Constant):
        return (p + q) * u + (right if sign > 0 else -right)
    if u is w and not isinstance(u, Constant):
        return left + (p + sign * r) * u
    return None


def _factored(a: Expression, b: Expression, sign: float) -> Expression | None:
    """p q + p r as p (q + r): one product less, and it rounds no worse."""
    (p, u), (q, v) = coefficient(a), coefficient(b)
    if abs(p) == abs(q) != 1.0:
        return p * _joined(u, v, sign * q / p)
    if not (_is(u, "mul") and _is(v, "mul")):
        return None
    for i, common in enumerate(u.arguments):
        if common in v.arguments:
            rest = v.arguments[1 - v.arguments.index(common)]
            return common * _joined(p * u.arguments[1 - i], q * rest, sign)
    return None


def _first(*candidates: Expression | None) -> Expression | None:
    return next((c for c in candidates if c is not None), None)


def _joined(a: Expression, b: Expression, sign: float) -> Expression:
    return a + b if sign > 0 else a - b


def _neg(a: Expression) -> Expression | None:
    if _is(a, "neg"):
        return a.arguments[0]
    c, rest = coefficient(a)
    if c != 1.0:
        return -c * rest
    if _is(a, "sub"):
        return a.arguments[1] - a.arguments[0]
    if _is(a, "add") and isinstance(a.arguments[1], Constant):
        return -a.arguments[1].value - a.arguments[0]
    return None


# Products ----------------------------------------------------------------------------------------


def _mul(a: Expression, b: Expression) -> Expression | None:
    if isinstance(a, Constant):
        return _scale(a.value, b)
    (p, u), (q, v) = coefficient(a), coefficient(b)
    if (p, q) != (1.0, 1.0) and _gathered(p * q):
        return _product(p, q) * (u * v)
    return _merged_powers(a, b)


def _scale(c: float, e: Expression) -> Expression | None:
    if c == 0:
        return ZERO
    if c == 1:
        return e
    if c == -1:
        return -e
    inner, rest = coefficient(e)
    if inner != 1.0 and (_gathered(c * inner) or abs(inner) == 1.0):
        return _product(c, inner) * rest
    return None


def _div(a: Expression, b: Expression) -> Expression | None:
    if isinstance(b, Constant):
        return _product(1.0, 1.0 / b.value) * a if _gathered(b.value) else None
    (p, u), (q, v) = coefficient(a), coefficient(b)
    if isinstance(u, Constant):
        p, u = u.value, ONE
    if (p, q) != (1.0, 1.0):
        return _product(p, 1.0 / q) * (u / v) if p == 0 or _gathered(p / q) else None
    if u is ONE:
        return m.reciprocal(v)
    if _is(v, "sqrt"):
        return u * m.rsqrt(v.arguments[0])
    if _is(v, "exp"):
        return u * m.exp(-v.arguments[0])
    return None


def _reciprocal(a: Expression) -> Expression | None:
    c, rest = coefficient(a)
    if c != 1.0 and _gathered(c):
        return (1.0 / c) * m.reciprocal(rest)
    if _is(a, "div"):
        return a.arguments[1] / a.arguments[0]
    base, exponent = base_and_exponent(a)
    if exponent != 1.0:
        return m.pow(base, -exponent)
    return m.exp(-a.arguments[0]) if _is(a, "exp") else None


# Powers ------------------------------------------------------------------------------------------

#: Exponents that have instructions of their own, as functions of the base. A negative whole power
#: is the power of the reciprocal, whose range ends where the result's does.
_POWERS: dict[float, Callable[[Expression], Expression]] = {
    0.0: lambda a: ONE,
    0.5: lambda a: m.sqrt(a),
    1.0: lambda a: a,
    1.5: lambda a: Call("mul", tuple(sorted((a, m.sqrt(a)), key=_order))),
    2.0: lambda a: m.square(a),
    3.0: lambda a: Call("mul", tuple(sorted((a, m.square(a)), key=_order))),
    4.0: lambda a: m.square(m.square(a)),
    -0.5: lambda a: m.rsqrt(a),
    -1.0: lambda a: m.reciprocal(a),
    -1.5: lambda a: Call("mul", tuple(sorted((m.reciprocal(a), m.rsqrt(a)), key=_order))),
    -2.0: lambda a: m.square(m.reciprocal(a)),
    -3.0: lambda a: _POWERS[3.0](m.reciprocal(a)),
    -4.0: lambda a: _POWERS[4.0](m.reciprocal(a)),
}


def _pow(a: Expression, b: Expression) -> Expression | None:
    if a is ONE:
        return ONE
    if not isinstance(b, Constant):
        return None
    if b.value in _POWERS:
        return _POWERS[b.value](a)
    base, inner = base_and_exponent(a)
    whole = inner.is_integer() and b.value.is_integer()
    return m.pow(base, inner * b.value) if whole and inner != 1.0 else None


def base_and_exponent(e: Expression) -> tuple[Expression, float]:
    """`e` as a constant power, seeing through the forms `_POWERS` makes."""
    if not isinstance(e, Call):
        return e, 1.0
    first, last = e.arguments[0], e.arguments[-1]
    if e.instruction == "pow" and isinstance(last, Constant):
        return first, last.value
    if e.instruction in ("sqrt", "rsqrt"):
        return first, 0.5 if e.instruction == "sqrt" else -0.5
    if e.instruction in ("square", "reciprocal"):
        base, exponent = base_and_exponent(first)
        if exponent.is_integer():
            return base, exponent * (2.0 if e.instruction == "square" else -1.0)
    if e.instruction == "mul" and (_is(last, "square") or _is(last, "sqrt")):
        if last.arguments[0] is first:
            base, exponent = base_and_exponent(first)
            return base, exponent * (3.0 if last.instruction == "square" else 1.5)
    if e.instruction == "mul" and _is(first, "reciprocal") and _is(last, "rsqrt"):
        if first.arguments[0] is last.arguments[0]:
            return first.arguments[0], -1.5
    return e, 1.0


def _merged_powers(a: Expression, b: Expression) -> Expression | None:
    """x**p x**q as x**(p + q) where both are defined for the same x."""
    if a is b:
        return m.square(a)
    (base, p), (other, q) = base_and_exponent(a), base_and_exponent(b)
    whole = p.is_integer() and q.is_integer()
    if base is not other or p * q <= 0 or not (whole or not (p + q).is_integer()):
        return None
    if (p + q) in (1.5, -1.5, 3.0, -3.0):
        return None  # Already the form that this power has.
    return m.pow(base, p + q)


def _square(a: Expression) -> Expression | None:
    c, rest = coefficient(a)
    if c != 1.0 and _gathered(c * c):
        return _product(c, c) * m.square(rest)
    if _is(a, "abs"):
        return m.square(a.arguments[0])
    if _looks_negative(a):
        return m.square(-a)
    base, exponent = base_and_exponent(a)
    if exponent in (2.0, -1.0, -2.0) or exponent == 1.0 or not exponent.is_integer():
        return None
    return m.pow(base, 2.0 * exponent)


# Signs and choices -------------------------------------------------------------------------------


def _looks_negative(e: Expression) -> bool:
    """Whether even and odd functions take `-e` for `e`: true of one of the two at most."""
    if _is(e, "sub"):
        return e.arguments[1].order < e.arguments[0].order
    return coefficient(e)[0] < 0


def _parity(name: str, a: Expression) -> Expression | None:
    """f(a) by f(-a) for odd and even f, so that f(a) and f(-a) become one call."""
    if not _looks_negative(a):
        return None
    positive = getattr(m, name)(-a)
    return -positive if INSTRUCTIONS[name].parity == "odd" else positive


def _abs(a: Expression) -> Expression | None:
    c, rest = coefficient(a)
    if c != 1.0:
        return abs(c) * m.abs(rest)
    if _looks_negative(a):
        return m.abs(-a)
    if not isinstance(a, Call):
        return None
    unknown = [UNKNOWN] * len(a.arguments)
    return a if INSTRUCTIONS[a.instruction].value_signs(a, *unknown) <= NOT_NEGATIVE else None


def _same(a: Expression, b: Expression) -> Expression | None:
    return a if a is b else None


def _select(c: Expression, a: Expression, b: Expression) -> Expression | None:
    if isinstance(c, Constant):
        return a if c.value != 0 else b
    if _is(c, "not_equal"):
        return m.select(m.equal(*c.arguments), b, a)
    if _is(c, "sub") and c.arguments[0] is ONE and _is_truth(c.arguments[1]):
        return m.select(c.arguments[1], b, a)
    if _is_truth(c):
        known = _where(a, c, ONE), _where(b, c, ZERO)
        if known != (a, b):
            return m.select(c, *known)
    if _is(a, "select") and a.arguments[0] is c:  # Its answer is known in either branch.
        return m.select(c, a.arguments[1], b)
    if _is(b, "select") and b.arguments[0] is c:
        return m.select(c, a, b.arguments[2])
    if a is b:
        return a
    return c if _is_truth(c) and a is ONE and b is ZERO else None


def _is_truth(e: Expression) -> bool:
    return isinstance(e, Call) and e.instruction in COMPARISONS


def _where(branch: Expression, condition: Expression, truth: Expression) -> Expression:
    """`branch` with the condition replaced by its `truth`: there a guarded value is the value."""
    pending, seen = [branch], set()
    while pending:
        e = pending.pop()
        if e is condition:
            return substitute(branch, {condition: truth})
        if e not in seen and e.depth > condition.depth:
            seen.add(e)
            pending.extend(operands(e))
    return branch


_RULES: dict[str, Callable[..., Expression | None]] = {
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "mul": _mul,
    "div": _div,
    "reciprocal": _reciprocal,
    "pow": _pow,
    "square": _square,
    "abs": _abs,
    "min": _same,
    "max": _same,
    "select": _select,
}


simplify_by(lambda raw: simplified(raw) or canonical(raw))
