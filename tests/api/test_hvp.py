"""Each block times its own vector: on every route, in every mode, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

A = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, 0.2], [0.0, 0.4, 1.0]])
COUPLINGS = ["check", "exact", "assume_independent"]
ROUNDING = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23}
every_route = pytest.mark.parametrize("route", ["fused", "autodiff"])
routes_in_tiers = pytest.mark.parametrize(
    "route", ["fused", pytest.param("autodiff", marks=pytest.mark.full)]
)


def density(x):
    return tf.exp(-0.5 * tf.reduce_sum(x * tf.linalg.matvec(tf.constant(A.T, x.dtype), x), -1))


def density_product(x, v):
    """exp(-q) ((u'v) u - S v) by hand, S the symmetric part of A, u = S x."""
    S = (A + A.T) / 2
    u = x @ S
    value = np.exp(-0.5 * np.einsum("...i,ij,...j->...", x, S, x))[..., None]
    return value * ((u * v).sum(-1, keepdims=True) * u - v @ S)


def network(x):
    """Two layers; no term of the formula."""
    return tf.reduce_sum(tf.tanh(tf.tanh(x @ tf.constant(A, x.dtype)) @ tf.constant(A, x.dtype)), 1)


def seemingly_coupled(x):
    """No rule proves the rows of the network apart here."""
    return tf.linalg.trace(tf.matmul(tf.tanh(x), x, transpose_b=True))


def forward_over_reverse(f, x, v):
    with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(f(x))
        gradient = tape.gradient(total, x)
    return accumulator.jvp(gradient)


def points(rng, *shape):
    return [rng.normal(size=shape) for _ in range(2)]


@routes_in_tiers
def test_it_has_the_shape_of_x(route, rng, subtests):
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3), (2, 0, 3)]:
        x, v = points(rng, *shape)
        for coupling in COUPLINGS:
            with subtests.test(shape=shape, coupling=coupling):
                f = lambda x: tf.reduce_sum(density(x))  # noqa: E731
                product = bh.hvp(f, x, v, route=route, coupling=coupling)
                assert product.shape == shape and product.dtype == tf.float64
                np.testing.assert_allclose(product, density_product(x, v), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", [network, seemingly_coupled])
def test_that_of_a_network_is_forward_over_reverse(f, rng, subtests):
    x, v = map(tf.constant, points(rng, 200, 3))
    expected = forward_over_reverse(f, x, v)
    for coupling in COUPLINGS:
        with subtests.test(coupling=coupling):
            product = bh.hvp(f, x, v, coupling=coupling)
            np.testing.assert_allclose(product, expected, rtol=1e-10, atol=1e-12)


@every_route
def test_kept_traces_and_functions_of_unknown_rows_give_the_same(route, rng):
    specs = [tf.TensorSpec((None, 3), tf.float64)] * 2
    function = tf.function(lambda x, v: bh.hvp(density, x, v, route=route), specs, autograph=False)
    for rows in (4, 4, 4, 4, 5, 6, 0, 1):
        x, v = points(rng, rows, 3)
        for result in (bh.hvp(density, x, v, route=route), function(x, v)):
            np.testing.assert_allclose(result, density_product(x, v), rtol=1e-10, atol=1e-13)


@every_route
def test_in_a_TF1_graph_it_is_the_same(route, rng):
    x, v = points(rng, 4, 3)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        places = [tf.compat.v1.placeholder(tf.float64, (None, 3)) for _ in range(2)]
        product = bh.hvp(density, *places, route=route)
        assert product.shape.as_list() == [None, 3]
        result = session.run(product, dict(zip(places, (x, v), strict=True)))
        np.testing.assert_allclose(result, density_product(x, v), rtol=1e-10)
        with pytest.raises(tf.errors.InvalidArgumentError, match="v has another shape than x"):
            session.run(product, dict(zip(places, (x, v[:1]), strict=True)))


@pytest.mark.parametrize(
    ("f", "route"),
    [
        (density, "fused"),
        pytest.param(density, "autodiff", marks=pytest.mark.full),
        pytest.param(network, "auto", marks=pytest.mark.full),
    ],
)
def test_gradients_to_x_and_v_of_any_order_agree_with_those_of_dense_blocks(
    f, route, rng, subtests
):
    x, v = map(tf.constant, points(rng, 4, 3))

    def by_blocks(x, v):
        return tf.linalg.matvec(bh.hessian(f, x, coupling="assume_independent"), v)

    @tf.function(autograph=False)
    def gradients(product):
        """First those of the product, then those of the first."""
        with tf.GradientTape() as outer:
            outer.watch([x, v])
            with tf.GradientTape() as inner:
                inner.watch([x, v])
                total = tf.reduce_sum(tf.sin(product(x, v)))
            first = inner.gradient(total, [x, v])
            total = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])
        return [*first, *outer.gradient(total, [x, v])]

    expected = gradients(by_blocks)
    for coupling in COUPLINGS:
        with subtests.test(coupling=coupling):
            ours = gradients(lambda x, v, c=coupling: bh.hvp(f, x, v, route=route, coupling=c))
            for one, other in zip(ours, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)


@routes_in_tiers
def test_the_jacobian_by_a_v_of_zeros_is_the_blocks(route, rng, subtests):
    x = tf.constant(rng.normal(size=(3, 3)))
    v = tf.zeros_like(x)
    for coupling in COUPLINGS:
        with subtests.test(coupling=coupling):
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(v)
                product = bh.hvp(density, x, v, route=route, coupling=coupling)
            jacobian = tape.jacobian(product, v, experimental_use_pfor=False)
            blocks = np.einsum("nknl->nkl", jacobian)
            np.testing.assert_allclose(blocks, bh.hessian(density, x), rtol=1e-10, atol=1e-12)


@every_route
def test_what_f_captures_receives_gradients(route, rng):
    x, v = map(tf.constant, points(rng, 4, 3))
    w = tf.Variable(rng.normal(size=3))

    def gradient(product):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.sin(product(lambda x: tf.sin(tf.linalg.matvec(x, w)), x, v)))
        return tape.gradient(total, w)

    expected = gradient(lambda f, x, v: tf.linalg.matvec(bh.hessian(f, x), v))
    np.testing.assert_allclose(gradient(lambda f, x, v: bh.hvp(f, x, v, route=route)), expected)


@every_route
def test_narrow_types_agree_to_their_precision(route, rng, subtests):
    wide = [rng.uniform(-1, 1, size=(40, 3)) for _ in range(2)]
    for dtype, rounding in ROUNDING.items():
        with subtests.test(dtype=dtype):
            x, v = (tf.cast(t, dtype) for t in wide)
            product = bh.hvp(density, x, v, route=route)
            assert product.dtype == dtype
            expected = density_product(*(tf.cast(t, tf.float64).numpy() for t in (x, v)))
            # The autodiff route computes in the type of x all along.
            tolerance = (2 if route == "fused" else 40) * rounding * np.abs(expected).max()
            product = tf.cast(product, tf.float64)
            np.testing.assert_allclose(product, expected, rtol=0, atol=tolerance)


@every_route
def test_a_constant_and_a_linear_f_give_zeros(route, rng):
    x, v = points(rng, 4, 3)
    for f in (lambda x: tf.reduce_sum(tf.stop_gradient(x)), lambda x: tf.reduce_sum(2 * x)):
        np.testing.assert_array_equal(bh.hvp(f, x, v, route=route), np.zeros((4, 3)))


BAD = {
    "another dtype": (
        np.zeros((4, 3), np.float32), TypeError, "v has dtype float32; expected float64, that of x"
    ),
    "other rows": (
        np.zeros((1, 3)), ValueError, r"v has shape \(1, 3\); expected \(4, 3\), that of x"
    ),
    "another rank": (np.zeros(3), ValueError, r"v has shape \(3,\); expected \(4, 3\), that of x"),
    "no tensor": (object(), TypeError, "v cannot be made a tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_v_that_does_not_fit_x_is_refused(name):
    v, error, message = BAD[name]
    with pytest.raises(error, match=message):
        bh.hvp(density, np.zeros((4, 3)), v)


@every_route
def test_a_v_whose_shape_turns_out_another_is_refused(route, rng):
    """With three axes v would have as many numbers as x."""
    for shape in ((None, 3), (None, None, 3)):
        function = tf.function(
            lambda x, v: bh.hvp(density, x, v, route=route),
            [tf.TensorSpec(shape, tf.float64)] * 2,
            autograph=False,
        )
        for of_x, of_v in (((2, 4), (4, 2)), ((3, 1), (1, 1))):
            x, v = rng.normal(size=(*of_x, 3)), rng.normal(size=(*of_v, 3))
            if len(shape) == 2:
                x, v = x[:, 0], v[:, 0]
            with pytest.raises(tf.errors.InvalidArgumentError, match="v has another shape than x"):
                function(x, v)
