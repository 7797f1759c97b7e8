"""What the instructions mean, said in mpmath, and expressions evaluated with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mpmath as mp

from blockhess.expressions import Call, Constant, Expression, Variable, topological

DIGITS = 50


def _softplus(a):
    return mp.log1p(mp.exp(a)) if a < 0 else a + mp.log1p(mp.exp(-a))


MEANING: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "square": lambda a: a * a,
    "pow": lambda a, b: mp.power(a, b),
    "sqrt": mp.sqrt,
    "rsqrt": lambda a: 1 / mp.sqrt(a),
    "reciprocal": lambda a: 1 / a,
    "abs": mp.fabs,
    "sign": mp.sign,
    "min": lambda a, b: min(a, b),
    "max": lambda a, b: max(a, b),
    "less": lambda a, b: mp.mpf(a < b),
    "less_equal": lambda a, b: mp.mpf(a <= b),
    "greater": lambda a, b: mp.mpf(a > b),
    "greater_equal": lambda a, b: mp.mpf(a >= b),
    "equal": lambda a, b: mp.mpf(a == b),
    "not_equal": lambda a, b: mp.mpf(a != b),
    "select": lambda c, a, b: a if c != 0 else b,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log": mp.log,
    "log1p": mp.log1p,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "softplus": _softplus,
    "erf": mp.erf,
    "erfc": mp.erfc,
    "lgamma": lambda a: mp.log(mp.fabs(mp.gamma(a))),
    "digamma": mp.digamma,
    "polygamma": lambda n, a: mp.polygamma(int(n), a),
}


def evaluate(expression: Expression, values: Mapping[Variable, mp.mpf]) -> mp.mpf:
    """The expression's value in mpmath, node by node as it is written."""
    done: dict[Expression, mp.mpf] = {v: mp.mpf(value) for v, value in values.items()}
    for node in topological([expression]):
        if isinstance(node, Constant):
            done[node] = mp.mpf(node.value)
        elif isinstance(node, Call):
            done[node] = MEANING[node.instruction](*(done[a] for a in node.arguments))
    return done[expression]
