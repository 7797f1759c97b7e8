"""The instructions: what each means, said in mpmath, and where it is tested. One line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp

Point = tuple[float, ...]


class Case(NamedTuple):
    """`points` for the value, `slopes` for the derivatives: by argument that varies, all arguments."""

    meaning: Callable[..., mp.mpf]
    points: list[Point]
    slopes: dict[int, list[Point]]


def unary(meaning: Callable[..., mp.mpf], points: list[float], slopes: list[float]) -> Case:
    """The slopes' points: in the middle, near where the function cancels, and in the tails."""
    return Case(meaning, [(a,) for a in points], {0: [(a,) for a in slopes]})


def _softplus(a: mp.mpf) -> mp.mpf:
    return mp.log1p(mp.exp(a)) if a < 0 else a + mp.log1p(mp.exp(-a))


SMALL = [1e-30, 1e-10, 1e-5, 0.01]
MIDDLE = [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.5, 2.0, 2.5, 3.2, 5.0, 9.7]
LARGE = [15.3, 31.4, 60.2, 87.1]
POSITIVE = [*SMALL, *MIDDLE, *LARGE]
REAL = [*POSITIVE, *(-a for a in POSITIVE)]
UNIT = [*SMALL, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
SIGNED_UNIT = [*UNIT, *(-a for a in UNIT)]
ANGLES = [*REAL, 3.14159, 6.2832, 1.5708, 1e3, 1e4, -1e5, 1e7, 3e9]
NEGATIVE_GAMMA = [-0.3, -1.5, -2.7, -10.4, -33.3]
PAIRS = [(a, b) for a in (-3.7, -0.2, 0.0, 0.2, 1.9, 3.7) for b in (-3.7, -0.2, 0.2, 1.9)]
POWERS = [(2.5, 3.7), (0.3, -7.2), (1e-5, 0.5), (7.7, 0.0), (-3.0, 5.0), (-3.0, 4.0), (-0.7, -3.0)]
ORDERS = [
    (0.0, 3.3),
    *((n, a) for n in (1.0, 2.0, 3.0, 7.0) for a in (0.01, 0.7, 3.3, 19.0, 200.0, -0.5, -2.3)),
]
CHOICES = [(0.0, 2.0, 3.0), (-1.0, 2.0, 3.0), (0.5, 1.0, 0.0)]
SIDES = [(1.5, -0.25), (-0.25, 1.5)]

CASES = {
    "neg": unary(lambda a: -a, REAL, [1.5, -1e5]),
    "square": unary(lambda a: a * a, MIDDLE, [1.5, -1e5, 1e-8]),
    "rsqrt": unary(lambda a: 1 / mp.sqrt(a), POSITIVE, [2.0, 1e-6, 1e6]),
    "reciprocal": unary(lambda a: 1 / a, REAL, [2.0, -1e-6, 1e6]),
    "abs": unary(mp.fabs, REAL, [2.0, -1e-6]),
    "sqrt": unary(mp.sqrt, [0.0, *POSITIVE], [2.0, 1e-6, 1e6]),
    "sign": unary(mp.sign, [0.0, *REAL], [2.0, -1e-6]),
    "exp": unary(mp.exp, [0.0, *REAL], [1.5, -700.0, 1e-9]),
    "expm1": unary(mp.expm1, [0.0, *REAL], [1.5, -700.0, 1e-9]),
    "log": unary(mp.log, [1e-38, 1e30, *POSITIVE], [1.5, 1e-6, 1e6]),
    "log1p": unary(mp.log1p, [*POSITIVE, *(-a for a in UNIT)], [1.5, -0.999, 1e-9, 1e6]),
    "sin": unary(mp.sin, [0.0, *ANGLES], [1.0, -4.0, 1e-9]),
    "cos": unary(mp.cos, [0.0, *ANGLES], [1.0, -4.0, 1e-9]),
    "tan": unary(mp.tan, [0.0, *ANGLES], [1.0, -4.0, 1e-9]),
    "sinh": unary(mp.sinh, [0.0, 89.2, *REAL], [1.0, -20.0, 1e-9]),
    "cosh": unary(mp.cosh, [0.0, 89.2, *REAL], [1.0, -20.0, 1e-9]),
    "tanh": unary(mp.tanh, [0.0, *REAL], [1.0, -20.0, 1e-9, 300.0]),
    "asin": unary(mp.asin, [0.0, 1.0, -1.0, *SIGNED_UNIT], [0.5, -0.999, 1e-9]),
    "acos": unary(mp.acos, [0.0, 1.0, -1.0, *SIGNED_UNIT], [0.5, -0.999, 1e-9]),
    "atan": unary(mp.atan, [0.0, 1e30, *REAL], [0.5, -1e4, 1e-9]),
    "asinh": unary(mp.asinh, [0.0, 1e15, -1e30, *REAL], [0.5, -1e4, 1e-9]),
    "acosh": unary(mp.acosh, [1.0, 1.0001, 1.1, 2.0, 30.0, 1e15, 1e30], [1.5, 1.001, 1e4]),
    "atanh": unary(mp.atanh, [0.0, *SIGNED_UNIT], [0.5, -0.999, 1e-9]),
    "sigmoid": unary(lambda a: 1 / (1 + mp.exp(-a)), [0.0, *REAL], [0.5, -600.0, 600.0, 1e-9]),
    "sigmoid_prime": unary(
        lambda a: mp.exp(-a) / (1 + mp.exp(-a)) ** 2, [0.0, *REAL], [0.5, -600.0, 600.0, 1e-9]
    ),
    "softplus": unary(_softplus, [0.0, *REAL], [0.5, -600.0, 600.0, 1e-9]),
    "erf": unary(mp.erf, [0.0, *REAL], [0.5, -6.0, 1e-9]),
    "erfc": unary(mp.erfc, [0.0, 9.1, *(a for a in REAL if a < 9)], [0.5, -6.0, 6.0]),
    "lgamma": unary(
        lambda a: mp.log(mp.fabs(mp.gamma(a))), [*POSITIVE, *NEGATIVE_GAMMA], [0.5, 7.25, 100.0]
    ),
    "digamma": unary(mp.digamma, [*REAL[4:20], -1e-10, 1e10, *NEGATIVE_GAMMA], [0.5, 7.25, 100.0]),
    "add": Case(lambda a, b: a + b, PAIRS, {0: [(1.5, -0.25)], 1: [(1.5, -0.25)]}),
    "sub": Case(lambda a, b: a - b, PAIRS, {0: [(1.5, -0.25)], 1: [(1.5, -0.25)]}),
    "mul": Case(lambda a, b: a * b, PAIRS, {0: [(1.5, -0.25)], 1: [(1.5, -0.25)]}),
    "div": Case(
        lambda a, b: a / b, PAIRS, {0: [(1.5, -0.25)], 1: [(1.5, -0.25), (3.0, 1e-3), (3.0, 1e5)]}
    ),
    "pow": Case(
        lambda a, b: mp.power(a, b),
        POWERS,
        {
            0: [(1.5, 2.5), (1e-3, 0.7), (1e4, -1.3), (-2.0, 5.0), (-2.0, -3.0), (0.5, 4.0)],
            1: [(1.5, 2.5), (1e-3, 0.7), (1e4, -1.3), (2.0, 0.0)],
        },
    ),
    "min": Case(lambda a, b: min(a, b), PAIRS, {0: SIDES, 1: SIDES}),
    "max": Case(lambda a, b: max(a, b), PAIRS, {0: SIDES, 1: SIDES}),
    "less": Case(lambda a, b: mp.mpf(a < b), PAIRS, {0: SIDES, 1: SIDES}),
    "less_equal": Case(lambda a, b: mp.mpf(a <= b), PAIRS, {0: SIDES, 1: SIDES}),
    "greater": Case(lambda a, b: mp.mpf(a > b), PAIRS, {0: SIDES, 1: SIDES}),
    "greater_equal": Case(lambda a, b: mp.mpf(a >= b), PAIRS, {0: SIDES, 1: SIDES}),
    "equal": Case(lambda a, b: mp.mpf(a == b), PAIRS, {0: SIDES, 1: SIDES}),
    "not_equal": Case(lambda a, b: mp.mpf(a != b), PAIRS, {0: SIDES, 1: SIDES}),
    "polygamma": Case(lambda n, a: mp.polygamma(int(n), a), ORDERS, {1: [(1.0, 0.5), (2.0, 7.25)]}),
    "select": Case(
        lambda c, a, b: a if c != 0 else b,
        CHOICES,
        {
            0: [(1.0, 2.0, 3.0)],
            1: [(1.0, 2.0, 3.0), (0.0, 2.0, 3.0)],
            2: [(1.0, 2.0, 3.0), (0.0, 2.0, 3.0)],
        },
    ),
}
