"""What bench/gpu/measure.sh has found so far: OUT/measure.json, and OUT/measure.txt to read.

python bench/gpu/collect.py OUT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import commit, processor, versions

Record = dict[str, Any]
Row = tuple[Any, ...]
PROBLEM = ("case", "type", "N", "K")


def rows(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text().splitlines()]


def records(folder: Path, kind: str) -> Iterator[Record]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a program that was stopped
            if record.pop("what") == kind:
                yield record


def measurement(folder: Path) -> Record:
    names = ("name", "status", "seconds", "limit")
    steps = [dict(zip(names, row, strict=True)) for row in rows(folder / "steps.tsv")]
    return {
        **dict(rows(folder / "machine.tsv")),
        "commit": commit() or "unknown",
        "processor": processor(),
        "versions": versions(),
        "steps": [{**s, "seconds": int(s["seconds"]), "limit": int(s["limit"])} for s in steps],
        "check": list(records(folder, "check")),
        "timings": list(records(folder, "timing")),
        "peers": list(records(folder, "peer")),
    }


def problem(record: Record) -> Row:
    return tuple(record[name] for name in PROBLEM)


def text(found: Record) -> str:
    parts = [
        [
            f"{found['card']}, {found['memory']}, driver {found['driver']}, CUDA {found['CUDA']}",
            f"commit {found['commit']}, {found['date']}, {found['processor']}",
        ],
        table(("step", "seconds", ""), step_rows(found)),
        [
            "Kernels against the CPU backend: largest error, relative to the largest entry",
            *table(("type", "results", "wrong", "worst", "allowed"), check_rows(found)),
        ],
        [
            "Kernels against memset and copy of the same bytes: share of their bandwidth",
            *table((*PROBLEM, "pass", "ms", "limit", "its ms", "share"), timing_rows(found)),
        ],
        [
            "Other ways to the same blocks: ms, and how many times ours that is",
            *table((*PROBLEM, "way", "ms", "/ ours"), peer_rows(found)),
        ],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def step_rows(found: Record) -> Iterator[Row]:
    for step in found["steps"]:
        yield step["name"], step["seconds"], step["status"]


def check_rows(found: Record) -> Iterator[Row]:
    for check in found["check"]:
        worst = "not finite" if check["worst"] is None else f"{check['worst']:.1e}"
        yield check["type"], check["results"], check["wrong"], worst, f"{check['allowed']:.0e}"


def timing_rows(found: Record) -> Iterator[Row]:
    for t in found["timings"]:
        times = t["pass"], f"{t['ms']:.3f}", t["limit"], f"{t['limit_ms']:.3f}"
        yield (*problem(t), *times, f"{t['share']:.2f}")


def peer_rows(found: Record) -> Iterator[Row]:
    ours = {problem(t): t["ms"] for t in found["timings"] if t["pass"] == "forward"}
    for peer in sorted(found["peers"], key=problem):
        way = f"{peer['framework']}: {peer['way']}"
        if "ms" not in peer:
            yield (*problem(peer), way, peer["failed"], "")
            continue
        own = ours.get(problem(peer))
        yield (*problem(peer), way, f"{peer['ms']:.3f}", f"{peer['ms'] / own:.2f}" if own else "")


def table(heads: Row, body: Iterable[Row]) -> list[str]:
    cells = [heads, *([str(cell) for cell in row] for row in body)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def main(folder: Path) -> None:
    found = measurement(folder)
    (folder / "measure.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "measure.txt").write_text(text(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
