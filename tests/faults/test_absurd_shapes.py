"""Shapes that no memory addresses, known when a function is compiled."""

from __future__ import annotations

import pytest
import tensorflow as tf

import blockhess as bh
from processes import at_once

pytestmark = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")

SIZES = [
    pytest.param(1 << 21, id="past 2^63 bytes"),
    # Some allocators of TensorFlow wait 10 seconds for it.
    pytest.param(1 << 14, marks=pytest.mark.full, id="past any memory"),
]


@pytest.mark.parametrize("size", SIZES)
def test_blocks_of_an_absurd_size_are_an_error_of_a_compiled_function(size, subtests):
    layouts = ("dense", "packed")
    with at_once(error, *[(size, layout) for layout in layouts]) as processes:
        for layout, process in zip(layouts, processes, strict=True):
            with subtests.test(layout=layout):
                assert process.result() == "ResourceExhaustedError"


def error(size: int, layout: str) -> str:
    @tf.function(autograph=False, jit_compile=True)
    def blocks():
        x = tf.zeros((size, size))
        return bh.hessian(lambda x: tf.exp(-tf.reduce_sum(x * x, 1)), x, layout=layout)

    try:
        blocks()
    except tf.errors.OpError as error:
        return type(error).__name__
    return "none"
