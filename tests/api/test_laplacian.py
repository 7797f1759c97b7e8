"""The Laplacian by each row: the sum of second derivatives, on every route and in every mode."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

A = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, 0.2], [0.0, 0.4, 1.0]])
ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}
every_route = pytest.mark.parametrize("route", ["fused", "autodiff"])


def density(x):
    return tf.exp(-0.5 * tf.reduce_sum(x * tf.linalg.matvec(tf.constant(A.T, x.dtype), x), -1))


def density_laplacian(x):
    """exp(-q) (u'u - tr S) by hand, S the symmetric part of A, u = S x."""
    S = (A + A.T) / 2
    u = x @ S
    value = np.exp(-0.5 * np.einsum("...i,ij,...j->...", x, S, x))
    return value * ((u * u).sum(-1) - np.trace(S))


@pytest.mark.parametrize("route", ["fused", pytest.param("autodiff", marks=pytest.mark.full)])
def test_it_has_one_number_a_row(route, rng, subtests):
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3), (2, 0, 3)]:
        x = rng.normal(size=shape)
        for coupling in ("check", "exact", "assume_independent"):
            with subtests.test(shape=shape, coupling=coupling):
                f = lambda x: tf.reduce_sum(density(x))  # noqa: E731
                result = bh.laplacian(f, x, route=route, coupling=coupling)
                assert result.shape == shape[:-1] and result.dtype == tf.float64
                np.testing.assert_allclose(result, density_laplacian(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[:, 0] ** 2 - x[:, 1] ** 2,
        lambda x: tf.exp(x[:, 0]) * tf.sin(x[:, 1]),
        lambda x: tf.math.log(tf.reduce_sum(x**2, 1)),
    ],
    ids=["saddle", "exp(x) sin(y)", "potential of a line"],
)
def test_that_of_a_harmonic_function_is_zero(f, rng, subtests):
    x = tf.constant(rng.normal(size=(6, 2)))
    for route in ("auto", "autodiff"):
        with subtests.test(route=route):
            np.testing.assert_allclose(bh.laplacian(f, x, route=route), np.zeros(6), atol=1e-12)


@every_route
def test_it_is_the_layout_trace_of_every_call(route, rng):
    x = rng.normal(size=(4, 3))
    expected = density_laplacian(x)
    np.testing.assert_allclose(bh.hessian(density, x, layout="trace", route=route), expected)
    result = bh.value_grad_hessian(density, x, layout="trace", route=route)
    np.testing.assert_allclose(result.hessian, expected)
    np.testing.assert_allclose(result.value, density(tf.constant(x)))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        placeholder = tf.compat.v1.placeholder(tf.float64, (None, 3))
        (traces,) = bh.hessians(density(placeholder), placeholder, layout="trace", route=route)
        assert traces.shape.as_list() == [None]
        np.testing.assert_allclose(session.run(traces, {placeholder: x}), expected)


@every_route
def test_kept_traces_and_functions_of_unknown_rows_give_the_same(route, rng):
    function = tf.function(
        lambda x: bh.laplacian(density, x, route=route),
        [tf.TensorSpec((None, 3), tf.float64)],
        autograph=False,
    )
    for rows in (4, 4, 4, 5, 6, 0, 1):
        x = rng.normal(size=(rows, 3))
        for result in (bh.laplacian(density, x, route=route), function(x)):
            np.testing.assert_allclose(result, density_laplacian(x), rtol=1e-10)


def test_an_unknown_number_of_columns_is_served_by_the_autodiff_route(rng):
    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float64)], autograph=False)
    def laplacian(x):
        return bh.laplacian(lambda x: tf.reduce_sum(x**3, 1), x)

    x = rng.normal(size=(4, 5))
    np.testing.assert_allclose(laplacian(x), 6 * x.sum(1))


def test_explain_counts_one_number_a_row():
    plan = bh.explain(density, tf.zeros((5, 3)), layout="trace")
    assert (plan.route, plan.layout, plan.bytes_written) == ("fused", "trace", "4 * (N*1)")


def test_rows_that_interact_are_refused_or_exact(rng):
    x = rng.normal(size=(4, 3))

    def centred(x):
        return tf.reduce_sum((x - tf.reduce_mean(x, 0)) ** 2)

    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        bh.laplacian(centred, x)
    exact = bh.laplacian(centred, x, coupling="exact")
    np.testing.assert_allclose(exact, np.full(4, 3 * 2 * (1 - 1 / 4)))


@every_route
def test_narrow_types_agree_to_their_precision(route, rng, subtests):
    wide = rng.uniform(-1, 1, size=(40, 3))
    for dtype, rounding in ROUNDING.items():
        with subtests.test(dtype=dtype):
            x = tf.cast(wide, dtype)
            result = bh.laplacian(density, x, route=route)
            assert result.dtype == dtype
            expected = density_laplacian(tf.cast(x, tf.float64).numpy())
            # The autodiff route computes in the type of x all along.
            tolerance = (2 if route == "fused" else 40) * rounding * np.abs(expected).max()
            result = tf.cast(result, tf.float64)
            np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance)


def test_training_through_it_agrees_with_differences(rng):
    """The loss of a Poisson equation: the Laplacian of a model is to be the right-hand side."""
    x = tf.constant(rng.normal(size=(6, 2)))
    w = tf.Variable(rng.normal(size=2))

    def loss():
        residual = bh.laplacian(lambda x: tf.sin(tf.linalg.matvec(x, w)), x, route="fused") - 1.0
        return tf.reduce_sum(residual**2)

    with tf.GradientTape() as tape:
        total = loss()
    gradient = tape.gradient(total, w)
    for k in range(2):
        step = 1e-6 * np.eye(2)[k]
        w.assign_add(step)
        above = loss()
        w.assign_sub(2 * step)
        below = loss()
        w.assign_add(step)
        np.testing.assert_allclose(gradient[k], (above - below) / 2e-6, rtol=1e-6)
