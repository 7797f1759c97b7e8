"""Ctrl-C while blocks are computed."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh


def density(x):
    return tf.exp(-tf.reduce_sum(x * x, 1))


x = tf.constant(np.random.default_rng(0).normal(size=(1000, 4)))


def many_eager_calls():
    for _ in range(1_000_000):
        bh.hessian(density, x)


@tf.function(autograph=False)
def one_call():
    """TensorFlow returns to Python, which looks at signals, when it is over."""
    add = lambda i, total: (i + 1, total + tf.reduce_sum(bh.hessian(density, x + total)))  # noqa: E731
    return tf.while_loop(lambda i, _: i < 20_000, add, [0, tf.zeros([], x.dtype)])


CALLS = {"eager": many_eager_calls, "tf.function": one_call}


@pytest.mark.parametrize("mode", CALLS)
def test_KeyboardInterrupt_arrives_and_the_next_call_is_right(mode):
    command = [sys.executable, "-u", __file__, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert (process.returncode, rest.split()) == (0, ["interrupted", "True"])


def main(mode: str) -> None:
    expected = bh.hessian(density, x[:3]).numpy()
    one_call.get_concrete_function()
    # Where the tests run in the background, a shell has told their processes to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print("started")
        CALLS[mode]()
    except KeyboardInterrupt:
        print("interrupted")
    print(np.array_equal(bh.hessian(density, x[:3]), expected))


if __name__ == "__main__":
    main(sys.argv[1])
