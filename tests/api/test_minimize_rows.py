"""Minima of many small problems at once, against closed forms and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

import blockhess as bh
from blockhess import RowStatus
from blockhess.eager.cache import Trace

DTYPES = [np.float32, np.float64]


def rosenbrock(x):
    return 100 * (x[:, 1] - x[:, 0] ** 2) ** 2 + (1 - x[:, 0]) ** 2


def ended(minima) -> set[RowStatus]:
    return {RowStatus(status) for status in minima.status.numpy()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_quadratic_form_takes_one_step_to_its_minimum(dtype):
    rng = np.random.default_rng(0)
    L = rng.normal(size=(5, 5))
    A, b = (L @ L.T + np.eye(5)).astype(dtype), rng.normal(size=5).astype(dtype)

    def f(x):
        return 0.5 * tf.reduce_sum(x * (x @ A), 1) + tf.linalg.matvec(x, b)

    minima = bh.minimize_rows(f, rng.normal(size=(7, 5)).astype(dtype))
    expected = -np.linalg.solve(A.astype(np.float64), b)
    np.testing.assert_allclose(minima.x, np.tile(expected, (7, 1)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(minima.value, np.full(7, b @ expected / 2), rtol=1e-4)
    assert set(minima.iterations.numpy()) <= {1, 2} and ended(minima) == {RowStatus.CONVERGED}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("in_graph", [False, True])
def test_every_row_has_its_own_data_and_minimum(dtype, in_graph):
    a = np.linspace(0.5, 40, 50, dtype=dtype)[:, np.newaxis]

    def minimized(x, a):
        return bh.minimize_rows(lambda x, a: tf.reduce_sum(tf.exp(x) - a * x, 1), x, data=[a])

    if in_graph:
        rows = tf.TensorSpec([None, 1], dtype)
        minimized = tf.function(minimized, input_signature=[rows, rows])
    minima = minimized(tf.zeros([50, 1], dtype), tf.constant(a))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(minima.x, np.log(a), atol=4 * np.sqrt(eps))
    np.testing.assert_allclose(minima.value, (a - a * np.log(a))[:, 0], rtol=8 * eps, atol=40 * eps)
    assert minima.gradient_norm.numpy().max() <= np.sqrt(eps)
    assert ended(minima) == {RowStatus.CONVERGED}


@pytest.mark.full
def test_a_valley_with_indefinite_blocks_is_followed_to_its_end():
    starts = np.stack(np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-1, 3, 9)), -1).reshape(-1, 2)
    indefinite = np.linalg.eigvalsh(bh.hessian(lambda x: rosenbrock(x), starts))[:, 0] < 0
    assert indefinite.any()
    minima = bh.minimize_rows(rosenbrock, starts)
    np.testing.assert_allclose(minima.x, np.ones((81, 2)), rtol=1e-6)
    assert ended(minima) == {RowStatus.CONVERGED}


@pytest.mark.full
def test_rows_that_have_ended_are_not_evaluated_again():
    evaluated = tf.Variable(0)

    def f(x):
        evaluated.assign_add(tf.shape(x)[0])
        return rosenbrock(x)

    x0 = np.ones((1000, 2))
    x0[137] = [-1.2, 1.0]
    minima = bh.minimize_rows(f, x0)
    steps = int(minima.iterations[137])
    assert steps > 10 and int(tf.reduce_sum(minima.iterations)) == steps
    # Four times for all rows: before the first step, and for the results' derivatives.
    assert 4000 + 2 * steps <= int(evaluated) <= 4000 + 6 * steps


def test_rows_end_as_their_status_says():
    def f(x):
        kinked, sound, unbounded = tf.abs(x), tf.square(x - 3), x
        return tf.reduce_sum(tf.where(x > 100, unbounded, tf.where(x > 10, kinked, sound)), 1)

    x0 = np.array([[np.nan], [2.0], [200.0], [np.inf], [3.0]])
    minima = bh.minimize_rows(f, x0, max_iterations=1)
    expected = [
        RowStatus.NOT_FINITE,
        RowStatus.CONVERGED,
        RowStatus.MAX_ITERATIONS,
        RowStatus.NOT_FINITE,
        RowStatus.CONVERGED,
    ]
    assert [RowStatus(status) for status in minima.status.numpy()] == expected
    assert minima.iterations.numpy().tolist() == [0, 1, 1, 0, 0]
    np.testing.assert_array_equal(minima.x[1], [3.0])
    np.testing.assert_array_equal(minima.x[0], [np.nan])


def test_where_blocks_are_zero_the_gradient_leads_on():
    centre = np.array([1.0, -2.0, 0.5])

    def huber(x):
        return tf.reduce_sum(
            tf.where(tf.abs(x - centre) < 1, (x - centre) ** 2 / 2, tf.abs(x - centre) - 0.5), 1
        )

    minima = bh.minimize_rows(huber, np.array([[50.0, 3.0, 0.4], [-7.0, -8.0, 1e5]]))
    np.testing.assert_allclose(minima.x, np.tile(centre, (2, 1)), rtol=1e-6)
    assert ended(minima) == {RowStatus.CONVERGED}


def test_a_kink_is_found_and_not_called_converged():
    minima = bh.minimize_rows(lambda x: tf.reduce_sum(tf.abs(x), 1) + 1, np.array([[0.75]]))
    np.testing.assert_allclose(minima.value, [1.0], atol=1e-6)
    assert RowStatus.CONVERGED not in ended(minima)


@pytest.mark.full
def test_no_rows_have_no_minima():
    minima = bh.minimize_rows(rosenbrock, np.zeros((0, 2)))
    assert [part.shape.as_list() for part in minima] == [[0, 2], [0], [0], [0], [0]]


@pytest.mark.full
def test_curve_fits_are_those_of_scipy():
    rng, t, N = np.random.default_rng(1), np.linspace(0, 4, 25), 20
    true = rng.uniform([1, 0.5, -1], [3, 2, 1], (N, 3))

    def curve(p, exp):
        return p[:, 0:1] * exp(-p[:, 1:2] * t) + p[:, 2:3]

    y = curve(true, np.exp) + 0.02 * rng.normal(size=(N, 25))
    minima = bh.minimize_rows(
        lambda p, y: tf.reduce_sum((curve(p, tf.exp) - y) ** 2, 1), np.ones((N, 3)), data=[y]
    )
    for i in range(N):
        fit, _ = scipy.optimize.curve_fit(
            lambda _, *p: curve(np.array([p]), np.exp)[0], t, y[i], p0=np.ones(3)
        )
        np.testing.assert_allclose(minima.x[i], fit, rtol=1e-5)


@pytest.mark.full
@pytest.mark.parametrize("in_graph", [False, True])
def test_derivatives_are_those_of_the_implicit_function(in_graph):
    """The minimum of exp(x) - a b x is log(a b), also where the start is the minimum."""
    a, b = tf.constant([[1.0], [2.0], [30.0]], tf.float64), tf.Variable(1.0, dtype=tf.float64)

    def minimum(a):
        zeros = tf.zeros([3, 1], tf.float64)
        minima = bh.minimize_rows(
            lambda x, a: tf.reduce_sum(tf.exp(x) - a * b * x, 1), zeros, data=[a]
        )
        return minima.x, minima.value

    def gradients(a):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(a)
            x, value = minimum(a)
        return tape.gradient(x, [a, b]), tape.gradient(value, a)

    (x_by_a, x_by_b), value_by_a = tf.function(gradients)(a) if in_graph else gradients(a)
    np.testing.assert_allclose(x_by_a, 1 / a, rtol=1e-6)
    np.testing.assert_allclose(x_by_b, 3.0, rtol=1e-6)
    np.testing.assert_allclose(value_by_a, -np.log(a), atol=1e-6)


B = tf.Variable(1.0, dtype=tf.float64)
#: By a: f, which column of x is looked at, and derivatives of that of orders 1 to 3 and by b.
MINIMA = {
    "fused": (
        lambda x, a: tf.reduce_sum(tf.exp(x) - a * B * x, 1),  # Minimal at log(a b).
        0,
        (lambda a: 1 / a, lambda a: -1 / a**2, lambda a: 2 / a**3, lambda a: 0 * a),
    ),
    "autodiff": (  # Minimal at (a b, (a b)**2).
        lambda x, a: tf.square(x[:, 0] - B * a[:, 0]) + tf.square(x[:, 1] - tf.square(x[:, 0])),
        1,
        (lambda a: 2 * a, lambda a: 0 * a + 2, lambda a: 0 * a, lambda a: 4 * a),
    ),
}


@pytest.mark.parametrize(
    ("route", "third"),
    [("fused", False), *(pytest.param(r, True, marks=pytest.mark.full) for r in MINIMA)],
)
def test_second_and_third_derivatives_are_those_of_the_minimum(route, third):
    f, column, truth = MINIMA[route]
    a = tf.constant([[1.0], [2.0], [30.0]], tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(a)
        with tf.GradientTape(persistent=True) as middle:
            middle.watch(a)
            with tf.GradientTape() as inner:
                inner.watch(a)
                x0 = tf.ones([3, column + 1], tf.float64)
                x = bh.minimize_rows(f, x0, data=[a], tolerance=1e-12, route=route).x[:, column]
            first = inner.gradient(x, a)
        second = middle.gradient(first, a)
    expected = [derivative(a.numpy()) for derivative in truth]
    np.testing.assert_allclose(first, expected[0], rtol=1e-6)
    np.testing.assert_allclose(second, expected[1], rtol=1e-6)
    np.testing.assert_allclose(middle.gradient(first, B), np.sum(expected[3]), atol=1e-6)
    if third:
        np.testing.assert_allclose(outer.gradient(second, a), expected[2], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("N", [3, 0])
def test_rows_of_no_columns_are_at_their_minimum(N):
    for f in (
        lambda x: tf.reduce_sum(x * x, 1) + 3.0,
        lambda x: tf.reduce_sum(tf.tanh(x @ tf.zeros([0, 2], x.dtype)), 1) + 3.0,
    ):
        minima = bh.minimize_rows(f, np.zeros((N, 0)))
        assert minima.x.shape == (N, 0)
        np.testing.assert_array_equal(minima.value, np.full(N, 3.0))
        np.testing.assert_array_equal(minima.gradient_norm, np.zeros(N))
        np.testing.assert_array_equal(minima.iterations, np.zeros(N))
        assert ended(minima) == ({RowStatus.CONVERGED} if N else set())


def wells(x):
    return tf.reduce_sum((x - 2) ** 4 + x * x, 1)


#: Blocks are right, for their sum is the same function; the values belong to other rows.
OUT_OF_ORDER = {
    "reversed": lambda x: tf.reverse(wells(x), [0]),
    "rolled": lambda x: tf.roll(wells(x), 1, 0),
    "two exchanged": lambda x: tf.gather(
        wells(x), tf.tensor_scatter_nd_update(tf.range(tf.shape(x)[0]), [[0], [1]], [1, 0])
    ),
    "a value of another row": lambda x: wells(x) + tf.roll(tf.reduce_sum(x, 1), 1, 0),
}


@pytest.mark.parametrize(
    "name",
    [
        name if name == "two exchanged" else pytest.param(name, marks=pytest.mark.full)
        for name in OUT_OF_ORDER
    ],
)
def test_values_that_are_not_in_the_order_of_the_rows_are_refused(name, subtests):
    for dtype, N in ((np.float32, 200), (np.float64, 3)):
        x0 = np.random.default_rng(3).normal(size=(N, 2)).astype(dtype)
        with subtests.test(N=N), pytest.raises(tf.errors.InvalidArgumentError, match="the order"):
            bh.minimize_rows(OUT_OF_ORDER[name], x0)


def test_values_in_order_that_no_rule_proves_so_pass():
    def twice_reversed(x):
        return tf.reverse(wells(tf.reverse(x, [0])), [0])

    x0 = np.random.default_rng(3).normal(size=(200, 2))
    minima = bh.minimize_rows(twice_reversed, x0)
    np.testing.assert_allclose(minima.x, bh.minimize_rows(wells, x0).x, rtol=1e-7)
    assert ended(minima) == {RowStatus.CONVERGED}


A = np.ones((4, 3))


REFUSED = [
    (tf.reduce_sum, np.ones((4, 3)), {}, ValueError, r"f's result has shape \(\)"),
    (lambda x: tf.reduce_sum(x * A, 1), np.ones((4, 3)), {}, ValueError, r"shape \(4,\)"),
    (lambda x: x * x, np.ones((4, 3)), {}, ValueError, r"f's result has shape \(None, 3\)"),
    (rosenbrock, np.ones(2), {}, ValueError, r"x0 has shape \(2,\); expected \(N, K\)"),
    (rosenbrock, np.ones((2, 2), np.float16), {}, TypeError, "x0 has dtype float16"),
    (rosenbrock, np.ones((2, 2), int), {}, TypeError, "x has dtype int64"),
    (rosenbrock, A, {"data": [np.ones(3)]}, ValueError, r"data\[0\] has shape \(3,\)"),
    (rosenbrock, A, {"tolerance": -1.0}, ValueError, "tolerance is -1.0"),
    (rosenbrock, A, {"max_iterations": -1}, ValueError, "max_iterations is -1"),
    (rosenbrock, A, {"route": "fast"}, ValueError, "route is 'fast'"),
    (rosenbrock, A, {"coupling": "exact"}, ValueError, "coupling is 'exact'"),
]


def test_what_does_not_fit_is_named(subtests):
    for f, x0, options, error, message in REFUSED:
        with subtests.test(message):
            with pytest.raises(error, match=message):
                bh.minimize_rows(f, x0, **options)


@pytest.mark.full
def test_rows_that_interact_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        bh.minimize_rows(lambda x: tf.reduce_sum(x * tf.cumsum(x, 0), 1) ** 2, np.ones((4, 3)))


def test_data_of_another_number_of_rows_are_refused_when_it_runs():
    @tf.function(input_signature=[tf.TensorSpec([None, 1]), tf.TensorSpec([None, 1])])
    def minimized(x, a):
        return bh.minimize_rows(lambda x, a: tf.reduce_sum((x - a) ** 2, 1), x, data=[a])

    with pytest.raises(tf.errors.InvalidArgumentError, match="data.0. has another number of rows"):
        minimized(tf.fill([2, 1], 2.0), tf.fill([1, 1], 2.0))


@pytest.mark.full
def test_the_value_of_f_may_have_another_floating_type():
    minima = bh.minimize_rows(
        lambda x: tf.cast(tf.reduce_sum((x - 2) ** 2, 1), tf.float64), tf.zeros([3, 2])
    )
    np.testing.assert_allclose(minima.x, np.full((3, 2), 2.0))


def test_another_tolerance_damping_or_number_of_iterations_does_not_trace_f_anew(monkeypatch):
    traced, trace = [], Trace._trace
    monkeypatch.setattr(Trace, "_trace", lambda *a: traced.append(a) or trace(*a))
    f = lambda x: tf.reduce_sum(tf.exp(x) - 2.0 * x, 1)  # noqa: E731
    x0 = tf.zeros([3, 2], tf.float64)
    minima = bh.minimize_rows(f, x0)
    coarse = bh.minimize_rows(f, x0, tolerance=1e-1)
    short = bh.minimize_rows(f, x0, max_iterations=1)
    damped = bh.minimize_rows(f, x0, damping=100.0, max_iterations=3)
    assert len(traced) == 1
    assert np.all(coarse.iterations.numpy() < minima.iterations.numpy())
    assert short.iterations.numpy().tolist() == [1, 1, 1]
    assert short.status.numpy().tolist() == [bh.RowStatus.MAX_ITERATIONS] * 3
    assert np.all(damped.x.numpy() < 0.05)


def test_limits_have_no_derivatives():
    x0 = tf.zeros([2, 1], tf.float64)
    tolerance = tf.constant(1e-9, tf.float64)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(tolerance)
        minima = bh.minimize_rows(
            lambda x: tf.reduce_sum(tf.exp(x) - 2.0 * x, 1), x0, tolerance=tolerance
        )
    assert tape.gradient(minima.x, tolerance) is None
