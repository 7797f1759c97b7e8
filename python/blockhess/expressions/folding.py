"""The value of an instruction on numbers known while the expression is built."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

_FOLD: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "square": lambda a: a * a,
    "pow": math.pow,
    "sqrt": math.sqrt,
    "rsqrt": lambda a: 1.0 / math.sqrt(a),
    "reciprocal": lambda a: 1.0 / a,
    "abs": abs,
    "sign": lambda a: float((a > 0) - (a < 0)),
    "min": min,
    "max": max,
    "less": lambda a, b: float(a < b),
    "less_equal": lambda a, b: float(a <= b),
    "greater": lambda a, b: float(a > b),
    "greater_equal": lambda a, b: float(a >= b),
    "equal": lambda a, b: float(a == b),
    "not_equal": lambda a, b: float(a != b),
    "select": lambda c, a, b: a if c != 0 else b,
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "sigmoid": lambda a: 1.0 / (1.0 + math.exp(-a)),
    "softplus": lambda a: max(a, 0.0) + math.log1p(math.exp(-abs(a))),
    "erf": math.erf,
    "erfc": math.erfc,
    "lgamma": math.lgamma,
}


def fold(instruction: str, values: Sequence[float]) -> float | None:
    """The instruction's value, or None where it is left to the kernels.

    That is: for functions Python lacks, for nan and infinite arguments, and at poles, where Python
    raises what the kernels answer with inf or nan.
    """
    if instruction not in _FOLD or not all(map(math.isfinite, values)):
        return None
    try:
        value = _FOLD[instruction](*values)
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None
