"""Committed results: they name a commit, and that commit has what was measured.

A benchmark asks before it measures, and stops where it would write over a committed result from
files that no commit has: whoever reads the figure can check out what it is of.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"


def commit(root: Path = ROOT) -> str | None:
    """The commit of a checkout, with a + where files differ from it; None where git has none.

    Results do not count: a benchmark may follow another.
    """
    try:
        name = _git(root, "rev-parse", "--short", "HEAD")
        return name + "+" * bool(_changes(root))
    except (OSError, subprocess.CalledProcessError):
        return None


def check(*files: Path, root: Path = ROOT) -> None:
    """Ends the program where it may not write these files."""
    try:
        tracked = [file for file in files if _is_tracked(root, file)]
        changes = _changes(root) if tracked else ""
    except (OSError, subprocess.CalledProcessError):
        return  # No checkout, or no git.
    if changes:
        sys.exit(
            f"{tracked[0]} is committed, and of a commit; commit your changes first, or write "
            f"elsewhere (--output):\n{changes}"
        )


def run(main: Callable[[], None]) -> None:
    """Runs a benchmark that prints; `--output FILE` gets that, too, and of which commit it is."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--output", type=Path)
    options, sys.argv[1:] = parser.parse_known_args()
    output: Path | None = options.output
    if output is None:
        main()
        return
    check(output)
    both = _Both(sys.stdout)
    with contextlib.redirect_stdout(both):
        print("$ python", shlex.join(sys.argv))
        print(f"blockhess at commit {commit()}")
        main()
    output.write_text(both.getvalue())


class _Both(io.StringIO):
    """A buffer for what is printed, which passes it on to the screen."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__()
        self.screen = screen

    def write(self, text: str) -> int:
        self.screen.write(text)
        return super().write(text)

    def flush(self) -> None:
        self.screen.flush()


def _is_tracked(root: Path, file: Path) -> bool:
    """Whether git tracks the file, which no file outside of the checkout is."""
    if not file.resolve().is_relative_to(root.resolve()):
        return False
    return bool(_git(root, "ls-files", "--", str(file.resolve())))


def _changes(root: Path) -> str:
    return _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!bench/results")


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip("\n")
