"""docs/operations.md, made from the tables: python tests/audit/page.py

The audit is run first, which takes minutes, and the page written if every row comes out as its
table says, or is listed in open_cases.py. `--unjudged` writes it from the tables as they are.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from case import Case
from judging import complaint_of, verdict_on
from open_cases import OPEN
from subjects import SUBJECTS, cases_of

PAGE = Path(__file__).parents[2] / "docs/operations.md"
WIDTH = 124
NAMES_IN_A_LINE = 160
OUTCOMES = ("fused", "autodiff", "repaired", "refused", "convention", "open")

INTRODUCTION = Path(__file__).with_name("introduction.md")
OPEN_ROW = "| open | not right yet: what is returned instead | {open} |\n"


def shown(case: Case) -> str:
    return "open" if case.name in OPEN else case.shown


def text() -> str:
    """The page, from the tables as they are."""
    cases = [case for subject in SUBJECTS for case in cases_of(subject)]
    counts = {outcome: 0 for outcome in OUTCOMES} | Counter(shown(case) for case in cases)
    introduction = INTRODUCTION.read_text(encoding="utf-8").format(
        **counts | {"open": OPEN_ROW.format(**counts) if OPEN else ""},
        count=len(cases),
        right=sum(counts[outcome] for outcome in ("fused", "autodiff", "repaired")),
    )
    sections = (_section(title, cases_of(subject)) for subject, title in SUBJECTS.items())
    return "\n\n".join([introduction.rstrip(), *sections]) + "\n"


def _section(title: str, cases: list[Case]) -> str:
    """Lists of what is right and needs no word, and a table of the rest."""
    silent: dict[str, list[str]] = {"fused": [], "autodiff": []}
    noted: dict[tuple[str, str], list[str]] = {}
    for subject, group in groupby(cases, lambda case: case.subject):
        for name, outcome, note in _entries(subject, list(group)):
            if note:
                noted.setdefault((outcome, note), []).append(name)
            else:
                silent[outcome].append(name)
    parts = [f"## {title}"]
    parts += [_paragraph(outcome, names) for outcome, names in silent.items() if names]
    if noted:
        lines = [line for key, names in noted.items() for line in _lines(names, *key)]
        parts.append("\n".join(["| function | outcome | what to know |", "|---|---|---|", *lines]))
    return "\n\n".join(parts)


def _entries(subject: str, cases: list[Case]) -> Iterator[tuple[str, str, str]]:
    """(name, outcome, what to know): one for an operation that is the same alone and inside.

    Without a word, what is fused alone need not be said to be right inside.
    """
    found = {(shown(case), _note(case)): case for case in reversed(cases)}
    if {*found} == {("fused", ""), ("autodiff", "")}:
        del found["autodiff", ""]
    for (outcome, note), case in reversed(found.items()):
        yield (subject if len(found) == 1 else case.name), outcome, note


def _note(case: Case) -> str:
    if case.name in OPEN:
        return f"{OPEN[case.name]}; {case.reason}" if case.reason else OPEN[case.name]
    return case.reason


def _paragraph(outcome: str, names: list[str]) -> str:
    how = "fused" if outcome == "fused" else "by autodiff"
    return textwrap.fill(
        f"Right, {how}: {_escaped('; '.join(names))}.",
        WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _lines(names: list[str], outcome: str, note: str) -> Iterator[str]:
    """Lines of a table, of a few names each."""
    for line in textwrap.wrap(
        "; ".join(name.replace(" ", "\0") for name in names),
        NAMES_IN_A_LINE,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        joined = line.replace("\0", " ").removesuffix(";")
        yield f"| {_escaped(joined)} | {outcome} | {_escaped(note)} |"


def _escaped(words: str) -> str:
    for sign in "\\*|[":
        words = words.replace(sign, f"\\{sign}")
    return words


def _judge_all() -> bool:
    """Prints what does not come out as it should, and the seconds of each subject."""
    is_as_listed = True
    for subject in SUBJECTS:
        start = time.perf_counter()
        for case in cases_of(subject):
            complaint = complaint_of(case, verdict_on(subject, case))
            if complaint:
                is_as_listed = False
                print(f"{case.name}: {complaint}", flush=True)
        seconds = time.perf_counter() - start
        print(f"{subject}: {len(cases_of(subject))} rows, {seconds:.0f} s", flush=True)
    return is_as_listed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unjudged", action="store_true", help="do not run the audit first")
    if not parser.parse_args().unjudged and not _judge_all():
        return 1
    PAGE.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
