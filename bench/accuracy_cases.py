"""The functions whose derivatives are measured: written once, for TensorFlow and for jets alike.

f(m, x): m has the functions, x is a tensor of rows (N, K), or an array of jets of one row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import blockhess as bh
from jets import CASES

Function = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Case:
    """A function, and where it is hard.

    Attributes:
      near: where it has a pole, a branch or a zero; zero itself is always measured.
      others: what the rest of the row holds.
      low: measured from here on; far below zero every number is a pole of the gamma functions.
      at_zero: f and its derivatives at zero by convention, where they have no limit.
    """

    name: str
    f: Function
    near: tuple[float, ...] = ()
    others: tuple[tuple[float, ...], ...] = ((),)
    low: float = -math.inf
    at_zero: tuple[float, ...] | None = None


def _instruction(name: str) -> Function:
    return lambda m, x: getattr(m, name)(x)


_PI = math.pi
_QUARTERS = tuple(k * _PI / 2 for k in (-4, -1, 1, 2, 3, 4, 100, 10**6))
_POLES, _LOW = (-1.0, -2.0, -3.0, -10.0), -12.0
_NEAR = {
    "abs": (), "log": (1.0,), "log1p": (-1.0,), "sin": _QUARTERS, "cos": _QUARTERS,
    "tan": _QUARTERS, "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "acosh": (1.0,),
    "atanh": (-1.0, 1.0), "lgamma": (1.0, 2.0, *_POLES),
    "digamma": (1.4616321449683622, *_POLES),
}  # fmt: skip

# Reasons why an error stays large.
_ZERO = "near a zero of the result only the error relative to its parts is small"
_SQUARE = "x x overflows or its rounding is magnified, as the function is spelled"
_POW = "the error of Eigen's pow grows with the exponent's logarithm; 0.3 is not a float32"
_SUBTRACTS = "f''': where one cell outweighs the others f'' is their sum, f''' still what cancels"
_SHIFTED = "exp magnifies the rounding of what it is shifted by; " + _SUBTRACTS
_OVERFLOWS = "powers, or psi'' of their sum, leave the range"
_REMOVABLE = "the limit at 0 is not recognised, and what cancels next to it is divided by x"

WHY = {
    "sigmoid_prime": _ZERO,
    "digamma": _ZERO,
    "polygamma(2)": _ZERO,
    "polygamma(5)": _ZERO,
    "pow(0.3, x)": _POW,
    "pow(2, x)": _POW,
    "pow(10, x)": _POW,
    "x sigmoid(x)": _ZERO,
    "x tanh(softplus(x))": _ZERO,
    "gelu by erf": "erfc and exp(-x x / 2) magnify the rounding of x x by x x / 2",
    "gelu by tanh": "x**3 overflows far out, and there 0 * inf is left",
    "exp(-x x / 2)": "exp magnifies the rounding of x x by x x / 2",
    "x exp(-x x)": "exp magnifies the rounding of x x by x x",
    "sin(x) exp(-x x)": "exp magnifies the rounding of x x by x x",
    "log(cosh(x))": "f: log(2) is subtracted near 0",
    "log(1 - tanh(x)**2)": "f: log(4) is added near 0; far out mpmath has no digits for it",
    "sqrt(x x + 1) - 1": _SQUARE,
    "sqrt(x x + 1e-6)": _SQUARE,
    "log(1 + x x)": _SQUARE,
    "1 / (1 + x x)": _SQUARE,
    "x log(x)": "f: 0 log(0) is nan as spelled, in xlogy it is 0",
    "x log(x) + (1 - x) log(1 - x)": _ZERO + "; 0 log(0) is nan as spelled",
    "log(x / (1 - x))": _ZERO,
    "(exp(x) - 1) / x": _REMOVABLE,
    "sin(x) / x": _REMOVABLE,
    "lgamma(x + 1) - x log(2)": _ZERO,
    "log(sum(exp(row)))": _SHIFTED,
    "reduce_logsumexp(row)": _SHIFTED,
    "sqrt(sum(row row))": f"{_SUBTRACTS}; {_OVERFLOWS}; no derivative at the zero row",
    "log(1 + sum(row row))": _SQUARE,
    "sum(row**3)**(1/3)": f"the float next to 1/3 is taken for 1/3; {_SUBTRACTS}; {_OVERFLOWS}",
}

_OF_ONE = tuple(
    Case(
        name,
        _instruction(name),
        _NEAR.get(name, ()),
        low=_LOW if name.endswith("gamma") else -math.inf,
    )
    for name, arity in bh.expressions.ARITY.items()
    if arity == 1
)
_OF_SEVERAL = (
    Case("add", lambda m, x: m.add(x, 1.5), (-1.5,)),
    Case("sub", lambda m, x: m.sub(1.5, x), (1.5,)),
    Case("mul", lambda m, x: m.mul(x, 1.5)),
    Case("div", lambda m, x: m.div(x, 1.5)),
    Case("div by x", lambda m, x: m.div(1.5, x)),
    *(
        Case(f"pow({p:g})", lambda m, x, p=p: m.pow(x, p), (1.0,))
        for p in (-3.0, -1.25, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 40.5)
    ),
    *(Case(f"pow({b:g}, x)", lambda m, x, b=b: m.pow(b, x)) for b in (0.3, 2.0, 10.0)),
    Case("min", lambda m, x: m.min(x, 0.5), (0.5,)),
    Case("max", lambda m, x: m.max(x, 0.5), (0.5,)),
    *(
        Case(name, lambda m, x, name=name: getattr(m, name)(x, 0.5), (0.5,))
        for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
    ),
    Case("select", lambda m, x: m.select(m.greater(x, 0.5), m.mul(x, x), m.mul(x, 0.25)), (0.5,)),
    *(
        Case(f"polygamma({n})", lambda m, x, n=n: m.polygamma(float(n), x), _POLES, low=_LOW)
        for n in (0, 1, 2, 5)
    ),
)


def _by_slopes() -> Iterator[Case]:
    """The instructions that are not among these, one argument varying as in the tests' cases."""
    named = {re.match(r"\w+", case.name)[0] for case in (*_OF_ONE, *_OF_SEVERAL)}
    for name, case in CASES.items():
        for varying, points in case.slopes.items() if name not in named else ():
            for point in points:
                arguments = ("x" if i == varying else f"{p:g}" for i, p in enumerate(point))
                yield Case(f"{name}({', '.join(arguments)})", _held(name, varying, point))


def _held(name: str, varying: int, point: Sequence[float]) -> Function:
    before, after = point[:varying], point[varying + 1 :]
    return lambda m, x: getattr(m, name)(*before, x, *after)


#: The instructions of one argument, and those of several with all but one of them held.
INSTRUCTIONS = (*_OF_ONE, *_OF_SEVERAL, *_by_slopes())


def _norm(m, x):
    return m.sqrt(m.sum(x * x))


def _logsumexp(m, x):
    return m.log(m.sum(m.exp(x)))


def _gelu_tanh(m, x):
    return 0.5 * x * (1.0 + m.tanh(0.7978845608028654 * (x + 0.044715 * (x * x * x))))


_ROWS = ((0.5, -1.0), (0.25, -3.0), (80.0, 1.0), (-100.0, -101.0))

#: Functions as users write them.
COMPOSITIONS = (
    Case("log1p(exp(x))", lambda m, x: m.log1p(m.exp(x))),
    Case("log(1 + exp(x))", lambda m, x: m.log(1.0 + m.exp(x))),
    Case("log(1 + exp(-x))", lambda m, x: m.log(1.0 + m.exp(-x))),
    Case("log(sigmoid(x))", lambda m, x: m.log(m.sigmoid(x))),
    Case("1 / (1 + exp(-x))", lambda m, x: 1.0 / (1.0 + m.exp(-x))),
    Case("exp(x) / (1 + exp(x))", lambda m, x: m.exp(x) / (1.0 + m.exp(x))),
    Case("sigmoid(x) (1 - sigmoid(x))", lambda m, x: m.sigmoid(x) * (1.0 - m.sigmoid(x))),
    Case("x sigmoid(x)", lambda m, x: x * m.sigmoid(x)),
    Case("x tanh(softplus(x))", lambda m, x: x * m.tanh(m.softplus(x))),
    Case("gelu by erf", lambda m, x: 0.5 * x * (1.0 + m.erf(x / math.sqrt(2.0)))),
    Case("gelu by tanh", _gelu_tanh),
    Case("log(cosh(x))", lambda m, x: m.log(m.cosh(x))),
    Case("tanh(x)**2", lambda m, x: m.square(m.tanh(x))),
    Case("1 - tanh(x)**2", lambda m, x: 1.0 - m.square(m.tanh(x))),
    Case("log(1 - tanh(x)**2)", lambda m, x: m.log(1.0 - m.square(m.tanh(x)))),
    Case("sqrt(x x + 1) - 1", lambda m, x: m.sqrt(x * x + 1.0) - 1.0),
    Case("sqrt(x x + 1e-6)", lambda m, x: m.sqrt(x * x + 1e-6)),
    Case("sqrt(x x)", lambda m, x: m.sqrt(x * x), at_zero=(0.0,) * 4),
    Case("log(1 + x x)", lambda m, x: m.log(1.0 + x * x)),
    Case("1 / (1 + x x)", lambda m, x: 1.0 / (1.0 + x * x)),
    Case("exp(-x x / 2)", lambda m, x: m.exp(-0.5 * x * x)),
    Case("x exp(-x x)", lambda m, x: x * m.exp(-x * x)),
    Case("x log(x)", lambda m, x: x * m.log(x), (1.0, math.exp(-1.0))),
    Case("xlogy(x, x)", lambda m, x: m.xlogy(x, x), (1.0, math.exp(-1.0)), at_zero=(0.0,) * 4),
    Case(
        "x log(x) + (1 - x) log(1 - x)",
        lambda m, x: x * m.log(x) + (1.0 - x) * m.log(1.0 - x),
        (0.5, 1.0),
    ),
    Case("log(x / (1 - x))", lambda m, x: m.log(x / (1.0 - x)), (0.5, 1.0)),
    Case("x - log(x)", lambda m, x: x - m.log(x), (1.0,)),
    Case("exp(x) - x", lambda m, x: m.exp(x) - x),
    Case("(exp(x) - 1) / x", lambda m, x: (m.exp(x) - 1.0) / x),
    Case("sin(x) / x", lambda m, x: m.sin(x) / x, (_PI,)),
    Case("sin(x) exp(-x x)", lambda m, x: m.sin(x) * m.exp(-x * x), (_PI,)),
    Case(
        "lgamma(x + 1) - x log(2)",
        lambda m, x: m.lgamma(x + 1.0) - x * math.log(2.0),
        (1.0,),
        low=_LOW,
    ),
    Case("log(sum(exp(row)))", _logsumexp, (), _ROWS),
    Case("reduce_logsumexp(row)", lambda m, x: m.logsumexp(x), (), _ROWS),
    Case("sqrt(sum(row row))", _norm, (), ((0.5, 0.0), (0.25, -3.0), (0.0, 0.0))),
    Case("log(1 + sum(row row))", lambda m, x: m.log(1.0 + m.sum(x * x)), (), ((0.5,), (1e-9,))),
    Case("softplus(sum(row))", lambda m, x: m.softplus(m.sum(x)), (), ((0.5, -1.0),)),
    Case(
        "sum(row**3)**(1/3)", lambda m, x: m.pow(m.sum(m.pow(m.abs(x), 3.0)), 1 / 3), (), ((0.5,),)
    ),
)
