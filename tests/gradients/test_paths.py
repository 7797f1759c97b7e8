"""Rules of our own reach every operation by which f depends on x, and nobody else's gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

X = np.array([[0.5, -0.7, 1.1], [-0.4, 0.2, 0.9]])
W = tf.constant([[0.9, -0.3, 0.2], [0.4, 1.1, -0.6], [-0.2, 0.5, 0.8]], tf.float64)


def variance(y: tf.Tensor) -> tf.Tensor:
    """By arithmetic whose derivatives TensorFlow has right."""
    return tf.reduce_mean(tf.square(y - tf.reduce_mean(y, -1, keepdims=True)), -1)


def moment(y: tf.Tensor) -> tf.Tensor:
    """The same with a gradient that TensorFlow stops within."""
    return tf.nn.moments(y, [-1])[1]


def plain(x, variance):
    return tf.tanh(variance(tf.tanh(x @ W)))


def with_effects(x, variance):
    tf.debugging.assert_less(tf.reduce_max(x), tf.constant(9.0, x.dtype))
    return plain(x, variance)


def through_calls(x, variance):
    inner = tf.function(lambda y: tf.exp(tf.function(variance)(y)))
    return inner(x @ W)


def through_a_loop(x, variance):
    def body(i, y):
        return i + 1, tf.tanh(y * variance(y @ W)[:, tf.newaxis])

    return tf.reduce_sum(tf.while_loop(lambda i, _: i < 3, body, (0, x))[1], 1)


def through_branches(x, variance):
    is_small = tf.reduce_sum(x) < 100.0
    return tf.cond(is_small, lambda: plain(x, variance), lambda: tf.reduce_sum(x, 1))


def through_map_fn(x, variance):
    return tf.map_fn(lambda row: tf.tanh(variance(tf.sin(row))), x)


def through_vectorized_map(x, variance):
    return tf.vectorized_map(lambda row: tf.tanh(variance(tf.sin(row))), x)


def with_a_slope(x, variance):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = plain(x, variance)
    return tf.reduce_sum(tf.square(tape.gradient(y, x)), 1)


WAYS = (
    plain,
    with_effects,
    through_calls,
    through_a_loop,
    through_branches,
    through_map_fn,
    through_vectorized_map,
    with_a_slope,
)


V = tf.constant([[0.3, 1.0, -0.6], [0.8, -0.4, 0.7]], tf.float64)


def products_and_slopes(f, x: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """H v, a second derivative, and a third one."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        products = bh.hvp(f, x, V, route="autodiff", coupling="assume_independent")
        total = tf.reduce_sum(products * tf.cos(V))
    return products.numpy(), tape.gradient(total, x).numpy()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_rule_reaches_into_calls_loops_and_branches(way):
    x = tf.constant(X)
    expected = products_and_slopes(lambda x: way(x, variance), x)
    found = products_and_slopes(lambda x: way(x, moment), x)
    for actual, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(actual, right, atol=1e-12)


@pytest.mark.parametrize("way", [with_effects, through_calls, through_a_loop])
def test_a_rule_reaches_into_them_within_a_tf_function(way):
    x = tf.constant(X)
    found = products_and_slopes(tf.function(lambda x: way(x, moment)), x)
    for actual, right in zip(
        found, products_and_slopes(lambda x: way(x, variance), x), strict=True
    ):
        np.testing.assert_allclose(actual, right, atol=1e-12)


def test_hessians_in_a_TF1_graph_and_the_gradients_of_its_author():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, 3))
        w = tf.constant(W.numpy())
        y, right = (tf.tanh(v(tf.tanh(x @ w))) for v in (moment, variance))

        def own() -> tf.Tensor:
            """What TensorFlow makes of it, as it would be without us."""
            return tf.gradients(tf.gradients(y, x)[0][:, 0], x)[0]

        before = own()
        (blocks,), (expected,) = bh.hessians(y, x), bh.hessians(right, x)
        tensors = [blocks, expected, tf.gradients(blocks, x)[0], tf.gradients(expected, x)[0]]
        tensors += [before, own()]
        blocks, expected, slopes, expected_slopes, before, after = session.run(tensors, {x: X})
    np.testing.assert_allclose(blocks, expected, atol=1e-12)
    np.testing.assert_allclose(slopes, expected_slopes, atol=1e-12)
    np.testing.assert_array_equal(before, after)
    assert np.abs(blocks[:, 0] - before).max() > 1e-3


CALLS = {
    "hessian": lambda f, x, **o: bh.hessian(f, x, **o),
    "value_grad_hessian": lambda f, x, **o: bh.value_grad_hessian(f, x, **o),
    "laplacian": lambda f, x, **o: bh.laplacian(f, x, **o),
    "hvp": lambda f, x, **o: bh.hvp(f, x, tf.ones_like(x), **o),
    "under XLA": lambda f, x, **o: tf.function(
        lambda x: bh.hessian(f, x, **o), jit_compile=True, autograph=False
    )(x),
}


def refused_paths() -> dict[str, tuple]:
    """f, and the operation that its error names."""

    def sin(x: tf.Tensor) -> tf.Tensor:
        y = tf.numpy_function(np.sin, [x], x.dtype)
        return tf.ensure_shape(y, x.shape)

    @tf.custom_gradient
    def sin_with_gradient(x):
        return tf.sin(
            x
        ), lambda up: up * tf.ensure_shape(tf.numpy_function(np.cos, [x], x.dtype), x.shape)

    def by_loop(x):
        return tf.while_loop(lambda i, _: i < 2, lambda i, y: (i + 1, sin(y)), (0, x))[1]

    return {
        "beside others": (lambda x: tf.reduce_sum(tf.exp(x) + sin(x), 1), "PyFunc"),
        "in a tf.function": (tf.function(lambda x: tf.reduce_sum(sin(x), 1)), "PyFunc"),
        "in a loop": (lambda x: tf.reduce_sum(by_loop(x), 1), "PyFunc"),
        "in a gradient": (lambda x: tf.reduce_sum(sin_with_gradient(x) ** 2, 1), "PyFunc"),
        "by one input": (
            lambda x: tf.math.betainc(tf.exp(x[:, 0]), tf.exp(x[:, 1]), tf.sigmoid(x[:, 2])),
            "Betainc .* by 'a'",
        ),
    }


@pytest.mark.parametrize("coupling", ["check", "exact", "assume_independent"])
def test_a_path_that_TensorFlow_would_drop_is_refused_by_name(coupling, subtests):
    x = tf.constant(X)
    for path, (f, message) in refused_paths().items():
        for call, function in CALLS.items():
            with subtests.test(path=path, call=call), pytest.raises(LookupError, match=message):
                function(f, x, coupling=coupling)


def test_a_path_that_TensorFlow_would_drop_is_refused_in_TF1_graphs():
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, (None, 3))
        y = tf.numpy_function(np.sin, [x], tf.float64)
        y.set_shape((None, 3))
        with pytest.raises(LookupError, match="PyFunc"):
            bh.hessians(tf.reduce_sum(y + tf.exp(x), 1), x)


def test_what_is_locally_constant_or_stopped_by_its_author_is_no_dropped_path():
    x = tf.constant(X)

    def f(x):
        steps = tf.round(x) + tf.floor(x) * tf.stop_gradient(x)
        constant = tf.numpy_function(np.sin, [tf.stop_gradient(x)], x.dtype)
        number = tf.range(tf.cast(tf.shape(x)[1], tf.float64))
        return tf.reduce_sum(x**3 * (steps + tf.ensure_shape(constant, x.shape) + number), 1)

    c = np.round(X) + np.floor(X) * X + np.sin(X) + np.arange(3)
    blocks = bh.hessian(f, x, route="autodiff", coupling="assume_independent")
    np.testing.assert_allclose(blocks, (6 * X * c)[..., np.newaxis] * np.eye(3), rtol=1e-12)


def test_a_stop_that_the_author_wrote_is_honoured():
    def f(x):
        mean = tf.stop_gradient(tf.reduce_mean(x, 1, keepdims=True))
        return tf.reduce_mean((x - mean) ** 2, 1)

    for route in ("fused", "autodiff"):
        blocks = bh.hessian(f, tf.constant(X), route=route)
        np.testing.assert_allclose(
            blocks, np.broadcast_to(2 / 3 * np.eye(3), (2, 3, 3)), rtol=1e-12
        )
