"""Results that memory does not hold: an error, and a process that goes on."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

FREE = 300 << 20  # bytes beyond what the process has


def density(x):
    return tf.exp(-tf.reduce_sum(x * x, 1))


def blocks(route, x):
    return bh.hessian(density, x, route=route)


def gradient(route, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(blocks(route, x))
    return tape.gradient(total, x)


CALLS = {
    "eager": blocks,
    "tf.function": tf.function(blocks, autograph=False),
    "XLA": tf.function(blocks, autograph=False, jit_compile=True),
    "gradient": gradient,
}
MODES = [
    ("fused", "eager", "float32"),
    ("fused", "eager", "float16"),
    ("fused", "tf.function", "float32"),
    ("fused", "gradient", "float32"),
    ("autodiff", "eager", "float32"),
    ("autodiff", "tf.function", "float32"),
    *((route, "XLA", "float32") for route in ("fused", "autodiff") if bh.build_info()["xla"]),
]


@pytest.mark.parametrize("mode", MODES, ids="-".join)
def test_a_result_that_memory_does_not_hold_is_an_error_and_the_next_call_is_right(mode):
    done = subprocess.run([sys.executable, __file__, *mode], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ResourceExhaustedError", "True"], done.stderr


def main(route: str, mode: str, dtype: str) -> None:
    # TensorFlow's allocator waits 10 seconds for the memory of every column: let there be few.
    N, K = (40_000_000, 2) if route == "autodiff" and mode != "XLA" else (100_000, 64)
    few = tf.constant(np.random.default_rng(0).normal(size=(5, K)), dtype)
    many = tf.zeros((N, K), dtype)  # Their blocks take more than twice FREE.
    call = CALLS[mode]
    expected = [call(route, few).numpy() for _ in range(3)][0]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + FREE, used + FREE))
    try:
        call(route, many)
    except tf.errors.OpError as error:
        print(type(error).__name__)
    print(np.array_equal(call(route, few), expected))


if __name__ == "__main__":
    main(*sys.argv[1:])
