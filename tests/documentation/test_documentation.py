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
    Block,
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
EXCERPTS = [block for block in ALL if block.excerpt_of]
EXAMPLES = list(docstring_examples())
FACES = (bh, bh.ops, blockhess.numpy)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[Path, Run]:
    return {page: Run(tmp_path_factory.mktemp(page.stem)) for page in PAGES}


@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_of_a_page_runs_and_prints_what_the_page_shows(block: Block, runs):
    printed = runs[block.page].until(block)
    if block.prints is not None:
        assert same(block.prints, printed), f"{block} prints\n{printed}"


@pytest.mark.parametrize("block", EXCERPTS, ids=str)
def test_an_excerpt_stands_in_its_file(block: Block):
    assert block.excerpt_of is not None
    flat = " ".join(block.excerpt_of.read_text(encoding="utf-8").split())
    assert " ".join(block.code.split()) in flat


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.filename}:{e.lineno}:{e.name}")
def test_an_example_of_a_docstring_prints_what_it_says(example: doctest.DocTest):
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


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_every_public_function_has_an_example_and_every_name_a_place_in_the_reference(face):
    reference = "".join(page.read_text() for page in sorted((ROOT / "docs/reference").glob("*.md")))
    described = set(re.findall(r"^::: (blockhess[\w.]*)$", reference, re.MULTILINE))
    for name in face.__all__:
        value = getattr(face, name)
        if inspect.isroutine(value):
            assert ">>>" in value.__doc__, f"{face.__name__}.{name} has no example"
        if inspect.isroutine(value) or inspect.isclass(value):
            assert f"{value.__module__}.{value.__qualname__}" in described


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("[1.  2.5]", "[1. 2.500001]", True),
        ("[1.  2.5]", "[1. 2.501]", False),
        ("a 1\n", "a  1", True),
        ("a 1", "b 1", False),
        ("1 2", "1", False),
        ("[nan 1e-20]", "[nan 1.000001e-20]", True),
        ("[nan 1e-20]", "[0 1e-20]", False),
        ("1e-20", "2e-20", False),
    ],
)
def test_the_same_output_is_told_from_another(shown, printed, expected):
    assert same(shown, printed) is expected
