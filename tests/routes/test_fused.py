"""Every function of the table takes the fused route, everywhere, and its blocks are right."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from fused_cases import CASES, Case, K, N, Parameters, parameters, reference

import blockhess as bh

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


def close(actual: np.ndarray, expected: np.ndarray, dtype: str) -> bool:
    scale = np.max(np.abs(expected))
    return np.max(np.abs(actual - expected)) <= TOLERANCE[dtype] * (scale if scale > 0 else 1.0)


def eager_results(case: Case, dtype: str) -> bh.ValueGradHessian:
    x, p = tf.constant(case.x(dtype)), parameters(dtype)
    return bh.value_grad_hessian(lambda x: case.f(x, p), x, route="fused")


def blocks_of_unknown_rows(case: Case) -> tf.Tensor:
    routes = set()

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, K), tf.float64)])
    def blocks(x):
        f = lambda x: case.f(x, parameters("float64"))  # noqa: E731
        routes.add(bh.explain(f, x).route)
        return bh.hessian(f, x)

    result = blocks(tf.constant(case.x("float64")))
    assert routes == {"fused"}
    return result


def blocks_in_a_TF1_graph(case: Case) -> np.ndarray:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, K))
        (blocks,) = bh.hessians(case.f(x, Parameters("float64")), x, route="fused")
        session.run(tf.compat.v1.global_variables_initializer())
        return session.run(blocks, {x: case.x("float64")})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_way_to_call_it_is_fused_and_right(case: Case, subtests):
    value, gradient, hessian = reference(case)
    for dtype in TOLERANCE:
        with subtests.test("eager", dtype=dtype):
            result = eager_results(case, dtype)
            assert result.value.shape == value.shape and result.hessian.dtype == dtype
            assert close(result.value.numpy(), value, dtype)
            assert close(result.gradient.numpy(), gradient, dtype)
            assert close(result.hessian.numpy(), hessian, dtype)
    with subtests.test("under tf.function with unknown N"):
        assert close(blocks_of_unknown_rows(case).numpy(), hessian, "float64")
    if not case.keras_object:
        with subtests.test("in a TF1 graph"):
            assert close(blocks_in_a_TF1_graph(case), hessian, "float64")


X1 = np.array([[0.3], [-1.2], [2.0]])
A1, A1_PER_ROW = (
    tf.constant([[2.5]], tf.float64),
    tf.constant([[[2.0]], [[3.0]], [[-1.0]]], tf.float64),
)
a, x1 = np.array([2.0, 3.0, -1.0]), X1[:, 0]


@pytest.mark.parametrize(
    "f, expected",
    [
        (lambda x: 0.5 * tf.reduce_sum(x * (x @ A1), 1), np.full(3, 2.5)),
        (lambda x: tf.einsum("ni,ij,nj->n", x, A1, x), np.full(3, 5.0)),
        (lambda x: 0.5 * tf.reduce_sum(x * tf.linalg.matvec(A1_PER_ROW, x), 1), a),
        (
            lambda x: tf.exp(-0.5 * tf.reduce_sum(x * (x @ A1), 1)),
            (6.25 * x1**2 - 2.5) * np.exp(-1.25 * x1**2),
        ),
        (
            lambda x: tf.nn.softplus(tf.linalg.matvec(x, A1[0])),
            6.25 / (2 * np.cosh(1.25 * x1)) ** 2,
        ),
    ],
    ids=["quadratic", "einsum", "a matrix per row", "a link", "a linear part"],
)
def test_with_one_column_a_matrix_is_a_number_and_fused(f, expected):
    blocks = bh.hessian(f, X1, route="fused")
    np.testing.assert_allclose(blocks[:, 0, 0], expected, rtol=1e-12)


def test_the_logarithm_of_a_sum_of_exponentials_does_not_overflow():
    x = tf.constant([[90.0, 88.0, -3.0], [-200.0, -201.0, -300.0], [60.0, 1.0, 0.0]])
    spelled = bh.hessian(lambda x: tf.math.log(tf.reduce_sum(tf.exp(x), 1)), x, route="fused")
    np.testing.assert_array_equal(
        spelled, bh.hessian(lambda x: tf.reduce_logsumexp(x, 1), x, route="fused")
    )
    p = tf.nn.softmax(tf.cast(x, tf.float64)).numpy()
    truth = p[:, :, None] * np.eye(3) - p[:, :, None] * p[:, None, :]
    np.testing.assert_allclose(spelled, truth, atol=1e-6)


@pytest.mark.parametrize(
    "function, route",
    [
        (lambda first, second, d, r: tf.exp(first + d * second), "autodiff"),
        (lambda first, second, d, r: tf.exp(first + r * second), "autodiff"),
        (lambda first, second, d, r: r * tf.nn.softplus(first + d * second), "autodiff"),
        (lambda first, second, d, r: (first + d * second) ** 2, "autodiff"),
        (lambda first, second, d, r: d * tf.exp(first + 2 * second), "fused"),
    ],
    ids=["a sum", "a sum by row", "a weighted sum", "a square", "outside of the function"],
)
def test_a_parameter_that_varies_over_cells_made_of_one_stays_within_their_sum(
    function, route, subtests
):
    """A column of x spread over cells of a width of its own, that of x or another one."""
    random = np.random.default_rng(3)
    x = tf.constant(random.normal(size=(N, K)))
    for cells in (K, K + 3):
        d, r = tf.constant(random.normal(size=cells)), tf.constant(random.normal(size=(N, cells)))

        @tf.function(autograph=False)
        def ours_and_theirs(x, d=d, r=r):
            def f(x):
                return tf.reduce_sum(function(x[:, :1], x[:, 1:2], d, r), 1)

            taken = bh.explain(f, x).route
            hessian = tf.hessians(tf.reduce_sum(f(x)), x)[0]
            return taken, bh.value_grad_hessian(f, x), f(x), hessian

        with subtests.test(cells=cells):
            taken, result, value, hessian = ours_and_theirs(x)
            assert taken.numpy() == route.encode()
            assert close(result.value.numpy(), value.numpy(), "float64")
            assert close(result.hessian.numpy(), np.einsum("nknl->nkl", hessian), "float64")


def test_what_is_chosen_at_a_single_point_is_no_slope(subtests):
    """Against closed forms at cells of 0; TensorFlow's own slopes are those of the constant."""
    y = tf.constant([[2.0, 3.0, 0.5]], tf.float64)
    log_y, none = np.log(y.numpy()[0]), np.full(3, np.nan)
    where, zeros = tf.where, tf.zeros_like
    rows = {
        "where": (lambda x: where(x == 0, zeros(x), tf.exp(x)), np.ones(3), np.ones(3)),
        "where, 0 / 0": (lambda x: where(x == 0, tf.ones_like(x), tf.sin(x) / x), none, none),
        "xlogy": (lambda x: tf.math.xlogy(x, y), log_y, np.zeros(3)),
        "xlogy of x twice": (lambda x: tf.math.xlogy(x, x), np.zeros(3), np.zeros(3)),
        "xlog1py": (lambda x: tf.math.xlog1py(x, x), np.zeros(3), np.full(3, 2.0)),
        "xdivy": (lambda x: tf.math.xdivy(x, tf.exp(x)), np.ones(3), np.full(3, -2.0)),
        "divide_no_nan": (lambda x: tf.math.divide_no_nan(tf.sin(x), x), np.zeros(3), np.zeros(3)),
    }
    for name, (f, slope, curvature) in rows.items():
        with subtests.test(name):
            result = bh.value_grad_hessian(
                lambda x, f=f: tf.reduce_sum(f(x), 1), zeros(y), layout="diag", route="fused"
            )
            np.testing.assert_allclose(result.gradient[0], slope, rtol=1e-15)
            np.testing.assert_allclose(result.hessian[0], curvature, rtol=1e-15)


def test_the_slope_of_xlogy_at_zero_has_its_derivative_by_the_other_argument():
    x, rates = tf.constant([[0.0, 1.5]], tf.float64), tf.Variable([[2.0, 4.0]], dtype=tf.float64)
    with tf.GradientTape() as tape:
        slope = bh.value_grad_hessian(
            lambda x: tf.reduce_sum(tf.math.xlogy(x, rates), 1), x, route="fused"
        ).gradient
    np.testing.assert_allclose(tape.gradient(slope, rates), 1 / rates.numpy(), rtol=1e-15)


def test_a_row_that_choices_make_zero_has_no_slope(subtests):
    """The first row is below zero, where f is constant; the others are in closed form."""
    x = tf.constant([[-1.0, -2.0, -0.5], [3.0, -1.0, 4.0], [np.nan, -1.0, -2.0]], tf.float64)
    direction = np.array([0.6, 0.0, 0.8])
    of_norm = (np.diag([1.0, 0.0, 1.0]) - np.outer(direction, direction)) / 5
    sum_of_roots = np.diag([-0.25 / 3**1.5, 0.0, -0.25 / 4**1.5])
    root_of_sum = -0.25 / 7**1.5 * np.outer([1, 0, 1], [1, 0, 1])
    relu, total = tf.nn.relu, lambda x: tf.reduce_sum(x, 1)
    rows = {
        "sqrt(sum(relu**2))": (lambda x: tf.sqrt(total(relu(x) ** 2)), of_norm),
        "norm(relu)": (lambda x: tf.norm(relu(x), axis=1), of_norm),
        "norm(max)": (lambda x: tf.norm(tf.maximum(x, 0.0), axis=1), of_norm),
        "sqrt(sum(relu))": (lambda x: tf.sqrt(total(relu(x))), root_of_sum),
        "sum(sqrt(relu))": (lambda x: total(tf.sqrt(relu(x))), sum_of_roots),
        "sum(sqrt(relu exp / exp))": (
            lambda x: total(tf.sqrt(relu(x) * tf.exp(x) / tf.exp(x))),
            sum_of_roots,
        ),
    }
    for name, (f, expected) in rows.items():
        with subtests.test(name):
            _, gradient, blocks = bh.value_grad_hessian(f, x, route="fused")
            np.testing.assert_array_equal(blocks[0], np.zeros((3, 3)))
            np.testing.assert_array_equal(gradient[0], np.zeros(3))
            np.testing.assert_allclose(blocks[1], expected, atol=1e-15)
            assert np.isnan(gradient[2]).any()
            product = bh.hvp(f, x, tf.ones_like(x), route="fused")
            np.testing.assert_allclose(product[:2], np.sum(blocks[:2], -1), atol=1e-15)
            assert bh.laplacian(f, x, route="fused")[0] == 0
