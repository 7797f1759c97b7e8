"""Shapes that no memory addresses, known when a function is compiled."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow as tf

import blockhess as bh

pytestmark = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")

SIZES = {"past 2^63 bytes": 1 << 21, "past any memory": 1 << 14}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["dense", "packed"])
def test_blocks_of_an_absurd_size_are_an_error_of_a_compiled_function(size, layout):
    command = [sys.executable, __file__, str(SIZES[size]), layout]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ResourceExhaustedError\n"), done.stderr


def main(size: str, layout: str) -> None:
    @tf.function(autograph=False, jit_compile=True)
    def blocks():
        x = tf.zeros((int(size), int(size)))
        return bh.hessian(lambda x: tf.exp(-tf.reduce_sum(x * x, 1)), x, layout=layout)

    try:
        blocks()
    except tf.errors.OpError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
