"""Gradients through values, gradients and blocks: to x and to all f captures, repeatedly."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

N, K = 4, 3
random = np.random.default_rng(5)


def variable(*shape: int) -> tf.Variable:
    return tf.Variable(0.5 * random.normal(size=shape), dtype=tf.float64)


A, ROW_A, W, MU = variable(K, K), variable(N, K, K), variable(K), variable(K)
CELLS, ROWS, SCALE = variable(N, K), variable(N), variable()
X = tf.Variable(0.5 * random.normal(size=(N, K)))

FUNCTIONS = {
    "separable": (
        lambda x: tf.reduce_sum(tf.sin(SCALE * x) * tf.exp(-((x - CELLS) ** 2))), [SCALE, CELLS]),
    "a linked quadratic": (
        lambda x: tf.exp(-0.5 * tf.reduce_sum((x - MU) * ((x - MU) @ A), 1)), [A, MU]),
    "a matrix a row": (
        lambda x: tf.sqrt(1.0 + tf.einsum("ni,nij,nkj,nk->n", x, ROW_A, ROW_A, x)), [ROW_A]),
    "logistic": (lambda x: ROWS * tf.nn.softplus(tf.linalg.matvec(x, W) + SCALE), [ROWS, W, SCALE]),
    "logsumexp": (lambda x: tf.reduce_logsumexp(x * W, 1), [W]),
    "two terms": (
        lambda x: tf.reduce_mean(tf.sigmoid(tf.linalg.matvec(x, W))) + SCALE * tf.reduce_sum(x**4),
        [W, SCALE]),
}  # fmt: skip
LAYOUTS = {"dense": (K, K), "diag": (K,), "packed": (K * (K + 1) // 2,), "trace": ()}


def scalar(f, x, route: str, layout: str) -> tf.Tensor:
    """A number that depends on every output in its own way."""
    value, gradient, blocks = bh.value_grad_hessian(f, x, route=route, layout=layout)
    weights = np.random.default_rng(6).normal(size=(N, *LAYOUTS[layout]))
    return (
        tf.reduce_sum(value**2)
        + tf.reduce_sum(tf.sin(gradient))
        + tf.reduce_sum(weights * blocks)
        + tf.reduce_sum(tf.tanh(blocks))
    )


def difference(function, source: tf.Variable, direction: np.ndarray, step: float = 1e-5):
    """The central difference of a function along a direction in a variable."""
    start = source.numpy()
    values = []
    for sign in (1, -1):
        source.assign(start + sign * step * direction)
        values.append(function())
    source.assign(start)
    return (values[0] - values[1]) / (2 * step)


every_route = pytest.mark.parametrize("route", ["fused", "autodiff"])


def functions_and_routes(*plain: tuple[str, str]):
    """All of them; the plain tier has these alone."""
    pairs = itertools.product(FUNCTIONS, ["fused", "autodiff"])
    marked = [pytest.param(*p, marks=[] if p in plain else pytest.mark.full) for p in pairs]
    return pytest.mark.parametrize(("name", "route"), marked)


@functions_and_routes(*((name, "fused") for name in FUNCTIONS), ("logistic", "autodiff"))
def test_gradients_agree_with_differences(name, route, subtests):
    f, captured = FUNCTIONS[name]
    sources = [X, *captured]

    @tf.function(autograph=False)
    def values():
        return [scalar(f, X, route, layout) for layout in LAYOUTS]

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            losses = values.python_function()
        return [tape.gradient(loss, sources) for loss in losses]

    directions = [np.random.default_rng(8).normal(size=source.shape) for source in sources]
    expected = [
        difference(lambda: np.array(values()), source, direction)
        for source, direction in zip(sources, directions, strict=True)
    ]
    for i, (layout, of_layout) in enumerate(zip(LAYOUTS, gradients(), strict=True)):
        with subtests.test(layout=layout):
            for gradient, direction, slope in zip(of_layout, directions, expected, strict=True):
                assert gradient is not None
                actual = np.sum(tf.convert_to_tensor(gradient) * direction)
                assert actual == pytest.approx(slope[i], rel=2e-6, abs=1e-7)


@functions_and_routes(("two terms", "fused"), ("logistic", "autodiff"))
def test_the_gradient_has_a_gradient_and_that_has_one(name, route):
    f, captured = FUNCTIONS[name]
    sources = [X, *captured]
    v = [np.random.default_rng(9).normal(size=s.shape) for s in sources]

    def slopes(order: int) -> list[tf.Tensor]:
        """The scalar's derivatives along v, up to this order."""
        if order == 0:
            return [scalar(f, X, route, "dense")]
        with tf.GradientTape() as tape:
            below = slopes(order - 1)
        gradients = tape.gradient(below[-1], sources, unconnected_gradients="zero")
        slope = tf.add_n([tf.reduce_sum(g * d) for g, d in zip(gradients, v, strict=True)])
        return [*below, slope]

    function = tf.function(lambda: slopes(3), autograph=False)
    actual = np.array(function())
    differences = [
        difference(lambda: np.array(function()), s, d) for s, d in zip(sources, v, strict=True)
    ]
    expected = np.sum(differences, 0)
    assert actual[2:] == pytest.approx(expected[1:-1], rel=2e-5, abs=1e-6)


@pytest.mark.full
@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_routes_and_tf_hessians_give_the_same_gradients(name, subtests):
    f, captured = FUNCTIONS[name]
    sources = [X, *captured]
    weights = np.random.default_rng(6).normal(size=(N, K, K))
    ways = ["tf.hessians", "fused", "autodiff"]

    def blocks(way):
        if way != "tf.hessians":
            return bh.hessian(f, X, route=way)
        x = tf.identity(X)
        return tf.einsum("nknl->nkl", tf.hessians(tf.reduce_sum(f(x)), x)[0])

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            losses = [tf.reduce_sum(weights * blocks(way)) for way in ways]
        return [tape.gradient(loss, sources, unconnected_gradients="zero") for loss in losses]

    expected, *ours = gradients()
    for route, of_route in zip(ways[1:], ours, strict=True):
        with subtests.test(route=route):
            for actual, reference in zip(of_route, expected, strict=True):
                np.testing.assert_allclose(actual, reference, rtol=1e-8, atol=1e-10)


@every_route
def test_eager_calls_are_differentiable_with_captured_tensors(route):
    w, x = tf.constant([1.0, 2.0], tf.float64), tf.constant([[0.5, -0.5]], tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([w, x])
        blocks = bh.hessian(lambda x: tf.reduce_sum(w * x**4), x, route=route)
    np.testing.assert_allclose(tape.gradient(blocks, w), [3.0, 3.0])
    np.testing.assert_allclose(tape.gradient(blocks, x), [[12.0, -24.0]])


@pytest.mark.parametrize("route", ["fused", pytest.param("autodiff", marks=pytest.mark.full)])
def test_tapes_around_eager_calls_of_functions_that_are_gone(route):
    """The trace of a fresh lambda dies with it; what the tapes need of it has to stay."""
    w = tf.Variable([1.0, 2.0], dtype=tf.float64)
    x = tf.constant([[0.5, -0.5]], tf.float64)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape(persistent=True) as middle:
            middle.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                blocks = bh.hessian(lambda x: tf.reduce_sum(w * x**6), x, route=route)
            gc.collect()
            first = inner.gradient(blocks, x)
        second = middle.gradient(first, x)
    gc.collect()
    np.testing.assert_allclose(first, 120 * w * x**3)
    np.testing.assert_allclose(second, 360 * w * x**2)
    np.testing.assert_allclose(outer.gradient(second, x), 720 * w * x)
    np.testing.assert_allclose(outer.gradient(second, w), 360 * x[0] ** 2)


@pytest.mark.parametrize(
    ("layout", "route"),
    [
        pytest.param(*p, marks=[] if p == ("dense", "fused") else pytest.mark.full)
        for p in itertools.product(LAYOUTS, ["fused", "autodiff"])
    ],
)
def test_forward_derivatives_of_eager_calls(layout, route):
    f = lambda x: tf.exp(tf.linalg.matvec(x, W))  # noqa: E731
    x, direction = tf.convert_to_tensor(X), random.normal(size=(N, K))

    def blocks(x):
        return bh.hessian(f, x, layout=layout, route=route)

    with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(x)
            of_x = blocks(x)
            total = tf.reduce_sum(tf.sin(of_x))
        gradient = tape.gradient(total, x)
    step = 1e-5 * direction
    expected = (blocks(x + step) - blocks(x - step)) / 2e-5
    np.testing.assert_allclose(accumulator.jvp(of_x), expected, rtol=1e-6, atol=1e-8)

    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.sin(blocks(x)))
        return tape.gradient(total, x)

    expected = (slope(x + step) - slope(x - step)) / 2e-5
    np.testing.assert_allclose(accumulator.jvp(gradient), expected, rtol=1e-6, atol=1e-8)


def test_gradients_in_a_TF1_graph():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, 2))
        w = tf.compat.v1.placeholder(tf.float64, (2,))
        (blocks,) = bh.hessians(tf.reduce_sum(w * x**4), x)
        to_x, to_w = tf.gradients(tf.reduce_sum(blocks), [x, w])
        (again,) = tf.gradients(tf.reduce_sum(to_x), x)
        feed = {x: [[0.5, -0.5]], w: [1.0, 2.0]}
        np.testing.assert_allclose(session.run(to_x, feed), [[12.0, -24.0]])
        np.testing.assert_allclose(session.run(to_w, feed), [3.0, 3.0])
        np.testing.assert_allclose(session.run(again, feed), [[24.0, 48.0]])


@every_route
def test_gradients_flow_to_eager_tensors_of_any_size_that_f_captures(route, subtests):
    """The blocks of c x^3 are 6 c x; TensorFlow holds small captured tensors as constants."""
    x = tf.constant([[1.0, 2.0]])
    for size in (1, 200):
        c = tf.fill([size], 2.0 / size)

        def f(x, c=c):
            return tf.reduce_sum(tf.reduce_sum(c) * x * x * x)

        with subtests.test(size=size):
            for _ in range(4):  # Traced, called and, without a tape, replayed.
                with tf.GradientTape() as tape:
                    tape.watch(c)
                    blocks = bh.hessian(f, x, route=route)
                np.testing.assert_allclose(blocks[0], np.diag([12.0, 24.0]))
                np.testing.assert_allclose(tape.gradient(blocks, c), np.full(size, 18.0))
                bh.hessian(f, x, route=route)
