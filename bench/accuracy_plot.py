"""The plot of accuracy.py's results: the errors of the second derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import pictures
from accuracy_table import DTYPES, GOALS

# The ends of the plot: what lies beyond the first, nan with it, has no digit left.
_MOST, _LEAST = 1e9, 0.3


def draw(results: dict[str, Any], path: Path) -> None:
    """The worst and the median error of the second derivative, ours beside batch_jacobian's."""
    second = [r for r in results["records"] if r["order"] == 2]
    groups = [[r for r in second if r["kind"] == kind] for kind in GOALS]
    counts = [len({r["case"] for r in group}) for group in groups]
    figure, panels = plt.subplots(
        2,
        2,
        figsize=(13, 3 + 0.2 * sum(counts)),
        layout="constrained",
        squeeze=False,
        gridspec_kw={"height_ratios": [max(1, count) for count in counts]},
    )
    for row, (kind, goal), group in zip(panels, GOALS.items(), groups, strict=True):
        for panel, dtype in zip(row, DTYPES, strict=True):
            _panel(panel, [r for r in group if r["dtype"] == dtype], f"{kind}s, {dtype}", goal)
    for panel in panels[1]:
        panel.set_xlabel("error of f'' in units of the last place")
    handles, labels = panels[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    pictures.save(figure, path)
    plt.close(figure)


def _panel(panel: Any, records: list[dict[str, Any]], title: str, goal: float) -> None:
    places = range(len(records))

    def clipped(what: str) -> list[float]:
        return [min(max(r[what], _LEAST), _MOST) for r in records]

    worst, theirs = clipped("worst"), clipped("batch_jacobian_worst")
    panel.hlines(places, worst, theirs, color="lightgray", lw=1)
    panel.plot(theirs, places, "x", color="C3", ms=5, label="batch_jacobian, worst")
    panel.plot(worst, places, "o", color="black", ms=4, label="blockhess, worst")
    panel.plot(
        clipped("batch_jacobian_median"), places, "|", color="C3", label="batch_jacobian, median"
    )
    panel.plot(clipped("median"), places, "|", color="black", label="blockhess, median")
    panel.axvline(goal, color="C0", ls="--", lw=1, label="goal")
    panel.set_xscale("log")
    panel.set_xlim(_LEAST / 1.5, _MOST * 2)
    panel.set_xticks([1, 1e2, 1e4, 1e6, _MOST], ["1", "100", "1e4", "1e6", ">1e9"])
    panel.set_yticks(places, [r["case"] for r in records], fontsize=7)
    panel.set(ylim=(len(records) - 0.5, -0.5), title=title)
    panel.grid(axis="x", alpha=0.3)
