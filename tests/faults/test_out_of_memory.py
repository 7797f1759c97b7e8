"""Results that memory does not hold: an error, and a process that goes on."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from processes import at_once

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
XLA = [("XLA", "float32")] if bh.build_info()["xla"] else []
MODES = {
    "fused": [
        ("eager", "float32"),
        ("eager", "float16"),
        ("tf.function", "float32"),
        ("gradient", "float32"),
        *XLA,
    ],
    "autodiff": [("eager", "float32"), ("tf.function", "float32"), *XLA],
}


@pytest.mark.parametrize("route", ["fused", pytest.param("autodiff", marks=pytest.mark.full)])
def test_a_result_that_memory_does_not_hold_is_an_error_and_the_next_call_is_right(route, subtests):
    """Each in a process of its own, at the same time: TensorFlow may wait long."""
    modes = MODES[route]
    with at_once(error_and_next_call, *[(route, *mode) for mode in modes]) as processes:
        for mode, process in zip(modes, processes, strict=True):
            with subtests.test(mode=mode):
                assert process.result() == ("ResourceExhaustedError", True)


def error_and_next_call(route: str, mode: str, dtype: str) -> tuple[str, bool]:
    # Where oneDNN is on, TensorFlow waits 10 seconds for every column: let there be few.
    N, K = (40_000_000, 2) if route == "autodiff" and mode != "XLA" else (100_000, 64)
    few = tf.constant(np.random.default_rng(0).normal(size=(5, K)), dtype)
    many = tf.zeros((N, K), dtype)  # Their blocks take more than twice FREE.
    call = CALLS[mode]
    expected = [call(route, few).numpy() for _ in range(3)][0]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + FREE, used + FREE))
    kind = "none"
    try:
        call(route, many)
    except tf.errors.OpError as error:
        kind = type(error).__name__
    return kind, np.array_equal(call(route, few), expected)
