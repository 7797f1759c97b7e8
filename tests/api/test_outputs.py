"""The blocks of functions with several outputs are those of each column, on the route it takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.row_graph import Reader

N, K = 5, 4
random = np.random.default_rng(5)
X = random.uniform(0.1, 1.5, (N, K))
W, BIAS = 0.5 * random.normal(size=(K, 3)), random.normal(size=3)
A = np.eye(K) + 0.1
FUSED, AUTODIFF = "fused", "autodiff"


def c(values, x):
    return tf.constant(values, x.dtype)


def layer(x):
    return tf.tanh(x @ c(W, x) + c(BIAS, x))


def form(x):
    return tf.reduce_sum(x * (x @ c(A, x)), 1)


class Case(NamedTuple):
    f: Callable[[tf.Tensor], tf.Tensor]
    routes: list[str]


CASES = {
    "a layer": Case(layer, [FUSED] * 3),
    "a layer of a layer": Case(lambda x: layer(layer(x) @ c(W.T, x)), [AUTODIFF] * 3),
    "a layer times parameters": Case(
        lambda x: tf.sigmoid(x @ c(W, x)) * c(BIAS, x) + 1.0, [FUSED] * 3
    ),
    "a sum of layers": Case(lambda x: layer(x) + tf.exp(x @ c(W, x)), [FUSED] * 3),
    "cells alone": Case(tf.sin, [FUSED] * K),
    "a map of cells": Case(lambda x: tf.sin(x) @ c(W, x), [FUSED] * 3),
    "a map by einsum": Case(lambda x: tf.einsum("nk,km->nm", x**3, c(W, x)), [FUSED] * 3),
    "stacked forms": Case(
        lambda x: tf.stack([form(x), tf.exp(-form(x)), tf.reduce_sum(tf.sin(x), 1)], -1),
        [FUSED] * 3,
    ),
    "a function of stacked forms": Case(
        lambda x: tf.math.log1p(tf.stack([form(x), tf.reduce_sum(tf.exp(x), 1)], 1)), [FUSED] * 2
    ),
    "stacked first and transposed": Case(
        lambda x: tf.transpose(tf.stack([form(x), tf.reduce_sum(tf.exp(x), 1)])), [FUSED] * 2
    ),
    "columns, a layer and a form": Case(
        lambda x: tf.concat([x[:, 1:] ** 2, layer(x), form(x)[:, None]], 1), [FUSED] * 7
    ),
    "the log of softmax": Case(tf.nn.log_softmax, [FUSED] * K),
    "softmax": Case(tf.nn.softmax, [AUTODIFF] * K),
    "one that is not fused among those that are": Case(
        lambda x: tf.stack([form(x), tf.reduce_prod(x, 1), tf.nn.softplus(x[:, 0])], 1),
        [FUSED, AUTODIFF, FUSED],
    ),
    "a column that does not vary": Case(
        lambda x: tf.stack([form(x), tf.ones_like(x[:, 0]), c(np.arange(N), x)], 1), [FUSED] * 3
    ),
    "one column": Case(lambda x: form(x)[:, None], [FUSED]),
    "a Keras layer": Case(lambda x: keras_layer(x), [FUSED] * 3),
}


@cache
def _keras_layer(dtype):
    import keras

    with tf.init_scope():
        made = keras.layers.Dense(3, activation="softplus", dtype=dtype)
        made.build((None, K))
        made.set_weights([W, BIAS])
    return made


def keras_layer(x):
    return _keras_layer(x.dtype.name)(x)


every_case = pytest.mark.parametrize("name", CASES)
SLOW = {"a layer of a layer", "columns, a layer and a form", "a function of stacked forms"}


@cache
def reference(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, gradient, blocks) of each column by TensorFlow, in float64."""

    @tf.function(autograph=False)
    def derivatives(x):
        y = CASES[name].f(x)
        gradients, blocks = [], []
        for m in range(y.shape[-1]):
            gradient = tf.gradients(y[:, m], x)[0]
            gradient = tf.zeros_like(x) if gradient is None else gradient
            gradients.append(gradient)
            second = tf.gradients(gradient, x)[0]
            full = tf.zeros((N, K, N, K), x.dtype)
            blocks.append(full if second is None else tf.hessians(tf.reduce_sum(y[:, m]), x)[0])
        return y, tf.stack(gradients, 1), tf.stack(blocks)

    value, gradient, hessian = derivatives(tf.constant(X))
    return value.numpy(), gradient.numpy(), np.einsum("mnknl->nmkl", hessian.numpy())


def close(actual, expected, dtype="float64"):
    tolerance = {"float64": 1e-10, "float32": 1e-5}[dtype] * max(1.0, np.max(np.abs(expected)))
    np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.full if n in SLOW else []) for n in CASES]
)
def test_values_gradients_and_blocks_are_those_of_each_column(name, subtests):
    f, routes = CASES[name]
    with subtests.test("each column takes the route that fits it"):
        plan = bh.explain(f, X, outputs=len(routes))
        assert [column.route for column in plan.outputs] == routes, str(plan)
    for dtype in ("float64", "float32"):
        x = tf.constant(X, dtype)
        with subtests.test(dtype=dtype):
            for _ in range(4):  # from the third on a small trace is replayed
                result = bh.value_grad_hessian(f, x, outputs=len(routes))
                for part, expected in zip(result, reference(name), strict=True):
                    assert part.dtype == dtype
                    close(part, expected, dtype)
            close(bh.hessian(f, x, outputs=len(routes)), reference(name)[2], dtype)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.full)])
@every_case
def test_in_a_function_with_unknown_N_they_are_the_same(name, jit):
    f, routes = CASES[name]

    @tf.function(
        autograph=False, jit_compile=jit, input_signature=[tf.TensorSpec((None, K), tf.float64)]
    )
    def blocks(x):
        return bh.hessian(f, x, outputs=len(routes))

    close(blocks(tf.constant(X)), reference(name)[2])
    if name != "a column that does not vary":  # which holds N numbers
        assert blocks(tf.zeros((0, K), tf.float64)).shape == (0, len(routes), K, K)


@pytest.mark.parametrize("route", ["auto", "autodiff"])
def test_layouts_have_the_outputs_behind_the_rows(route, subtests):
    f, blocks = CASES["stacked forms"].f, reference("stacked forms")[2]
    in_layouts = {
        "diag": np.einsum("nmkk->nmk", blocks),
        "packed": blocks[(..., *np.triu_indices(K))],
        "trace": np.einsum("nmkk->nm", blocks),
    }
    for layout, expected in in_layouts.items():
        with subtests.test(layout=layout):
            close(bh.hessian(f, X, layout=layout, route=route, outputs=3), expected)


def test_rows_of_several_axes_and_a_single_row():
    blocks = reference("a layer")[2]
    f = lambda x: tf.tanh(tf.tensordot(x, c(W, x), 1) + c(BIAS, x))  # noqa: E731
    close(bh.hessian(f, X[None], outputs=3), blocks[None])
    assert bh.explain(f, X[None], outputs=3).outputs[0].route == FUSED
    close(bh.hessian(lambda x: layer(x[None])[0], X[0], outputs=3), blocks[0])


@pytest.mark.parametrize("name", ["a layer", "softmax", "stacked forms"])
def test_gradients_flow_to_x_and_to_what_f_captures(name):
    f, routes = CASES[name]
    weights = random.normal(size=(N, len(routes), K, K))

    def gradients(blocks):
        x, scale = tf.Variable(X), tf.Variable(1.3, dtype=tf.float64)
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(weights * blocks(lambda x: scale * f(x), x))
        return tape.gradient(y, [x, scale])

    def by_tape(f, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = f(x)
            first = inner.batch_jacobian(y, x)
        return outer.batch_jacobian(first, x)

    expected = gradients(tf.function(by_tape, autograph=False))
    actual = gradients(lambda f, x: bh.hessian(f, x, outputs=len(routes)))
    for ours, theirs in zip(actual, expected, strict=True):
        close(ours, theirs)


@pytest.mark.full
def test_rows_that_interact_in_one_column_are_refused():
    def f(x):
        return tf.stack([form(x), tf.reduce_sum(x, 1) * tf.reduce_sum(x**2)], 1)

    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        bh.hessian(f, X, outputs=2)
    exact = bh.hessian(f, X, outputs=2, coupling="exact")
    full = tf.function(lambda x: tf.hessians(tf.reduce_sum(f(x)[:, 1]), x)[0])(tf.constant(X))
    close(exact[:, 1], np.einsum("nknl->nkl", full))


def test_a_result_of_another_shape_is_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"\(5, 3\).*\(5, 2\).*outputs=2"):
        bh.hessian(layer, X, outputs=2)
    with pytest.raises(ValueError, match=r"\(5,\).*\(5, 2\)"):
        bh.hessian(form, X, outputs=2)
    with pytest.raises(ValueError, match="expected a scalar"):
        bh.hessian(layer, X)


@pytest.mark.parametrize("outputs", [0, -1, 1.0, "3", True])
def test_outputs_is_a_positive_int(outputs):
    with pytest.raises(ValueError, match="outputs is .*; expected a positive int"):
        bh.hessian(layer, X, outputs=outputs)


def test_the_plan_says_equal_plans_once():
    plan = str(bh.explain(tf.nn.softmax, X, outputs=K))
    assert plan.startswith("output 0, 1, 2, 3:\nroute: autodiff") and plan.count("route:") == 1
    plan = str(bh.explain(CASES["one that is not fused among those that are"].f, X, outputs=3))
    assert plan.count("route: fused") == 2 and plan.count("route: autodiff") == 1


@pytest.mark.parametrize("M", [2, 7])
def test_what_outputs_share_is_read_once(M, monkeypatch):
    applied, apply = [], Reader._apply
    monkeypatch.setattr(Reader, "_apply", lambda self, op: applied.append(op) or apply(self, op))
    w = tf.constant(np.ones((3, M)), tf.float32)
    bh.hessian(lambda x: tf.exp(x) @ w, np.ones((2, 3), np.float32), outputs=M)
    assert sum(op.type == "Exp" for op in applied) == 1
