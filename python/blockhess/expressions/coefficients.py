"""Products by a constant."""

from __future__ import annotations

from .expression import Call, Constant, Expression


def coefficient(e: Expression) -> tuple[float, Expression]:
    """`e` as a constant times the rest."""
    if isinstance(e, Call) and e.instruction == "neg":
        return -1.0, e.arguments[0]
    if isinstance(e, Call) and e.instruction == "mul" and isinstance(e.arguments[0], Constant):
        return e.arguments[0].value, e.arguments[1]
    return 1.0, e
