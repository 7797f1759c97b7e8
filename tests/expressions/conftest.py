"""Expressions evaluated by the kernels, on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from blockhess import _core
from blockhess.expressions import compile_program


@pytest.fixture
def in_float64() -> Callable:
    """Evaluates a list of expressions at one point."""

    def evaluate(outputs, values):
        program = "blockhess 1 | map " + compile_program(outputs, list(values))
        arrays = [np.array([value], np.float64) for value in values.values()]
        return [float(np.reshape(result, ())) for result in _core.map(program, arrays)]

    return evaluate
