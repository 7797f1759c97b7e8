"""Eager calls of small traced functions, operation by operation: the same as the function."""

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.api import hessian
from blockhess.api.request import Blocks, Request
from blockhess.eager import cache, replay

A = tf.constant([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.5]])
WEIGHT = tf.Variable(0.75)
ROWS = np.random.default_rng(7).standard_normal((6, 3), np.float32)

SMALL = {
    "a link of a quadratic form": lambda x: tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), 1)),
    "an elementwise function": lambda x: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x)),
    "logsumexp": lambda x: tf.reduce_logsumexp(x, 1),
    "a variable": lambda x: tf.reduce_sum(tf.exp(WEIGHT * x)),
    "a constant": lambda x: tf.reduce_sum(tf.stop_gradient(x)),
}
REQUESTS = [
    Request(Blocks()),
    Request(Blocks(layout="packed", value=True, gradient=True)),
    Request(Blocks(layout="diag")),
]


def traced(f, x, request=None):
    """As it is after a few calls: not before then is a replay made."""
    function = cache.trace(
        f, request or hessian._request("dense", "auto", "check", None)
    ).for_shapes(tf.constant(x))
    for _ in range(3):
        try:
            function(tf.constant(x))
        except tf.errors.InvalidArgumentError:  # what f has to say to these values
            pass
    return function


@pytest.mark.parametrize("name", SMALL)
def test_a_replay_gives_what_the_function_gives(name, subtests):
    for request in REQUESTS:
        with subtests.test(layout=request.wanted.layout):
            function = traced(SMALL[name], ROWS, request)
            # With its value logsumexp takes more operations than a replay may have.
            is_small = not (name == "logsumexp" and request.wanted.value)
            assert (function._replay is not None) == is_small
            check_same(function, ROWS)


def test_rows_in_several_axes_are_replayed():
    x = ROWS.reshape(2, 3, 3)
    function = traced(lambda x: tf.reduce_sum(tf.exp(WEIGHT * x)), x)
    assert function._replay is not None
    check_same(function, x)


def check_same(function, x):
    x = tf.constant(x)
    for replayed, expected in zip(function(x), function._concrete(x), strict=True):
        assert (replayed is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(replayed, expected)
            assert replayed.shape == expected.shape and replayed.dtype == expected.dtype


def test_a_variable_is_read_anew_at_every_call():
    weight = tf.Variable(1.0)

    def f(x):
        return tf.reduce_sum(tf.square(x) * weight)

    x = tf.constant(ROWS)
    assert traced(f, x, Request(Blocks(layout="diag")))._replay is not None
    first = bh.hessian(f, x, layout="diag")
    weight.assign(3.0)
    np.testing.assert_array_equal(bh.hessian(f, x, layout="diag"), 3 * first)


def test_a_tape_sees_through_an_eager_call():
    x = tf.constant(ROWS)
    f = SMALL["an elementwise function"]
    assert traced(f, x, Request(Blocks(layout="diag")))._replay is not None
    with tf.GradientTape() as tape:
        tape.watch(x)
        blocks = bh.hessian(f, x, layout="diag")
    wide = x.numpy().astype(np.float64)
    # d/dx of exp(-x^2) ((4 x^2 - 3) sin x - 4 x cos x)
    bell = np.exp(-wide * wide)
    inner = (4 * wide**2 - 3) * np.sin(wide) - 4 * wide * np.cos(wide)
    slope = 8 * wide * np.sin(wide) + (4 * wide**2 - 3) * np.cos(wide)
    slope += 4 * wide * np.sin(wide) - 4 * np.cos(wide)
    third = bell * (slope - 2 * wide * inner)
    np.testing.assert_allclose(tape.gradient(blocks, x), third, rtol=2e-5, atol=2e-6)


def test_a_forward_accumulator_sees_through_an_eager_call():
    x = tf.constant(ROWS)

    def f(x):
        return tf.reduce_sum(x**3)

    assert traced(f, x, Request(Blocks(layout="diag")))._replay is not None
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as forward:
        blocks = bh.hessian(f, x, layout="diag")
    np.testing.assert_allclose(forward.jvp(blocks), np.full_like(ROWS, 6.0), rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.reduce_sum(x * x * tf.random.uniform(())),
        lambda x: tf.reduce_sum(tf.cond(tf.reduce_sum(x) > 0, lambda: x**2, lambda: x**3)),
        lambda x: tf.reduce_sum(tf.tanh(tf.tanh(x @ A) @ A) ** 2),
    ],
    ids=["random numbers", "control flow", "many operations"],
)
def test_what_is_not_small_and_plain_stays_a_function(f):
    assert traced(f, ROWS)._replay is None


def test_a_placeholder_that_nobody_feeds_fails_the_call_and_not_its_tracing():
    def f(x):
        return tf.reduce_sum(x**2, 1) * tf.compat.v1.placeholder(tf.float32, ())

    with pytest.raises(tf.errors.InvalidArgumentError, match="placeholder"):
        bh.hessian(f, tf.constant(ROWS), coupling="assume_independent")


def test_a_check_that_rows_do_not_interact_still_fails_the_call():
    def coupled(x):
        return tf.reduce_sum(x) ** 2 * tf.reduce_sum(tf.sort(x, axis=0))

    with pytest.raises(tf.errors.InvalidArgumentError, match="interact"):
        bh.hessian(coupled, tf.constant(ROWS))


def test_operations_are_watched_by_callbacks_as_any_other():
    x = tf.constant([[1.0, 2.0], [0.0, 3.0]])
    f = lambda x: tf.reduce_sum(tf.math.log(x))  # noqa: E731
    assert traced(f, x)._replay is not None
    tf.debugging.enable_check_numerics()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError, match="BlockhessTerms"):
            bh.hessian(f, x)
    finally:
        tf.debugging.disable_check_numerics()


def test_functions_that_are_called_once_leave_no_kernels_behind(monkeypatch):
    made = []
    monkeypatch.setattr(cache, "replay_of", lambda concrete: made.append(concrete))
    for i in range(5):
        bh.hessian(lambda x, i=i: tf.reduce_sum(i * x**2), tf.constant(ROWS))
    assert not made


@pytest.fixture
def no_kernels(monkeypatch):
    """Whatever other tests of this process have replayed."""
    monkeypatch.setattr(replay, "_kernels", set())


def test_the_number_of_kernels_is_bounded_and_beyond_it_functions_serve(no_kernels, monkeypatch):
    monkeypatch.setattr(replay, "_MOST_KERNELS", 3)
    functions = [lambda x, i=i: tf.reduce_sum(i * x**2) for i in range(1, 8)]
    replayed = [traced(f, ROWS)._replay is not None for f in functions]
    assert replayed == [True] * 3 + [False] * 4
    for i, f in enumerate(functions, 1):
        assert bh.hessian(f, tf.ones([1, 1]))[0, 0, 0] == 2.0 * i


def test_replays_of_the_same_operations_share_their_kernels(no_kernels, monkeypatch):
    monkeypatch.setattr(replay, "_MOST_KERNELS", 1)
    for _ in range(5):
        assert traced(lambda x: tf.reduce_sum(x**4), ROWS)._replay is not None


def test_random_numbers_of_others_go_on(no_kernels, monkeypatch):
    monkeypatch.setattr(replay, "_MOST_KERNELS", 2)

    def drawn(between):
        tf.random.set_seed(3)
        numbers = []
        for i in range(4):
            numbers.append(float(tf.random.uniform([], seed=1)))
            between(i)
        return numbers

    alone = drawn(lambda i: None)
    assert alone == drawn(lambda i: traced(lambda x: tf.reduce_sum(i * x**2), ROWS))


def test_nothing_is_replayed_while_operations_are_recorded():
    assert replay.may_replay()
    with tf.GradientTape():
        assert not replay.may_replay()
