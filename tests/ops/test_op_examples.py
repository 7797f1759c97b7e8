"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest
import tensorflow as tf

import blockhess as bh


@pytest.mark.parametrize("name", ["hvp", "map", "newton", "terms", "vjp"])
def test_examples_print_what_they_say(name):
    module = importlib.import_module(f"blockhess.ops.{name}")
    result = doctest.testmod(module, extraglobs={"bh": bh, "tf": tf})
    assert result.attempted > 0
    assert result.failed == 0
