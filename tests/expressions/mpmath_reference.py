"""Expressions evaluated in mpmath."""

from __future__ import annotations

from collections.abc import Mapping

import mpmath as mp

from blockhess.expressions import Call, Constant, Expression, Variable, topological
from instruction_cases import CASES

DIGITS = 50


def evaluate(expression: Expression, values: Mapping[Variable, mp.mpf]) -> mp.mpf:
    """The expression's value in mpmath, node by node as it is written."""
    done: dict[Expression, mp.mpf] = {v: mp.mpf(value) for v, value in values.items()}
    for node in topological([expression]):
        if isinstance(node, Constant):
            done[node] = mp.mpf(node.value)
        elif isinstance(node, Call):
            done[node] = CASES[node.instruction].meaning(*(done[a] for a in node.arguments))
    return done[expression]
