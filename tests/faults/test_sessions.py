"""A TF1 session that is closed under a running step."""

from __future__ import annotations

import threading

import numpy as np
import tensorflow as tf

import blockhess as bh
from processes import in_a_process


def test_a_step_ends_whole_or_cancelled_when_its_session_is_closed():
    *whole, last = in_a_process(steps_of_a_session_that_is_closed)
    assert set(whole) == {True} and last in ("CancelledError", "RuntimeError")


def steps_of_a_session_that_is_closed() -> list[bool | str]:
    """Whether the result of each step is right, and the error of the last one."""
    with tf.Graph().as_default():
        session = tf.compat.v1.Session()
        x = tf.compat.v1.placeholder(tf.float32, (None, 64))
        (blocks,) = bh.hessians(tf.exp(-tf.reduce_sum(x * x, 1)), x)
    origin = np.zeros((20_000, 64), np.float32)
    expected = -2 * np.eye(64)
    running = threading.Event()
    results: list[bool | str] = []

    def steps() -> None:
        """Until one fails."""
        while True:
            try:
                result = session.run(blocks, {x: origin})
            except (tf.errors.CancelledError, RuntimeError) as error:
                results.append(type(error).__name__)
                return
            results.append(np.array_equal(result, np.broadcast_to(expected, result.shape)))
            running.set()

    thread = threading.Thread(target=steps)
    thread.start()
    running.wait()
    session.close()
    thread.join()
    return results
