"""Eager calls: when f is traced, what a trace notices, and when it is let go."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.eager import cache
from blockhess.eager.cache import Trace
from blockhess.routes import choose


@pytest.fixture
def traced(monkeypatch) -> list:
    """Has an item for each time that a function was traced."""
    traces, trace = [], Trace._trace
    monkeypatch.setattr(Trace, "_trace", lambda *a: traces.append(a) or trace(*a))
    return traces


def test_numbers_that_f_reads_by_name_may_change():
    scale = 2.0
    f = lambda x: tf.reduce_sum(scale * x**2)  # noqa: E731
    x = np.ones((1, 2))
    assert bh.hessian(f, x)[0, 0, 0] == 4.0
    scale = 3.0
    assert bh.hessian(f, x)[0, 0, 0] == 6.0


def test_an_array_that_f_reads_may_change_in_place():
    weights = np.ones(2)
    helper = lambda x: tf.reduce_sum(weights * x**2)  # noqa: E731
    f = lambda x: helper(x)  # noqa: E731
    x = np.ones((1, 2))
    assert bh.hessian(f, x)[0, 0, 0] == 2.0
    weights[0] = 5.0
    assert bh.hessian(f, x)[0, 0, 0] == 10.0


def test_an_object_that_f_reads_may_be_replaced_and_lists_may_change_deep_down():
    class Settings:
        def __init__(self, scale):
            self.scale = scale

    x, nested, settings = np.ones((1, 2)), [[1.0]], None
    f = lambda x: settings.scale * nested[0][0] * tf.reduce_sum(x**2)  # noqa: E731
    for scale in (1.0, 2.0, 3.0):
        settings = None  # The next object may be given the place in memory of the last.
        settings = Settings(scale)
        assert bh.hessian(f, x)[0, 0, 0] == 2.0 * scale
    nested[0][0] = 5.0
    assert bh.hessian(f, x)[0, 0, 0] == 30.0


def test_one_f_serves_every_shape_and_stays_fused():
    f = lambda x: tf.reduce_sum(tf.sin(x))  # noqa: E731
    for shape in [(4, 3), (4, 5), (7, 3), (9, 3), (2, 4, 5), (3,), (1, 1)]:
        assert bh.hessian(f, np.ones(shape)).shape == (*shape, shape[-1])
        assert bh.explain(f, np.ones(shape)).route == "fused"


def test_a_function_that_needs_to_know_N_is_traced_for_each(traced):
    f = lambda x: tf.reduce_sum(tf.stack(tf.unstack(x)) ** 2)  # noqa: E731
    for n in (2, 5, 2, 7, 9, 5):
        assert bh.hessian(f, np.ones((n, 3))).shape == (n, 3, 3)
    assert len(traced) == 4 + 1  # To do without N is tried once.


def test_a_function_that_refers_to_itself_is_let_go():
    def used():
        def f(x):
            return tf.reduce_sum(x**2) if True else f(x)

        bh.hessian(f, np.ones((1, 2)))
        return weakref.ref(f)

    alive = used()
    gc.collect()
    assert alive() is None


def test_a_variable_that_f_reads_may_change():
    weights = tf.Variable([1.0, 1.0])
    f = lambda x: tf.reduce_sum(weights * x**2)  # noqa: E731
    x = tf.ones((1, 2))
    assert bh.hessian(f, x)[0, 0, 0] == 2.0
    weights.assign([7.0, 1.0])
    assert bh.hessian(f, x)[0, 0, 0] == 14.0


def test_the_same_f_is_traced_once_a_shape_and_dies_with_its_owner(traced):
    class Model:
        def loss(self, x):
            return tf.reduce_sum(x**2)

    model = Model()
    for _ in range(3):
        bh.hessian(model.loss, tf.ones((2, 3)))
    assert len(traced) == 1
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def exponentials(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.exp(x), -1)


class Method:
    def loss(self, x):
        return exponentials(x)


@dataclass
class WithoutHash:
    """A dataclass that compares by value has no hash."""

    scale: float = 1.0

    def __call__(self, x):
        return exponentials(x)


class Always:
    """Equal to everything."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1

    def __call__(self, x):
        return exponentials(x)


def callables() -> dict[str, Callable[[], Callable]]:
    """What hands out the function of each call."""
    method, without_hash, always = Method(), WithoutHash(), Always()
    function = lambda x: exponentials(x)  # noqa: E731
    partial = functools.partial(lambda number, x: number * exponentials(x), 1.0)
    graph_function = tf.function(exponentials, autograph=False)
    return {
        "a lambda": lambda: function,
        "a method": lambda: method.loss,
        "a partial": lambda: partial,
        "an object without a hash": lambda: without_hash,
        "an object equal to all others": lambda: always,
        "a tf.function": lambda: graph_function,
    }


@pytest.mark.parametrize("kind", callables())
def test_the_same_f_is_traced_at_most_twice_a_rank_and_K(kind, traced):
    f = callables()[kind]
    for K in (2, 5):
        for shape in [(3, K), (1, K), (7, K), (3, K), (4, K), (0, K), (9, K)]:
            blocks = bh.hessian(f(), np.ones(shape))
            np.testing.assert_allclose(blocks, np.broadcast_to(np.e * np.eye(K), (*shape, K)))
        assert len(traced) == 2
        for shape in [(3, 2, K), (1, 1, K), (2, 4, K), (3, 3, K)]:
            bh.hessian(f(), np.ones(shape))
        assert len(traced) == 4
        traced.clear()


def test_every_kind_of_result_is_traced_once(traced):
    f = exponentials
    x = np.ones((3, 2))
    requests = [
        lambda: bh.hessian(f, x),
        lambda: bh.hessian(f, x, layout="diag"),
        lambda: bh.value_grad_hessian(f, x),
        lambda: bh.hessian(f, x, route="autodiff"),
    ]
    for _ in range(3):
        for request in requests:
            request()
    assert len(traced) == len(requests)


def test_objects_that_say_they_are_equal_are_not_taken_for_each_other():
    class Power(Always):
        def __init__(self, exponent):
            self.exponent = exponent

        def __call__(self, x):
            return tf.reduce_sum(x**self.exponent)

        def loss(self, x):
            return self(x)

    x, square, cube = np.ones((1, 2)), Power(2), Power(3)
    assert bh.hessian(square, x)[0, 0, 0] == 2.0
    assert bh.hessian(cube, x)[0, 0, 0] == 6.0
    assert bh.hessian(square.loss, x)[0, 0, 0] == 2.0
    assert bh.hessian(cube.loss, x)[0, 0, 0] == 6.0


def test_what_a_partial_binds_may_change():
    def weighted(weights, x, *, scale, power):
        return scale["all"] * tf.reduce_sum(weights * power(x))

    offset = 0.0
    weights, scale, x = np.ones(2), {"all": 1.0}, np.ones((1, 2))
    power = functools.partial(lambda y: y**2 + offset * y**3)
    f = functools.partial(weighted, weights, scale=scale, power=power)
    assert bh.hessian(f, x)[0, 0, 0] == 2.0
    weights[0] = 5.0
    assert bh.hessian(f, x)[0, 0, 0] == 10.0
    scale["all"] = 2.0
    assert bh.hessian(f, x)[0, 0, 0] == 20.0
    offset = 1.0
    assert bh.hessian(f, x)[0, 0, 0] == 80.0
    f.keywords["power"] = lambda y: y**3
    assert bh.hessian(f, x)[0, 0, 0] == 60.0


@pytest.mark.parametrize(
    "values", [(1, True), (0.0, -0.0), (2, 2.0), ("a", "b"), (None, 1.0), (np.float32(1), 1.0)]
)
def test_values_that_only_look_alike_are_told_apart(values):
    class Seen:
        pass

    value = None
    seen = Seen()

    def f(x):
        seen.value = value
        return tf.reduce_sum(x**2)

    for value in (*values, *values):  # noqa: B007 - f reads it
        bh.hessian(f, np.ones((1, 2)))
        assert type(seen.value) is type(value) and repr(seen.value) == repr(value)


def test_an_object_that_is_gone_is_not_the_absence_of_one():
    class Settings:
        scale = 2.0

    settings = Settings()
    f = lambda x: (1.0 if settings is None else settings.scale) * tf.reduce_sum(x**2)  # noqa: E731
    x = np.ones((1, 2))
    assert bh.hessian(f, x)[0, 0, 0] == 4.0
    settings = None
    assert bh.hessian(f, x)[0, 0, 0] == 2.0


def test_a_function_keeps_the_traces_of_a_bounded_number_of_shapes_and_kinds_of_call(monkeypatch):
    monkeypatch.setattr(cache, "MOST_SHAPES", 3)
    monkeypatch.setattr(cache, "MOST_KINDS", 2)
    f = lambda x: tf.reduce_sum(x**3)  # noqa: E731
    gc.collect()
    before = alive(cache.TracedFunction)
    for _ in range(2):
        for K in range(1, 7):
            for layout in ("dense", "diag", "packed"):
                x = np.full((1, K), 2.0)
                blocks = bh.hessian(f, x, layout=layout)
                assert np.sum(blocks) == 12.0 * K
    gc.collect()
    assert alive(cache.TracedFunction) - before <= 3 * 2


def test_the_trace_that_was_used_last_is_kept(traced, monkeypatch):
    monkeypatch.setattr(cache, "MOST_SHAPES", 2)
    f = lambda x: tf.reduce_sum(x**3)  # noqa: E731
    for K in (1, 2, 1, 3, 1, 2):
        bh.hessian(f, np.ones((1, K)))
    assert len(traced) == 4  # Only K = 2 was let go.


def test_f_is_traced_where_tf_functions_are_told_to_run_eagerly():
    f = lambda x: tf.reduce_sum(x**3)  # noqa: E731
    tf.config.run_functions_eagerly(True)
    try:
        for n in (1, 2, 3):
            assert bh.hessian(f, np.ones((n, 2))).shape == (n, 2, 2)
    finally:
        tf.config.run_functions_eagerly(False)


def alive(kind: type) -> int:
    return sum(issubclass(type(thing), kind) for thing in gc.get_objects())


@pytest.mark.parametrize("route", ["fused", pytest.param("autodiff", marks=pytest.mark.full)])
def test_what_fresh_functions_leave_behind_is_given_back(route):
    x = tf.ones((2, 3))
    with tf.GradientTape() as tape:  # What the first call of a process makes stays.
        tape.watch(x)
        blocks = bh.hessian(lambda x: tf.reduce_sum(x**4), x, route=route)
    tape.gradient(blocks, x)
    del tape, blocks
    gc.collect()
    kinds = (Trace, tf.types.experimental.ConcreteFunction, tf.Graph)
    before = [alive(kind) for kind in kinds]
    gc.disable()
    try:
        captured = []
        for i in range(5):
            weights = tf.fill([3], float(i))
            captured.append(weakref.ref(weights))
            with tf.GradientTape() as tape:
                tape.watch(weights)
                blocks = bh.hessian(lambda x, w=weights: tf.reduce_sum(w * x**4), x, route=route)
            assert tape.gradient(blocks, weights)[0] == 24.0
            bh.hessian(lambda x, i=i: tf.reduce_sum(i * x**2), x, route=route)
        del tape, blocks, weights
        # What TensorFlow compiles goes with the last reference, without waiting for a collection.
        assert [alive(kind) for kind in kinds[:2]] == before[:2]
    finally:
        gc.enable()
    gc.collect()
    # Fewer, where what other tests have left goes meanwhile.
    assert all(alive(kind) <= number for kind, number in zip(kinds, before, strict=True))
    assert not any(weights() is not None for weights in captured)


def test_what_f_raises_where_N_is_unknown_lets_it_know_N():
    class Unlike(Exception):
        pass

    def f(x):
        if x.shape[0] is None:
            raise Unlike
        return tf.reduce_sum(x**3) / x.shape[0]

    for n in (2, 4, 5):
        np.testing.assert_allclose(bh.hessian(f, np.ones((n, 1)))[:, 0, 0], 6 / n)


@pytest.mark.parametrize("error", [AttributeError, AssertionError, ZeroDivisionError])
def test_errors_of_the_library_are_not_taken_for_those_of_f(error, monkeypatch):
    f = lambda x: tf.reduce_sum(x**3)  # noqa: E731
    bh.hessian(f, np.ones((1, 1)))

    def broken(*_, **__):
        raise error

    monkeypatch.setattr(choose, "_read", broken)
    with pytest.raises(error):
        bh.hessian(f, np.ones((2, 1)))
    monkeypatch.undo()
    assert bh.hessian(f, np.ones((2, 1))).shape == (2, 1, 1)
