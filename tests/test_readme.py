"""The README's example prints what the README says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np

import blockhess.numpy

README = Path(__file__).parent.parent / "README.md"


def test_the_example_of_the_README_prints_what_stands_there():
    blocks = re.findall(r"```(\w*)\n(.*?)```", README.read_text(), re.DOTALL)
    code, expected = next(
        (text, blocks[i + 1][1]) for i, (kind, text) in enumerate(blocks) if kind == "python"
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(README), "exec"), {})  # noqa: S102

    def lines(text: str) -> list[str]:
        """The lines, their numbers to five digits: the last ones are the processor's."""
        rounded = re.sub(r"-?\d+\.\d{6,}", lambda number: f"{float(number[0]):.5f}", text)
        return [" ".join(line.split()) for line in rounded.strip().splitlines()]

    assert lines(printed.getvalue()) == lines(expected)


def test_the_calls_of_the_NumPy_section_run():
    section = README.read_text().partition("\n## NumPy\n")[2].partition("\n## ")[0]
    calls = re.findall(r"^    (.*)$", section, re.MULTILINE)
    x, A = np.ones((5, 3)), np.eye(3)
    known = {"bn": blockhess.numpy, "x": x, "v": x, "w": x[:, :1], "c": A[0], "A": A, "b": A[1]}
    shapes = [np.shape(getattr(r, "hessian", r)) for r in (eval(call, known) for call in calls)]  # noqa: S307
    assert shapes == [(5, 3, 3), (5, 3), (5,), (5, 3)]
