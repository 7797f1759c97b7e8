"""An x of 16 bits: the fused route computes in float32, the autodiff route as f does."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from fused_cases import CASES, Case, K, N, parameters, reference

import blockhess as bh

# Half a unit in the last place, in units of the value.
ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}
# TensorFlow has no kernels of these for 16 bits.
WIDE_ALONE = {"lgamma", "digamma", "polygamma"}
# These hold constants that 16 bits round, 0.1 or 1 / 3, or what f itself computes in 16 bits.
ROUNDED_WITHIN = {
    *("pow with x above", "tf.nn.gelu", "tf.nn.gelu approximate", "keras.activations.gelu"),
    *("LogCosh", "2.5-norm", "3-norm", "a mean with a ridge penalty", "stop_gradient"),
}
every_dtype = pytest.mark.parametrize("dtype", ROUNDING)
types_in_tiers = pytest.mark.parametrize(
    "dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.full)]
)


@pytest.mark.full
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if not case.keras_object and case.name not in WIDE_ALONE],
    ids=lambda case: case.name,
)
def test_what_is_fused_is_right_up_to_the_rounding_of_the_result(case: Case, subtests):
    for dtype, rounding in ROUNDING.items():
        with subtests.test(dtype=dtype):
            x, p = tf.constant(case.x(dtype)), parameters(dtype)
            result = bh.value_grad_hessian(lambda x, p=p: case.f(x, p), x, route="fused")
            assert result.gradient.dtype == result.hessian.dtype == x.dtype
            for actual, expected in zip(result, reference(case), strict=True):
                error = np.abs(tf.cast(actual, tf.float64) - expected)
                scale = np.max(np.abs(expected), initial=0)
                if case.name in ROUNDED_WITHIN:
                    assert np.all(error <= 8 * rounding * scale)
                else:
                    rounded = 1.01 * rounding * np.abs(expected)
                    assert np.all(error <= rounded + 1e-5 * scale + 1e-7)


def network(x: tf.Tensor) -> tf.Tensor:
    w = tf.constant(np.linspace(-1, 1, K * K).reshape(K, K), x.dtype)
    return tf.reduce_sum(tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, w)), w)), 1)


def points(dtype: str, rows: int = N) -> tf.Tensor:
    return tf.cast(np.random.default_rng(3).normal(size=(rows, K)), dtype)


@every_dtype
def test_the_autodiff_route_computes_in_the_type_of_x(dtype: str):
    x = points(dtype)
    assert bh.explain(network, x).route == "autodiff"
    value, gradient, blocks = bh.value_grad_hessian(network, x)
    assert value.dtype == gradient.dtype == blocks.dtype == x.dtype
    expected = bh.hessian(network, tf.cast(x, tf.float64))
    error = np.max(np.abs(tf.cast(blocks, tf.float64) - expected))
    assert 0 < error < 16 * ROUNDING[dtype] * np.max(np.abs(expected))


def check_refusals(f, xs, subtests, **combination) -> None:
    """In one trace of unknown N."""
    blocks = tf.function(
        lambda x: bh.hessian(f, x),
        [tf.TensorSpec((None, xs[0].shape[-1]), xs[0].dtype)],
        autograph=False,
    )
    for x in xs:
        with subtests.test(**combination, rows=x.shape[0]):
            with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                blocks(x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.reduce_sum(x) ** 2 / 8,
        lambda x: tf.reduce_sum((x - tf.reduce_mean(x, 0)) ** 2),
        lambda x: tf.reduce_sum(tf.nn.softmax(x, axis=0) ** 2),
    ],
    ids=["square of the sum", "centred", "softmax over rows"],
)
@types_in_tiers
def test_rows_that_interact_are_refused(f, dtype: str, subtests):
    xs = [points(dtype, rows) for rows in (2, 10, 100)]
    check_refusals(f, xs, subtests, x=dtype)
    # Mixed precision: only f computes in 16 bits.
    wide = [tf.cast(x, tf.float32) for x in xs]
    check_refusals(lambda x: f(tf.cast(x, dtype)), wide, subtests, x="float32")


@types_in_tiers
def test_rows_that_interact_weakly_are_refused(dtype: str, subtests):
    def neighbours(x):
        return tf.reduce_sum(x * x) + 0.2 * tf.reduce_sum(x * tf.roll(x, 1, 0))

    sizes = (2, 3, 4, 5, 8)
    check_refusals(neighbours, [tf.ones((rows, 2), dtype) for rows in sizes], subtests, x="ones")
    check_refusals(neighbours, [points(dtype, rows) for rows in sizes], subtests, x="random")


def test_rows_whose_interaction_overflows_float16_are_refused(subtests):
    def ends(x):
        x = tf.cast(x, tf.float16)
        return tf.reduce_sum(x * x) + 3e4 * tf.reduce_sum(x[0] * x[-1])

    for outer in ("float16", "float32"):
        xs = [tf.fill((rows, 2), tf.constant(0.01, outer)) for rows in (3, 6)]
        check_refusals(ends, xs, subtests, x=outer)


def test_a_row_that_overflows_float16_by_itself_spoils_no_other():
    def seemingly(x):
        return tf.linalg.trace(tf.matmul(x * x, x * x, transpose_b=True))

    x = tf.constant([[1.0, 2.0], [240.0, 1.0], [0.5, 1.0]], tf.float16)
    blocks = tf.cast(bh.hessian(seemingly, x, layout="diag", route="autodiff"), tf.float64)
    assert not np.isfinite(blocks[1, 0])
    np.testing.assert_array_equal(tf.gather(blocks, [0, 2]), [[12, 48], [3, 12]])


@every_dtype
def test_rows_that_only_seem_to_interact_are_left_in_peace(dtype: str):
    """No rule proves them apart, and rounding makes products differ."""

    def seemingly(x):
        return tf.linalg.trace(tf.matmul(tf.tanh(x), x, transpose_b=True))

    x = points(dtype, 50)
    for f, at in ((seemingly, x), (lambda x: seemingly(tf.cast(x, dtype)), tf.cast(x, tf.float32))):
        blocks = tf.cast(bh.hessian(f, at), tf.float64)
        expected = bh.hessian(seemingly, tf.cast(x, tf.float64))
        assert np.max(np.abs(blocks - expected)) < 16 * ROUNDING[dtype] * np.max(np.abs(expected))


@every_dtype
@pytest.mark.parametrize("outer", ["float32", "float64"])
def test_casts_within_f_are_fused(outer: str, dtype: str):
    """As mixed precision casts x and variables; f's own rounding is not computed."""
    x = tf.cast(points(dtype), outer)
    w = tf.Variable(tf.cast(tf.cast(np.linspace(-1, 1, K * K).reshape(K, K), dtype), outer))

    def density(x, w):
        return tf.exp(-0.5 * tf.reduce_sum(tf.square(tf.matmul(x, w)), 1))

    def mixed(x):
        return tf.cast(density(tf.cast(x, dtype), tf.cast(w, dtype)), outer)

    def results(f):
        with tf.GradientTape() as tape:
            blocks = bh.hessian(f, x, route="fused")
            total = tf.reduce_sum(tf.sin(blocks))
        return blocks, tape.gradient(total, w)

    blocks, gradient = results(mixed)
    expected, expected_gradient = results(lambda x: density(x, w))
    assert blocks.dtype == gradient.dtype == outer
    np.testing.assert_allclose(blocks, expected, rtol=1e-5, atol=1e-6)
    # A cast's own gradient is rounded, and so are sums of them.
    np.testing.assert_allclose(
        gradient, expected_gradient, atol=8 * ROUNDING[dtype] * np.max(np.abs(expected_gradient))
    )


@every_dtype
def test_all_axes_but_the_last_are_rows(dtype: str, subtests):
    A = tf.constant(np.linspace(0, 1, K * K).reshape(K, K), dtype)

    def quadratic(x):
        return 0.5 * tf.reduce_sum(tf.einsum("...i,ij,...j->...", x, A, x))

    for shape in ((K,), (2, 3, K)):
        with subtests.test(shape=shape):
            blocks = bh.hessian(quadratic, tf.ones(shape, dtype), route="fused")
            S = tf.cast(A + tf.transpose(A), tf.float64) / 2
            assert blocks.dtype == dtype and blocks.shape == (*shape, K)
            error = tf.cast(blocks, tf.float64) - np.broadcast_to(S, blocks.shape)
            assert np.max(np.abs(error)) <= 2 * ROUNDING[dtype]


def test_a_cast_to_a_wider_type_than_that_of_x_is_not_fused():
    plan = bh.explain(lambda x: tf.reduce_sum(tf.cast(x, tf.float64) ** 3), points("float32"))
    assert plan.route == "autodiff"


@every_dtype
def test_gradients_of_blocks_reach_x_and_what_f_captures(dtype: str):
    x, w = points(dtype), tf.Variable(np.ones(K), dtype=dtype)

    def gradients(x, w):
        with tf.GradientTape() as tape:
            tape.watch(x)
            blocks = bh.hessian(lambda x: tf.reduce_sum(tf.sin(w * x), 1), x, layout="diag")
            total = tf.reduce_sum(tf.cast(blocks, tf.float64))
        return tape.gradient(total, [x, w])

    x64 = tf.cast(x, tf.float64)
    expected = -np.cos(x64), np.sum(-2 * np.sin(x64) - x64 * np.cos(x64), 0)
    for actual, exactly in zip(gradients(x, w), expected, strict=True):
        assert actual.dtype == x.dtype
        np.testing.assert_allclose(tf.cast(actual, tf.float64), exactly, atol=8 * ROUNDING[dtype])


def test_a_TF1_graph():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.bfloat16, (None, K))
        (blocks,) = bh.hessians(tf.reduce_sum(x**3), x, layout="diag", route="fused")
        actual = session.run(blocks, {x: np.ones((2, K))})
    np.testing.assert_array_equal(actual.astype(np.float32), np.full((2, K), 6))
