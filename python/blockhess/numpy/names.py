"""The functions that a text may call, under the names that NumPy and SciPy give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from blockhess import expressions as e
from blockhess.expressions import ARITY, Expression
from blockhess.expressions.composed import clip, xlog1py, xlogy
from blockhess.expressions.instructions import INSTRUCTIONS


class Function(NamedTuple):
    num_arguments: int
    build: Callable[..., Expression]


def _logaddexp(a: Expression, b: Expression) -> Expression:
    """log(exp(a) + exp(b)), from the larger of the two."""
    return e.select(e.less(a, b), b + e.softplus(a - b), a + e.softplus(b - a))


_COMPOSED: Mapping[str, Function] = {
    "clip": Function(3, clip),
    "exp2": Function(1, lambda a: e.exp(math.log(2) * a)),
    "log2": Function(1, lambda a: e.log(a) / math.log(2)),
    "log10": Function(1, lambda a: e.log(a) / math.log(10)),
    "logaddexp": Function(2, _logaddexp),
    "log_expit": Function(1, lambda a: -e.softplus(-a)),
    "xlogy": Function(2, xlogy),
    "xlog1py": Function(2, xlog1py),
}

FUNCTIONS: Mapping[str, Function] = {
    **{
        name: Function(arity, getattr(e, instruction))
        for instruction, arity in ARITY.items()
        for name in INSTRUCTIONS[instruction].names or (instruction,)
    },
    **_COMPOSED,
}

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}

#: What may stand before a name: `np.sin` is `sin`.
MODULES = ("np", "numpy", "special", "scipy.special")
