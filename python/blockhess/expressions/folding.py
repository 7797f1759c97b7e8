"""The value of an instruction on numbers known while the expression is built."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import _core


def fold(instruction: str, values: Sequence[float]) -> float | None:
    """The instruction's value in double precision, by the core's own table.

    None, which leaves the call to the kernels, for nan and infinite arguments and results.
    """
    if not all(map(math.isfinite, values)):
        return None
    registers = " ".join(f"r{i}" for i in range(len(values)))
    result = f"r{len(values)}"
    text = f"blockhess 1 | map {len(values)}: {result} = {instruction} {registers}; return {result}"
    (value,) = _core.evaluate(text, list(values))
    return value if math.isfinite(value) else None
