"""The examples in the docstrings of the interface run and print what they say."""

from __future__ import annotations

import doctest

import pytest
import tensorflow as tf

import blockhess
from blockhess import api, facts, hessian_vector_product, minimize, newton, operator


@pytest.mark.parametrize("module", [api, facts, hessian_vector_product, minimize, newton, operator])
def test_the_examples_of_the_docstrings_hold(module):
    result = doctest.testmod(module, extraglobs={"tf": tf, "blockhess": blockhess})
    assert result.attempted > 0 and result.failed == 0
