"""A tape in a tf.function, as in a training step, differentiates blocks as an eager one does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

rng = np.random.default_rng(0)
X = np.abs(rng.normal(size=(3, 4)))
WITH_ZEROS = np.array([[0.0, 1, 2, 0.5], [0, 0, 1, 2], [1, 1, 1, 1]])
W = tf.Variable(rng.normal(size=(4, 5)))


def network(x):
    return tf.reduce_sum(tf.tanh(x @ W), 1)


def through_a_loop(x):
    body = lambda i, y: (i + 1, y * tf.reduce_sum(tf.sin(x), 1))  # noqa: E731
    return tf.while_loop(lambda i, _: i < 2, body, (0, tf.reduce_sum(x, 1)))[1]


def resized(x):
    images = tf.image.resize(tf.reshape(tf.sin(x), (-1, 2, 2, 1)), (3, 3))
    return tf.reduce_sum(tf.reshape(images, (-1, 9)) ** 4, 1)


def recurrent():
    layers = [keras.layers.Reshape((2, 2)), keras.layers.LSTM(3), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.build((None, 4))
    return model


LSTM = recurrent()
# Each with the points, and what beside x is differentiated by.
FUNCTIONS = {
    "fused": (lambda x: tf.reduce_sum(tf.sin(x) ** 2, 1), X, []),
    "network": (network, X, [W]),
    "nested": (tf.function(network), X, [W]),
    "recomputed": (tf.recompute_grad(network), X, [W]),
    "branches": (
        lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: network(x), lambda: tf.reduce_sum(x, 1)),
        X,
        [W],
    ),
    "loop": (through_a_loop, X, []),
    "map_fn": (lambda x: tf.map_fn(lambda r: tf.reduce_sum(tf.sin(r) * r[0]), x), X, []),
    "LSTM": (LSTM, X.astype(np.float32), LSTM.trainable_variables),
    "image": (resized, X.astype(np.float32), []),
    "product": (lambda x: tf.reduce_prod(x, 1), WITH_ZEROS, []),
    "powers": (lambda x: tf.reduce_sum(tf.pow(x, [1.0, 2.0, 3.0, 2.0]), 1), WITH_ZEROS, []),
    "determinant": (lambda x: tf.linalg.det(tf.reshape(x, (-1, 2, 2))), WITH_ZEROS, []),
}
RESULTS = {
    "blocks": bh.hessian,
    "Laplacian": bh.laplacian,
    "product": lambda f, x: bh.hvp(f, x, tf.cos(x)),
    "gradient": lambda f, x: bh.value_grad_hessian(f, x).gradient,
    "value": lambda f, x: bh.value_grad_hessian(f, x).value,
}


SLOW = ("branches", "loop", "map_fn", "LSTM")


FULL = ("map_fn", "LSTM", "loop")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.full) if name in FULL else name for name in FUNCTIONS],
)
def test_gradients_within_a_function_are_those_of_an_eager_tape(name, subtests):
    f, x, variables = FUNCTIONS[name]
    x = tf.constant(x)
    some = ("blocks", "gradient") if name in SLOW else RESULTS
    for what in some:

        def step(x, what=what):
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = tf.reduce_sum(RESULTS[what](f, x) ** 2)
            found = tape.gradient(total, [x, *variables])
            return [tf.zeros([]) if g is None else g for g in found]

        expected = step(x)
        actual = tf.function(step, autograph=False)(x)
        with subtests.test(what):
            for a, b in zip(actual, expected, strict=True):
                assert a.shape == b.shape  # None in one is None in the other.
                tolerance = 1e-4 if b.dtype == tf.float32 else 1e-10
                scale = max(1.0, float(tf.reduce_max(tf.abs(b))))
                np.testing.assert_allclose(a, b, atol=tolerance * scale)


def test_a_function_in_f_compiles():
    f = tf.function(lambda x: tf.reduce_sum(tf.math.cumprod(tf.tanh(x @ W), 1), 1))
    blocks = tf.function(lambda x: bh.hessian(f, x), jit_compile=True, autograph=False)
    np.testing.assert_allclose(blocks(tf.constant(X)), bh.hessian(f, tf.constant(X)), atol=1e-12)


def test_third_derivatives_of_branches_that_need_rules():
    def f(x):
        return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.reduce_prod(x, 1), lambda: 0 * x[:, 0])

    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(bh.hessian(f, x))
    expected = [[2 * (row.sum() - row[i]) for i in range(4)] for row in X]
    np.testing.assert_allclose(tape.gradient(total, x), expected, rtol=1e-12)


def test_a_mean_that_its_author_stopped_is_stopped():
    def f(x):
        mean = tf.stop_gradient(tf.reduce_mean(x, 1, keepdims=True))
        variance = tf.reduce_mean(tf.math.squared_difference(x, mean), 1)
        return variance + tf.reduce_sum(mean * x, 1)

    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    np.testing.assert_allclose(bh.value_grad_hessian(f, x).gradient, tape.gradient(y, x))
