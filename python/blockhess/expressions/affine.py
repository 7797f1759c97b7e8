"""Reading an expression as an affine function of some of its variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from . import calls as m
from .expression import ONE, ZERO, Call, Expression, Variable

Slopes = Mapping[Variable, Expression]


def affine(
    expression: Expression, variables: Collection[Variable]
) -> tuple[Slopes, Expression] | None:
    """(slopes, offset) with expression = sum of slope * variable + offset, or None.

    Slopes and offset are free of the variables; the slopes are those that are not zero. Read from
    the structure, not from derivatives: a step has a zero derivative and is not affine.

    >>> x, p = Variable("x"), Variable("p")
    >>> slopes, offset = affine((x - p) / 2.0, [x])
    >>> str(slopes[x])
    '0.5'
    >>> affine(m.sign(x), [x]) is None
    True
    """
    wanted = frozenset(variables)
    if not expression.variables & wanted:
        return {}, expression
    if isinstance(expression, Variable):
        return {expression: ONE}, ZERO
    assert isinstance(expression, Call)
    parts = [affine(argument, wanted) for argument in expression.arguments]
    name = expression.instruction
    if name in ("add", "sub"):
        return _combined(parts, 1.0 if name == "add" else -1.0)
    if name == "neg":
        return _scaled(parts[0], -ONE)
    free = [not argument.variables & wanted for argument in expression.arguments]
    if name == "mul" and any(free):
        constant = free.index(True)
        return _scaled(parts[1 - constant], expression.arguments[constant])
    if name == "div" and free[1]:
        return _scaled(parts[0], m.reciprocal(expression.arguments[1]))
    if name == "select" and free[0]:
        return _selected(expression.arguments[0], parts[1], parts[2])
    return None


def _combined(parts, sign: float):
    if None in parts:
        return None
    (left, left_offset), (right, right_offset) = parts
    slopes = dict(left)
    for variable, slope in right.items():
        slopes[variable] = slopes.get(variable, ZERO) + sign * slope
    kept = {v: slope for v, slope in slopes.items() if slope is not ZERO}
    return kept, left_offset + sign * right_offset


def _scaled(part, factor: Expression):
    if part is None:
        return None
    slopes, offset = part
    return {v: slope * factor for v, slope in slopes.items()}, offset * factor


def _selected(condition: Expression, yes, no):
    if yes is None or no is None:
        return None
    slopes = {
        v: m.select(condition, yes[0].get(v, ZERO), no[0].get(v, ZERO)) for v in {**yes[0], **no[0]}
    }
    return slopes, m.select(condition, yes[1], no[1])
