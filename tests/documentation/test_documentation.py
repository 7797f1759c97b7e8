"""Every block of code in the pages and docstrings runs, and prints what stands beside it."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from code_blocks import (
    PAGES,
    ROOT,
    Run,
    SameOutput,
    blocks_of,
    docstring_examples,
    runnable,
    same,
    unfenced_code,
)

import blockhess as bh
import blockhess.numpy

# Why a block of Python that is no excerpt does not run, as its title says to the reader.
NOT_RUN: dict[str, str] = {}
ALL = [block for page in PAGES for block in blocks_of(page)]
RUN = [block for page in PAGES for block in runnable(page)]
READ_FIRST = [ROOT / "README.md", ROOT / "docs/index.md", ROOT / "docs/guide.md"]
EXCERPTS = [block for block in ALL if block.excerpt_of]
EXAMPLES = list(docstring_examples())
FACES = (bh, bh.ops, blockhess.numpy)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page in READ_FIRST else pytest.mark.full)
        for page in dict.fromkeys(block.page for block in RUN)
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_blocks_of_a_page_run_and_print_what_the_page_shows(page: Path, tmp_path, subtests):
    run = Run(tmp_path)
    for block in runnable(page):
        with subtests.test(str(block)):
            printed = run.of(block)
            if block.prints is not None:
                assert same(block.prints, printed), f"{block} prints\n{printed}"


def test_an_excerpt_stands_in_its_file(subtests):
    for block in EXCERPTS:
        with subtests.test(str(block)):
            assert block.excerpt_of is not None
            flat = " ".join(block.excerpt_of.read_text(encoding="utf-8").split())
            assert " ".join(block.code.split()) in flat


def test_an_example_of_a_docstring_prints_what_it_says(subtests):
    for example in EXAMPLES:
        with subtests.test(f"{example.filename}:{example.lineno}:{example.name}"):
            check_example(example)


def check_example(example: doctest.DocTest) -> None:
    module = importlib.import_module(example.globs["module"])
    names = {"bh": bh, "blockhess": bh, "np": np, "tf": tf}
    example.globs = {**vars(module), **names}
    report: list[str] = []
    result = doctest.DocTestRunner(SameOutput()).run(example, out=report.append, clear_globs=False)
    assert result.attempted > 0 and result.failed == 0, "".join(report)


def test_every_block_runs_or_says_why_not():
    shell = [block for block in ALL if block.language == "sh"]
    shown = [block for block in ALL if block.language == "text"]
    rest = [block for block in ALL if block not in {*RUN, *EXCERPTS, *shell, *shown}]
    assert {str(block): block.title for block in rest} == NOT_RUN
    assert [place for page in PAGES for place in unfenced_code(page)] == []


def test_every_page_is_read():
    read = {block.page.name for block in RUN}
    assert {"README.md", "index.md", "guide.md", "routes.md", "newton.md", "numpy.md"} <= read
    assert len(RUN) > 25 and len(EXAMPLES) > 25


def test_every_public_function_has_an_example_and_every_name_a_place_in_the_reference(subtests):
    reference = "".join(page.read_text() for page in sorted((ROOT / "docs/reference").glob("*.md")))
    described = set(re.findall(r"^::: (blockhess[\w.]*)$", reference, re.MULTILINE))
    for face, name in [(module, name) for module in FACES for name in module.__all__]:
        value = getattr(face, name)
        with subtests.test(f"{face.__name__}.{name}"):
            if inspect.isroutine(value):
                assert ">>>" in value.__doc__, "it has no example"
            if inspect.isroutine(value) or inspect.isclass(value):
                assert f"{value.__module__}.{value.__qualname__}" in described


def test_the_same_output_is_told_from_another(subtests):
    for shown, printed, expected in [
        ("[1.  2.5]", "[1. 2.500001]", True),
        ("[1.  2.5]", "[1. 2.501]", False),
        ("a 1\n", "a  1", True),
        ("a 1", "b 1", False),
        ("1 2", "1", False),
        ("[nan 1e-20]", "[nan 1.000001e-20]", True),
        ("[nan 1e-20]", "[0 1e-20]", False),
        ("1e-20", "2e-20", False),
    ]:
        with subtests.test(shown=shown, printed=printed):
            assert same(shown, printed) is expected
