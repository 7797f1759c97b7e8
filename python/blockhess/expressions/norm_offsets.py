"""Norms and the like, of which one cell of a row can be nearly all: p-norms, log-sum-exp.

Let t = s + a, and let a constant c hold phi'**2 = c phi phi'' and c t psi'' = -psi'. Then

    H_kk = psi' phi'' + psi'' phi'**2 = psi' phi'' (t - phi) / t

and where one cell is nearly all of t, the left side cancels, while t - phi is the sum of the other
cells and a. phi is a power of an affine function of x and psi its root, or they are exp and log.
"""

from __future__ import annotations

import math

import numpy as np

from . import calls as m
from .affine import affine
from .expression import Call, Constant, Expression, Variable
from .simplify import base_and_exponent


def norm_offset(phi: Expression, x: Variable, psi: Expression, s: Variable) -> Expression | None:
    """a, where psi(sum of phi(x)) is such a norm; None where it is not.

    >>> from blockhess.expressions import exp, log, sqrt, square
    >>> x, s = Variable("x"), Variable("s")
    >>> str(norm_offset(exp(x), x, log(s), s)), str(norm_offset(square(x), x, sqrt(s + 2), s))
    ('0', '2')
    >>> norm_offset(exp(x), x, sqrt(s), s) is None
    True
    """
    if x not in phi.variables or s not in psi.variables:
        return None
    degree = _degree(_varying(phi, x), x)
    root = _without(psi, s, _FACTORS | _ADDENDS)
    inside, inverse = _root(root)
    if degree is None or inside is None or not _are_inverse(degree, inverse):
        return None
    read = affine(inside, [s])
    return None if read is None else read[1] / read[0][s]


_FACTORS, _ADDENDS = frozenset({"mul", "div", "neg"}), frozenset({"add", "sub"})


def _without(e: Expression, variable: Variable, instructions: frozenset[str]) -> Expression:
    """`e` without the factors, or addends, that do not vary."""
    while isinstance(e, Call) and e.instruction in instructions:
        varying = [a for a in e.arguments if variable in a.variables]
        if len(varying) != 1 or (e.instruction == "div" and varying[0] is not e.arguments[0]):
            break
        e = varying[0]
    return e


def _varying(e: Expression, x: Variable) -> Expression:
    """`e` without the factors that do not vary, in (w * x) * x, too."""
    e = _without(e, x, _FACTORS)
    if not (isinstance(e, Call) and e.instruction == "mul"):
        return e
    factors = [_varying(a, x) for a in e.arguments if x in a.variables]
    return math.prod(factors[1:], start=factors[0])


def _degree(e: Expression, x: Variable) -> float | None:
    """p, where `e` is the power p of an affine function of x or of its modulus; inf for exp."""
    if not isinstance(e, Call):
        return None
    if e.instruction == "exp":
        return math.inf if affine(e.arguments[0], [x]) else None
    base, exponent = base_and_exponent(e)
    if e.instruction == "mul" and m.square(e.arguments[0]) is e.arguments[1]:
        base, exponent = e.arguments[0], 3.0  # |a|**3: the square of |a| is written a**2.
    if isinstance(base, Call) and base.instruction == "abs":
        base = base.arguments[0]
    return exponent if exponent not in (0.0, 1.0) and affine(base, [x]) else None


def _root(e: Expression) -> tuple[Expression | None, float]:
    """(t, q), where `e` is t**q, or log(t) with q = 0."""
    if not isinstance(e, Call):
        return None, 0.0
    if e.instruction == "log":
        return e.arguments[0], 0.0
    if e.instruction == "log1p":
        return e.arguments[0] + Constant(1.0), 0.0
    base, exponent = base_and_exponent(e)
    return (base, exponent) if exponent != 1.0 else (None, 0.0)


def _are_inverse(degree: float, root: float) -> bool:
    """Whether `root` is 1 / degree, or that rounded to float32, as it comes from a tensor."""
    if math.isinf(degree):
        return root == 0
    return abs(degree * root - 1) <= 2.0**-52 or root == float(str(np.float32(1 / degree)))
