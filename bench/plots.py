"""The plots of a run: time over N and over K with the limit, and the ratios as bars.

python bench/plots.py bench/results/full.json       draws those of a run again; git ignores its JSON
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import pictures
from records import FILL, OURS, Record, curves, is_ours, on_curve

_STYLES = {OURS: {"color": "black", "lw": 2.2}, FILL: {"color": "gray", "ls": "--", "marker": ""}}
_NAMES = {FILL: "limit: one tf.fill of the output"}


def draw(results: dict[str, Any], folder: Path, name: str) -> list[str]:
    """Draws what there is data for; returns the names of the files."""
    files = []
    for section, axis in (("over N", "N"), ("over K", "K")):
        records = [r for r in results["records"] if r["section"] == section]
        if records:
            files.append(f"{name}_over_{axis}.png")
            _curves(records, axis, folder / files[-1])
    dense = [r for r in results["records"] if r["section"] == "dense" and r["dtype"] == "float32"]
    if dense:
        files.append(f"{name}_ratios.png")
        _bars(dense, folder / files[-1])
    return files


def _curves(records: list[Record], axis: str, path: Path) -> None:
    found = curves(records, axis)
    figure, panels = plt.subplots(
        1, len(found), figsize=(5.2 * len(found), 4.6), layout="constrained", squeeze=False
    )
    lines: dict[str, Any] = {}
    for panel, (case, layout, K) in zip(panels[0], found, strict=True):
        these = [r for r in records if on_curve(r, case, layout, K, axis) and "seconds" in r]
        for peer in dict.fromkeys(r["peer"] for r in these):
            points = [(r[axis], r["seconds"]["median"]) for r in these if r["peer"] == peer]
            style = {"marker": ".", "lw": 1.2, **_STYLES.get(peer, {})}
            color = {} if "color" in style else {"color": f"C{_number(peer, records)}"}
            (lines[peer],) = panel.loglog(*zip(*points, strict=True), **style, **color)
        fixed = f"K = {K}" if K else f"N = {records[0]['N']:,}"
        panel.set(title=f"{case}, {layout}, {fixed}", xlabel=axis, ylabel="seconds")
        panel.grid(alpha=0.3)
    labels = [_NAMES.get(peer, peer) for peer in lines]
    figure.legend(lines.values(), labels, loc="outside lower center", ncols=3)
    pictures.save(figure, path)
    plt.close(figure)


def _number(peer: str, records: list[Record]) -> int:
    """The number of a peer's color, the same in every panel."""
    return sorted({r["peer"] for r in records}).index(peer)


def _bars(records: list[Record], path: Path) -> None:
    """A panel a size: for every case, how many times as long as blockhess each peer takes."""
    sizes = list(dict.fromkeys((r["N"], r["K"]) for r in records))
    cases = list(dict.fromkeys(r["case"] for r in records))
    peers = [p for p in dict.fromkeys(r["peer"] for r in records) if not is_ours(p) and p != FILL]
    figure, panels = plt.subplots(
        len(sizes), 1, figsize=(12, 2.6 * len(sizes)), layout="constrained", squeeze=False
    )
    width = 0.86 / max(1, len(peers))
    for panel, size in zip(panels[:, 0], sizes, strict=True):
        for index, peer in enumerate(peers):
            heights = [
                next((r["ratio"]["median"] for r in records if _is(r, size, case, peer)), 0)
                for case in cases
            ]
            places = [number + width * (index - len(peers) / 2) for number in range(len(cases))]
            color = plt.get_cmap("tab20")(index % 20)
            # A ratio is a distance from 1: bars start there.
            drawn = [height - 1 if height else 0 for height in heights]
            panel.bar(places, drawn, width, bottom=1, align="edge", color=color, label=peer)
        panel.axhline(1, color="black", lw=1)
        panel.set_yscale("log")
        panel.set_xticks(range(len(cases)), cases)
        panel.set(title=f"N = {size[0]:,}, K = {size[1]}", ylabel="time / blockhess")
        panel.grid(axis="y", alpha=0.3)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    pictures.save(figure, path)
    plt.close(figure)


def _is(r: Record, size: tuple[int, int], case: str, peer: str) -> bool:
    there = ((r["N"], r["K"]), r["case"], r["peer"]) == (size, case, peer)
    return there and "ratio" in r


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(*draw(json.loads(source.read_text()), source.parent, source.stem), sep="\n")
