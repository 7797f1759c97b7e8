"""newton_direction, on both routes and in every graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.eager.cache import Trace

N, K = 7, 3
MATRIX = [[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]]


def gaussian(x):
    return tf.exp(-0.5 * tf.reduce_sum(x * (x @ tf.constant(MATRIX, x.dtype)), 1))


def logsumexp(x):
    return tf.reduce_logsumexp(x, 1) + 0.05 * tf.reduce_sum(x * x, 1)


def elementwise(x):
    return tf.reduce_sum(tf.sin(x) + x**4, 1)


def network(x):
    hidden = tf.tanh(tf.matmul(x, tf.constant(MATRIX, x.dtype)))
    return tf.reduce_sum(tf.square(hidden) * tf.sin(x), 1)


FUNCTIONS = [gaussian, logsumexp, elementwise, network]
every_function = pytest.mark.parametrize("f", FUNCTIONS)
needs_xla = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")
compiled_or_not = pytest.mark.parametrize("jit", [False, pytest.param(True, marks=needs_xla)])


def points(rng, *shape):
    return tf.constant(rng.normal(size=shape or (N, K)))


def solved(f, x, damping=0.0):
    """By eigenvalues, of tf.hessians in float64; NaN in indefinite rows."""
    x = tf.convert_to_tensor(x, tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        gradient = inner.gradient(y, x)
    H = outer.batch_jacobian(gradient, x).numpy() + np.reshape(damping, (-1, 1, 1)) * np.eye(K)
    values, vectors = np.linalg.eigh((H + np.swapaxes(H, 1, 2)) / 2)
    values[values.min(1) <= 0] = np.nan
    along = np.einsum("nkj,nk->nj", vectors, gradient.numpy())
    return -np.einsum("nkj,nj->nk", vectors, along / values)


@every_function
@pytest.mark.parametrize("route", ["auto", "autodiff"])
@pytest.mark.parametrize("damping", [0.5, np.linspace(0, 2, N)], ids=["shared", "a row"])
def test_directions_solve_the_damped_system(f, route, damping, rng):
    x = points(rng)
    p = bh.newton_direction(f, x, damping=damping, on_indefinite="nan", route=route)
    np.testing.assert_allclose(p, solved(f, x, damping), rtol=1e-8, atol=1e-10)
    assert np.isfinite(p).any()


@every_function
def test_both_routes_modify_alike(f, rng):
    x = points(rng, 200, K)
    fused, autodiff = (bh.newton_direction(f, x, route=r) for r in ("auto", "autodiff"))
    np.testing.assert_allclose(fused, autodiff, rtol=1e-6, atol=1e-8)


@every_function
def test_every_direction_descends(f, rng):
    x = points(rng, 200, K)
    gradient = bh.value_grad_hessian(f, x).gradient
    assert np.all(np.sum(bh.newton_direction(f, x) * gradient, 1) < 0)


@every_function
@compiled_or_not
def test_in_a_graph_it_is_what_it_is_eagerly(f, jit, rng):
    x, damping = points(rng), tf.constant(rng.uniform(0, 1, N))
    in_graph = tf.function(
        lambda x, damping: bh.newton_direction(f, x, damping=damping), jit_compile=jit
    )
    expected = bh.newton_direction(f, x, damping=damping)
    np.testing.assert_allclose(in_graph(x, damping), expected, rtol=1e-10, atol=1e-13)


@every_function
def test_it_works_in_a_graph_of_TensorFlow_1(f, rng):
    x, damping = rng.normal(size=(N, K)), rng.uniform(0, 1, N)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        rows = tf.compat.v1.placeholder(tf.float64, [None, K])
        of_rows = tf.compat.v1.placeholder(tf.float64, [None])
        p = bh.newton_direction(f, rows, damping=of_rows)
        assert p.shape.as_list() == [None, K]
        p = session.run(p, {rows: x, of_rows: damping})
    np.testing.assert_allclose(p, bh.newton_direction(f, x, damping=damping), rtol=1e-12)


@pytest.mark.parametrize("shape", [(K,), (1, K), (0, K), (2, 3, K), (2, 1, 4, K), (5, 1), (1, 1)])
@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_x_may_have_any_rank_and_any_number_of_rows(shape, route, rng):
    x = rng.normal(size=shape)
    damping = rng.uniform(0, 1, shape[:-1])
    p = bh.newton_direction(lambda x: tf.reduce_sum(x**4, -1), x, damping=damping, route=route)
    assert p.shape == shape
    np.testing.assert_allclose(p, -4 * x**3 / (12 * x**2 + damping[..., None]), rtol=1e-10)


@pytest.mark.parametrize("route", ["auto", "autodiff"])
def test_K_may_be_unknown(route, rng):
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)])
    def direction(x):
        return bh.newton_direction(lambda x: tf.reduce_sum(x**4), x, route=route)

    x = rng.normal(size=(N, K))
    np.testing.assert_allclose(direction(x), -x / 3, rtol=1e-12)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32], ids=lambda d: d.name)
@pytest.mark.parametrize("route", ["auto", "autodiff"])
@pytest.mark.parametrize("damping", [0.5, np.full(N, 0.5)], ids=["shared", "a row"])
def test_narrow_types_agree_to_their_precision(dtype, route, damping, rng):
    x = tf.cast(points(rng), dtype)
    p = bh.newton_direction(elementwise, x, damping=damping, route=route, on_indefinite="nan")
    assert p.dtype == dtype
    expected = solved(elementwise, tf.cast(x, tf.float64), damping)
    tolerance = {tf.float16: 2e-2, tf.bfloat16: 1e-1, tf.float32: 1e-4}[dtype]
    kept = np.isfinite(expected).all(1)
    assert kept.any()
    p = tf.cast(p, tf.float64).numpy()
    np.testing.assert_allclose(p[kept], expected[kept], rtol=tolerance, atol=tolerance)


def test_kept_traces_serve_other_dampings_and_other_numbers_of_rows(rng, monkeypatch):
    traced, trace = [], Trace._trace
    monkeypatch.setattr(Trace, "_trace", lambda *a: traced.append(a) or trace(*a))
    f = lambda x: elementwise(x)  # noqa: E731
    for rows in (3, 4, 5, 6, 7, 7, 7, 7):
        for damping in (1.0, 2.0):
            x = points(rng, rows, K)
            p = bh.newton_direction(f, x, damping=damping, on_indefinite="nan")
            np.testing.assert_allclose(p, solved(elementwise, x, damping), rtol=1e-8)
    assert len(traced) == 2


def test_variables_may_be_x_damping_and_captured(rng):
    x, damping = tf.Variable(rng.normal(size=(N, K))), tf.Variable(0.5, dtype=tf.float64)
    weight = tf.Variable(2.0, dtype=tf.float64)

    def f(x):
        return weight * tf.reduce_sum(x * x)

    def expected():
        return -2 * weight * x / (2 * weight + damping)

    np.testing.assert_allclose(bh.newton_direction(f, x, damping=damping), expected())
    weight.assign(3.0)
    damping.assign(0.1)
    np.testing.assert_allclose(bh.newton_direction(f, x, damping=damping), expected())


@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_gradients_flow_to_x_damping_and_what_f_captures(route, rng):
    x, damping, weight = (
        points(rng),
        tf.constant(0.7, tf.float64),
        tf.Variable(1.3, dtype="float64"),
    )

    def f(x):
        return weight * tf.reduce_sum(x**4)

    with tf.GradientTape() as tape:
        tape.watch([x, damping])
        p = tf.reduce_sum(bh.newton_direction(f, x, damping=damping, route=route))
    with tf.GradientTape() as other:
        other.watch([x, damping])
        q = tf.reduce_sum(-4 * weight * x**3 / (12 * weight * x**2 + damping))
    sources = [x, damping, weight]
    for one, two in zip(tape.gradient(p, sources), other.gradient(q, sources), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-10)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
@compiled_or_not
def test_an_error_names_the_row(route, jit):
    def f(x):
        return tf.reduce_sum(x**3)

    x = tf.constant([[1.0, 2.0], [3.0, -1.0], [-1.0, 1.0]])
    direction = tf.function(
        lambda x: bh.newton_direction(f, x, on_indefinite="error", damping=0.5, route=route),
        jit_compile=jit,
    )
    message = "the block of row 1 is not positive definite: pivot 1 .* is -5.5"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        direction(x)
    direction(x[:1])


@pytest.mark.parametrize("route", ["fused", "autodiff"])
@pytest.mark.parametrize("on_indefinite", ["modify", "nan", "error"])
def test_a_row_that_is_not_finite_is_NaN_and_the_others_are_not(route, on_indefinite):
    x = np.ones((20, 2))
    x[4, 1], x[9] = np.nan, np.inf
    p = bh.newton_direction(lambda x: tf.reduce_sum(x**4), x, on_indefinite=on_indefinite)
    np.testing.assert_array_equal(np.isnan(p).all(1), np.isin(np.arange(20), [4, 9]))


def test_a_linear_function_has_its_steepest_descent():
    x, b = tf.ones([4, 2]), tf.constant([1.0, -2.0])
    for route in ("fused", "autodiff"):
        p = bh.newton_direction(lambda x: tf.reduce_sum(x * b), x, route=route)
        np.testing.assert_array_equal(p, np.tile(-b, (4, 1)))


def test_a_quadratic_is_minimised_in_one_step(rng):
    A, b = tf.constant(MATRIX, tf.float64), tf.constant(rng.normal(size=K))

    def f(x):
        return tf.reduce_sum(0.5 * x * (x @ A) - b * x)

    x = points(rng)
    minimum = np.tile(np.linalg.solve(A, b), (N, 1))
    np.testing.assert_allclose(x + bh.newton_direction(f, x), minimum, rtol=1e-12)


def test_rows_that_interact_are_an_error_here_too():
    def coupled(x):
        return tf.reduce_sum(x) ** 2

    with pytest.raises(tf.errors.InvalidArgumentError, match="rows"):
        bh.newton_direction(coupled, tf.ones([3, 2]))


def test_bad_arguments_are_named():
    def f(x):
        return tf.reduce_sum(x * x)

    x = tf.ones([3, 2])
    with pytest.raises(ValueError, match=r"damping has shape \(2,\); expected a scalar or \(3,\)"):
        bh.newton_direction(f, x, damping=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"damping has shape \(3, 1\); expected a scalar or"):
        bh.newton_direction(f, x, damping=tf.ones([3, 1]))
    with pytest.raises(TypeError, match="damping cannot be made a tensor of float32"):
        bh.newton_direction(f, x, damping="much")
    with pytest.raises(ValueError, match="on_indefinite is 'drop'; expected one of modify, nan"):
        bh.newton_direction(f, x, on_indefinite="drop")
    with pytest.raises(ValueError, match="the fused route cannot serve f"):
        bh.newton_direction(network, tf.ones([2, K]), route="fused")


def test_damping_that_does_not_fit_the_rows_is_refused_when_it_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 1]), tf.TensorSpec([None, None])])
    def direction(x, damping):
        return bh.newton_direction(lambda x: tf.reduce_sum(x**4), x, damping=damping)

    with pytest.raises(tf.errors.InvalidArgumentError, match="damping is neither a scalar nor"):
        direction(tf.ones([2, 3, 1]), tf.ones([3, 2]))


@pytest.mark.parametrize("K", [4, 2100])
@pytest.mark.parametrize("link", [tf.nn.softplus, tf.exp])
def test_a_link_alone_has_no_diagonal_in_any_row(link, K):
    """(c u u' + damping I)^-1 is (I - c u u' / (damping + c u'u)) / damping."""
    rng = np.random.default_rng(4)
    w, x = rng.normal(size=K) / np.sqrt(K), rng.normal(size=(100, K))
    s, damping = x @ w, 0.1
    sigmoid = 1 / (1 + np.exp(-s))
    slope, c = {
        tf.nn.softplus: (sigmoid, sigmoid * (1 - sigmoid)),
        tf.exp: (np.exp(s), np.exp(s)),
    }[link]
    expected = -(slope / (damping + c * (w @ w)))[:, np.newaxis] * w
    direction = bh.newton_direction(
        lambda x: link(tf.linalg.matvec(x, tf.constant(w))), x, damping=damping, route="fused"
    )
    np.testing.assert_allclose(direction, expected, rtol=1e-10)
