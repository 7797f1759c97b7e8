"""A TF1 session that is closed under a running step."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import tensorflow as tf

import blockhess as bh


def test_a_step_ends_whole_or_cancelled_when_its_session_is_closed():
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *whole, last = done.stdout.split()
    assert set(whole) == {"True"} and last in ("CancelledError", "RuntimeError")


def main() -> None:
    with tf.Graph().as_default():
        session = tf.compat.v1.Session()
        x = tf.compat.v1.placeholder(tf.float32, (None, 64))
        (blocks,) = bh.hessians(tf.exp(-tf.reduce_sum(x * x, 1)), x)
    origin = np.zeros((20_000, 64), np.float32)
    expected = -2 * np.eye(64)
    running = threading.Event()

    def steps() -> None:
        """Until one fails."""
        while True:
            try:
                result = session.run(blocks, {x: origin})
            except (tf.errors.CancelledError, RuntimeError) as error:
                print(type(error).__name__)
                return
            print(np.array_equal(result, np.broadcast_to(expected, result.shape)))
            running.set()

    thread = threading.Thread(target=steps)
    thread.start()
    running.wait()
    session.close()
    thread.join()


if __name__ == "__main__":
    main()
