"""Functions composed of instructions, by the names that NumPy, SciPy and TensorFlow give them."""

from __future__ import annotations

from . import calls as m
from .expression import Expression


def xlogy(a: Expression, b: Expression) -> Expression:
    return _unless_zero(a, a * m.log(b), b)


def xlog1py(a: Expression, b: Expression) -> Expression:
    return _unless_zero(a, a * m.log1p(b), b + 1.0)


def xdivy(a: Expression, b: Expression) -> Expression:
    return _unless_zero(a, a / b, b)


def _unless_zero(factor: Expression, value: Expression, pole: Expression) -> Expression:
    """`value`, and zero where `factor` is zero, whatever the value is there.

    Where `pole` is zero, too, so are all slopes, by choice: the outer condition is a number, as a
    comparison would be taken to hold at single points.
    """
    inner = m.select(m.equal(factor, 0.0), 0.0, value)
    return m.select(m.abs(factor) + m.abs(pole), inner, 0.0)


def divide_no_nan(a: Expression, b: Expression) -> Expression:
    """a / b; where b is zero so are the value and, by TensorFlow's choice, all slopes."""
    return m.select(b, a / b, 0.0)


def clip(a: Expression, low: Expression, high: Expression) -> Expression:
    return m.max(m.min(a, high), low)
