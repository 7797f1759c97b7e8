"""Processes that are forked from one that has imported blockhess, and perhaps used it."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

X = np.linspace(-1.0, 1.0, 12).reshape(4, 3)


def blocks():
    return bh.hessian(lambda x: tf.reduce_sum(x**3), X).numpy()


def answer(queue) -> None:
    try:
        queue.put(np.array_equal(blocks(), 6 * X[:, :, None] * np.eye(3)))
    except RuntimeError as error:
        queue.put(str(error))


@pytest.mark.parametrize(
    ("parent", "expected"),
    [("imported", "True"), ("used", "this process was forked after TensorFlow had run")],
)
def test_a_forked_child_is_right_or_says_that_it_has_no_threads(parent, expected):
    done = subprocess.run(
        [sys.executable, __file__, parent], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(expected)


def main(parent: str) -> None:
    if parent == "used":
        blocks()
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=answer, args=(queue,))
    child.start()
    print(queue.get(timeout=200))
    child.join()


if __name__ == "__main__":
    main(sys.argv[1])
