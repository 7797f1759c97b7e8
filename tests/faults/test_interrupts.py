"""Ctrl-C while blocks are computed."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import tensorflow as tf

import blockhess as bh
from processes import in_a_process


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
    return tf.while_loop(lambda i, _: i < 10_000, add, [0, tf.zeros([], x.dtype)])


CALLS = {"eager": many_eager_calls, "tf.function": one_call}


def test_KeyboardInterrupt_arrives_and_the_next_call_is_right(subtests):
    for mode, result in in_a_process(interrupted).items():
        with subtests.test(mode):
            assert result == ("interrupted", True)


def interrupted() -> dict[str, tuple[str, bool]]:
    """Whether each call is interrupted and whether the next one is right."""
    expected = bh.hessian(density, x[:3]).numpy()
    one_call.get_concrete_function()
    # Where the tests run in the background, a shell has told their processes to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results = {}
    for mode, call in CALLS.items():
        control_c = threading.Thread(target=press_control_c)
        try:
            control_c.start()
            call()
            what = "not interrupted"
        except KeyboardInterrupt:
            what = "interrupted"
        control_c.join()
        results[mode] = (what, np.array_equal(bh.hessian(density, x[:3]), expected))
    return results


def press_control_c() -> None:
    """A moment after it is called."""
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
