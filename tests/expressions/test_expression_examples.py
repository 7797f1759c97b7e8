"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ["expression", "derivatives", "program", "signs", "substitution"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    result = doctest.testmod(importlib.import_module(f"blockhess.expressions.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
