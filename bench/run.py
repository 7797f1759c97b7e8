"""blockhess beside every other way to the same blocks: one table, one JSON, plots.

    python bench/run.py                     the full run, into bench/results/
    python bench/run.py --quick --output /tmp/quick

A ratio is the median over rounds of (a peer's time / ours right beside it): above 1 blockhess is
faster. docs/performance.md says how the figures come about.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import committed
import environment


def arguments() -> argparse.Namespace:
    from plan import DTYPES, SECTIONS
    from task import LAYOUTS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def several(name: str, help: str, choices=None, type=str) -> None:
        parser.add_argument(name, nargs="+", help=help, choices=choices, type=type)

    from cases import CASES

    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    several("--sections", "of the run", SECTIONS)
    several("--cases", "functions", tuple(CASES))
    several("--sizes", "as NxK, of dense, layouts, traces and gradients", type=_size)
    several("--dtypes", "of x", DTYPES)
    several("--layouts", "of the section layouts", LAYOUTS[1:])
    several("--peers", "only those whose names hold one of these texts")
    parser.add_argument("--rounds", type=int, help="of a pair at most (31; quick: 5)")
    parser.add_argument("--budget", type=float, help="seconds of a pair's rounds (0.2; quick: 0.1)")
    parser.add_argument("--cores", type=int, default=2, help="to run on (2)")
    parser.add_argument(
        "--output", type=Path, default=committed.RESULTS, help="folder (bench/results)"
    )
    parser.add_argument("--name", help="of the files (full; quick: quick)")
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)  # of a section's process
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    N, K = text.split("x")
    return int(N), int(K)


def main() -> None:
    options = arguments()
    environment.enter(options.cores)
    if options.part:
        options.part.write_text(json.dumps(measured_here(options)))
        return
    import report

    name = options.name or ("quick" if options.quick else "full")
    committed.check(*(options.output / file for file in report.files(name)))
    start = time.monotonic()
    results = section_by_section(options)
    results["command"] = "python bench/run.py " + shlex.join(sys.argv[1:])
    results["seconds"] = round(time.monotonic() - start, 1)
    options.output.mkdir(parents=True, exist_ok=True)
    report.write(results, options.output, name)
    if results["failed_sections"]:
        sys.exit(1)


def measured_here(options: argparse.Namespace) -> dict[str, Any]:
    from runner import measured

    return measured(
        wanted(options),
        peers=options.peers,
        rounds=options.rounds or (5 if options.quick else 31),
        budget=options.budget or (0.1 if options.quick else 0.2),
    )


def section_by_section(options: argparse.Namespace) -> dict[str, Any]:
    """Each section in a process of its own, which gives all its memory back.

    The frameworks keep what they compile, and with it gigabytes after some hundred functions.
    """
    from plan import SECTIONS

    results: dict[str, Any] = {"records": [], "missing": {}, "failed_sections": {}}
    with tempfile.TemporaryDirectory() as folder:
        for section in options.sections or SECTIONS:
            part = Path(folder, "part.json")
            part.unlink(missing_ok=True)
            command = [sys.executable, *sys.argv, "--sections", section, "--part", str(part)]
            done = subprocess.run(command)
            if done.returncode:
                results["failed_sections"][section] = f"exit code {done.returncode}"
                continue
            measured = json.loads(part.read_text())
            records = results["records"] + measured["records"]
            missing = {**results["missing"], **measured["missing"]}
            results.update(measured, records=records, missing=missing)
    return results


def wanted(options: argparse.Namespace):
    from plan import Wanted

    def tuple_or_none(values):
        return tuple(values) if values else None

    names = ("sections", "cases", "sizes", "dtypes", "layouts")
    return Wanted(options.quick, *(tuple_or_none(getattr(options, name)) for name in names))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
