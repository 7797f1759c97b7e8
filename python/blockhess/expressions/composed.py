"""Functions composed of instructions, by the names that NumPy, SciPy and TensorFlow give them."""

from __future__ import annotations

from .build import make as m
from .expression import Expression


def unless_zero(factor: Expression, value: Expression) -> Expression:
    """`value`, and zero where `factor` is zero, whatever the value is there."""
    return m.select(m.equal(factor, 0.0), 0.0, value)


def xlogy(a: Expression, b: Expression) -> Expression:
    return unless_zero(a, a * m.log(b))


def xlog1py(a: Expression, b: Expression) -> Expression:
    return unless_zero(a, a * m.log1p(b))


def clip(a: Expression, low: Expression, high: Expression) -> Expression:
    return m.max(m.min(a, high), low)
