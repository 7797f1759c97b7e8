"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest

import blockhess.numpy


@pytest.mark.parametrize("name", ["api", "terms", "text"])
def test_examples_print_what_they_say(name):
    module = importlib.import_module(f"blockhess.numpy.{name}")
    result = doctest.testmod(module, extraglobs={"np": np, "blockhess": blockhess})
    assert result.attempted > 0 and result.failed == 0
