"""The rows of the instructions: what they say is true in mpmath."""

from __future__ import annotations

import mpmath as mp
from mpmath_reference import DIGITS

from blockhess.expressions.instructions import INSTRUCTIONS
from instruction_cases import CASES


def _agrees(a: mp.mpf, b: mp.mpf) -> bool:
    return mp.isnan(a) and mp.isnan(b) or mp.almosteq(a, b, mp.mpf(10) ** (5 - DIGITS))


def test_odd_and_even_functions_are(subtests):
    for name, row in INSTRUCTIONS.items():
        if row.parity is None:
            continue
        with subtests.test(name), mp.workdps(DIGITS):
            sign = -1 if row.parity == "odd" else 1
            for (point,) in CASES[name].points:
                there, mirrored = (CASES[name].meaning(mp.mpf(p)) for p in (point, -point))
                assert _agrees(mirrored, sign * there), point


def test_commutative_functions_are(subtests):
    for name, row in INSTRUCTIONS.items():
        if not row.commutative:
            continue
        with subtests.test(name), mp.workdps(DIGITS):
            for a, b in CASES[name].points:
                there, swapped = (
                    CASES[name].meaning(mp.mpf(p), mp.mpf(q)) for p, q in ((a, b), (b, a))
                )
                assert _agrees(there, swapped), (a, b)
