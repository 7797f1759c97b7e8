"""The ops called from eight Python threads at once give what they give alone."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

THREADS = 8
# Eager calls are replayed from the third on: of this thread, or of all that share a function.
ROUNDS_APART, ROUNDS_TOGETHER = 4, 2

Call = Callable[[], object]
"""A call of the library that is made again and again, and always gives the same."""


def cells(rows: int, columns: int, shift: float = 0.0) -> np.ndarray:
    return np.linspace(-1.0, 1.0, rows * columns).reshape(rows, columns) + shift


def link():
    S = tf.constant(np.eye(4) + 0.1)
    f = lambda x: tf.exp(-0.5 * tf.reduce_sum(tf.matmul(x, S) * x, 1))  # noqa: E731
    return [lambda n=n: bh.hessian(f, cells(n, 4)) for n in (5, 300, 7)]


def separable():
    w = tf.Variable(np.arange(1.0, 4.0))
    f = lambda x: tf.reduce_sum(tf.math.softplus(x * w) + tf.sin(x))  # noqa: E731
    return [
        lambda layout=layout: bh.value_grad_hessian(f, cells(20, 3), layout=layout)
        for layout in ("diag", "packed", "trace", "dense")
    ]


def logsumexp():
    f = lambda x: tf.reduce_logsumexp(x, axis=-1)  # noqa: E731
    return [
        lambda: bh.hvp(f, cells(50, 6), cells(50, 6, 0.5)),
        lambda: bh.hessian(f, cells(12, 6).reshape(3, 4, 6), layout="packed"),
    ]


def gradients():
    w = tf.Variable(np.arange(1.0, 6.0))

    def call(rows: int) -> object:
        x = tf.constant(cells(rows, 5))
        with tf.GradientTape() as tape:
            tape.watch(x)
            f = lambda x: tf.exp(tf.reduce_sum(w * x * x, 1) * 0.1)  # noqa: E731
            loss = tf.reduce_sum(bh.hessian(f, x, layout="packed") ** 2)
        return tape.gradient(loss, [x, w])

    return [lambda: call(9), lambda: call(400)]


def newton():
    f = lambda x: tf.reduce_sum(tf.cosh(x)) + tf.reduce_sum(tf.reduce_sum(x, 1) ** 2)  # noqa: E731
    return [lambda n=n: bh.newton_direction(f, cells(n, 7), damping=0.5) for n in (3, 130)]


def autodiff():
    W, V = tf.constant(cells(4, 6)), tf.constant(cells(6, 5, 0.2))
    f = lambda x: tf.reduce_sum(tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, W)), V)), 1)  # noqa: E731
    return [
        lambda: bh.hessian(f, cells(8, 4)),
        lambda: str(bh.explain(f, cells(8, 4))),
    ]


def compiled():
    f = lambda x: tf.reduce_sum(x**3 + tf.exp(-x * x), 1)  # noqa: E731
    function = tf.function(lambda x: bh.value_grad_hessian(f, x, layout="diag"))
    return [lambda n=n: function(tf.constant(cells(n, 2))) for n in (4, 5, 600)]


def numpy():
    return [
        lambda: bh.numpy.hessian("sin(x) * exp(-c * x**2)", cells(40, 9), c=0.5, layout="packed"),
        lambda: bh.numpy.hvp("x**3", cells(40, 3), cells(40, 3, 1.0)),
        lambda: bh.numpy.value_grad_hessian(None, cells(300, 8), S=np.eye(8), link="exp(-s)"),
    ]


SUBJECTS = [link, separable, logsumexp, gradients, newton, autodiff, compiled, numpy]
SLOW = {separable, logsumexp, gradients, newton, autodiff}


def values(result: object) -> list:
    return [r if isinstance(r, str) else np.asarray(r) for r in tf.nest.flatten(result)]


def assert_same(result: list, expected: list) -> None:
    for one, other in zip(result, expected, strict=True):
        if isinstance(one, str):
            assert one == other
        else:
            # What is replayed and what TensorFlow has optimised may differ in the last bits.
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def at_once(calls_of_threads: list[list[tuple[Call, list]]], rounds: int) -> None:
    """Each thread makes its calls, round after round, and compares what they give."""
    start = threading.Barrier(len(calls_of_threads))
    errors: list[BaseException] = []

    def work(calls: list[tuple[Call, list]]) -> None:
        try:
            start.wait()
            for _ in range(rounds):
                for call, expected in calls:
                    assert_same(values(call()), expected)
        except BaseException as error:  # noqa: BLE001 - told below, in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(calls,)) for calls in calls_of_threads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture(autouse=True)
def many_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def alone(subject: Callable[[], list[Call]]) -> list[list]:
    return [values(call()) for call in subject()]


def test_different_functions_shapes_and_layouts_give_what_they_give_alone():
    assert len(SUBJECTS) == THREADS
    calls = [list(zip(subject(), alone(subject), strict=True)) for subject in SUBJECTS]
    at_once(calls, ROUNDS_APART)


@pytest.mark.parametrize(
    "subject",
    [pytest.param(s, marks=pytest.mark.full if s in SLOW else ()) for s in SUBJECTS],
    ids=lambda subject: subject.__name__,
)
def test_threads_that_share_a_function_give_what_each_gives_alone(subject):
    """All begin with the first call of it, which traces it, or each with another one."""
    expected = alone(subject)
    for spread in (0, 1):
        shared = list(zip(subject(), expected, strict=True))
        starts = [spread * t % len(shared) for t in range(THREADS)]
        at_once([shared[first:] + shared[:first] for first in starts], ROUNDS_TOGETHER)


def test_a_variable_that_another_thread_assigns_is_read_whole():
    """Each block is that of one of the values that the variable had."""
    scale = tf.Variable(tf.ones(3, tf.float64))
    f = lambda x: tf.reduce_sum(scale * x * x)  # noqa: E731
    stop = threading.Event()

    def assign() -> None:
        while not stop.is_set():
            for value in (1.0, 2.0):
                scale.assign(tf.fill([3], tf.constant(value, tf.float64)))

    writer = threading.Thread(target=assign)
    writer.start()
    try:
        for _ in range(50):
            diagonals = bh.hessian(f, cells(10, 3), layout="diag").numpy()
            assert set(np.unique(diagonals)) <= {2.0, 4.0}
    finally:
        stop.set()
        writer.join()


@pytest.mark.full
def test_the_first_use_of_every_name_in_eight_threads_at_once():
    command = [sys.executable, Path(__file__).with_name("first_use.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stdout) == (0, "8 threads\n"), done.stdout + done.stderr
