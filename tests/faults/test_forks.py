"""Processes that are forked from one that has imported blockhess, and perhaps used it."""

from __future__ import annotations

import multiprocessing

import numpy as np
import tensorflow as tf

import blockhess as bh
from processes import in_a_process

X = np.linspace(-1.0, 1.0, 12).reshape(4, 3)


def blocks():
    return bh.hessian(lambda x: tf.reduce_sum(x**3), X).numpy()


def answer(queue) -> None:
    try:
        queue.put(str(np.array_equal(blocks(), 6 * X[:, :, None] * np.eye(3))))
    except RuntimeError as error:
        queue.put(str(error))


def test_a_forked_child_is_right_or_says_that_it_has_no_threads():
    of_imported, of_used = in_a_process(answers)
    assert of_imported == "True"
    assert of_used.startswith("this process was forked after TensorFlow had run")


def answers() -> list[str]:
    """What children say: of a process that has imported TensorFlow, and of one that has used it."""
    of_imported = answer_of_a_child()
    blocks()
    return [of_imported, answer_of_a_child()]


def answer_of_a_child() -> str:
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    child = fork.Process(target=answer, args=(queue,))
    child.start()
    try:
        return queue.get(timeout=200)
    finally:
        child.kill()
        child.join()
