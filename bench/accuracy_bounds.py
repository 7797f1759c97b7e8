"""The worst errors that accuracy.py has measured, as a text that the tests read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "accuracy_bounds.txt"
_HEAD = "Worst errors of f, f', f'', f''', in units of the last place."
_ORDERS = 4


@dataclass(frozen=True)
class Bounds:
    """What is known of each case.

    Attributes:
      runs: the commands and commits that it was measured by, the first one of all cases.
      worst: the worst errors of f and each derivative, by (case, dtype).
    """

    runs: tuple[str, ...]
    worst: dict[tuple[str, str], tuple[float, ...]]

    def with_run(self, source: str, records: Sequence[dict[str, Any]]) -> Bounds:
        """These bounds, with what a run has found for its cases in place of theirs."""
        found: dict[tuple[str, str], tuple[float, ...]] = {}
        for r in records:  # In the order of the derivatives.
            key = r["case"], r["dtype"]
            found[key] = (*found.get(key, ()), r["worst"])
        return Bounds((*self.runs, source), {**self.worst, **found})


NONE = Bounds((), {})


def table(bounds: Bounds) -> str:
    rows = (
        f"{case:32} {dtype:7}" + "".join(f" {error:>8.3g}" for error in worst)
        for (case, dtype), worst in bounds.worst.items()
    )
    return "\n".join([*bounds.runs, _HEAD, *rows]) + "\n"


def read(path: Path) -> Bounds:
    runs, _, rows = path.read_text().partition(f"{_HEAD}\n")
    worst = {}
    for row in rows.splitlines():
        case, dtype, *errors = row.rsplit(maxsplit=1 + _ORDERS)
        worst[case, dtype] = tuple(map(float, errors))
    return Bounds(tuple(runs.splitlines()), worst)
