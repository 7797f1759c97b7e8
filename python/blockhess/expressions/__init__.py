"""Scalar functions as expressions: build, simplify, differentiate, compile to a program.

The instructions of the core are functions of this package under their own names: `exp(a)`,
`select(c, a, b)`, `max(a, b)`, ... take expressions or floats and build simplified calls.
"""

from . import printing, rewrites  # noqa: F401  each puts its rule into `expression`
from .affine import Slopes, affine
from .calls import *  # noqa: F403
from .chosen_sums import flat_without_a_choice
from .derivatives import differentiate
from .expression import (
    ARITY,
    ONE,
    ZERO,
    Call,
    Constant,
    Expression,
    ExpressionLike,
    Variable,
    call,
    topological,
)
from .norm_offsets import norm_offset
from .program import ProgramTooLong, compile_program, parse_program
from .substitution import substitute

__all__ = [
    "ARITY",
    "ONE",
    "ZERO",
    "Call",
    "Constant",
    "Expression",
    "ExpressionLike",
    "ProgramTooLong",
    "Slopes",
    "Variable",
    "affine",
    "call",
    "compile_program",
    "differentiate",
    "flat_without_a_choice",
    "norm_offset",
    "parse_program",
    "substitute",
    "topological",
]
