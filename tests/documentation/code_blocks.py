"""The blocks of code in the pages and docstrings, and when two texts print the same."""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "bench/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"\n]*)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
      line: of its first line of code, from 1.
      prints: what the page shows as its output, in a block of `text` right after it.
    """

    page: Path
    line: int
    language: str
    title: str
    code: str
    prints: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def excerpt_of(self) -> Path | None:
        """The file of which it shows a part, which its title names."""
        path = ROOT / self.title
        return path if self.title and path.is_file() else None


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    blocks = []
    for fence, after in zip_longest(found, found[1:]):
        follows = after is not None and not text[fence.end() : after.start()].strip()
        shows = follows and after[2] == "text" and fence[2] == "python"
        blocks.append(
            Block(
                page,
                text.count("\n", 0, fence.start(4)) + 1,
                fence[2],
                fence[3] or "",
                re.sub(rf"^{fence[1]}", "", fence[4], flags=re.MULTILINE),
                after[4] if shows else None,
            )
        )
    return tuple(blocks)


def prose_of(page: Path) -> str:
    """The page with empty lines for its blocks."""
    text = page.read_text(encoding="utf-8")
    return FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)


def unfenced_code(page: Path) -> list[str]:
    """Lines that Markdown takes for code because they are indented, by their numbers."""
    lines, in_list, found = prose_of(page).split("\n"), False, []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith(" "):
            in_list = re.match(r"[-*] |\d+\. ", line) is not None
        if line.startswith("    ") and not in_list and not lines[number - 2].strip():
            found.append(f"{page.relative_to(ROOT)}:{number}")
    return found


@dataclass
class Run:
    """A page read from its top, as one program."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def of(self, block: Block) -> str:
        """What the next block prints."""
        # At its own line in its own file: tracebacks, and AutoGraph, look there.
        code = compile("\n" * (block.line - 1) + block.code, str(block.page), "exec")
        output, before = io.StringIO(), os.getcwd()
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(output):
                exec(code, self.names)  # noqa: S102
        finally:
            os.chdir(before)
        return output.getvalue()


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "python" and not block.title]


def docstring_examples() -> Iterator[doctest.DocTest]:
    """The examples of all docstrings of the package, found without importing it."""
    parser = doctest.DocTestParser()
    for path in sorted((ROOT / "python").rglob("*.py")):
        place = path.relative_to(ROOT)
        module = ".".join(place.with_suffix("").parts[1:]).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            docstring = ast.get_docstring(node, clean=True)
            if docstring and ">>>" in docstring:
                line = node.body[0].lineno
                name = getattr(node, "name", module)
                yield parser.get_doctest(docstring, {"module": module}, name, str(place), line)


class SameOutput(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want, got, optionflags) or same(want, got)


def same(shown: str, printed: str) -> bool:
    """The same text, its numbers to five digits: the last ones are the processor's."""

    def words(text: str) -> list[str]:
        return NUMBER.sub("0", " ".join(text.split())).split()

    numbers = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=False)
    return words(shown) == words(printed) and all(
        math.isclose(float(a), float(b), rel_tol=1e-5) for a, b in numbers
    )
