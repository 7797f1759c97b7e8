"""Blocks within TensorFlow's transformations of functions and of data."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from term_cases import CASES

N, K = 4, 3
in_both_modes = pytest.mark.parametrize(
    "mode", [lambda f: f, lambda f: tf.function(f, autograph=False)], ids=["eager", "graph"]
)


def points(rng, *rows: int) -> tf.Tensor:
    return tf.constant(rng.normal(size=(*rows, K)))


def cubes(x):
    """Its blocks are diag(6 x)."""
    return tf.reduce_sum(x**3, -1)


def assert_close(one, other, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@in_both_modes
def test_map_fn_gives_the_blocks_of_each_element(mode, rng):
    x = points(rng, 5, N)
    blocks = mode(lambda x: tf.map_fn(lambda x: bh.hessian(cubes, x, layout="diag"), x))
    assert_close(blocks(x), 6 * x)


@in_both_modes
def test_newtons_method_in_a_while_loop_finds_the_minimum_and_its_derivative(mode, rng):
    """The minimum of sum(exp(x - a) - x) is at x = a."""

    def minimum(a):
        def step(i, x):
            _, g, H = bh.value_grad_hessian(lambda x: tf.reduce_sum(tf.exp(x - a) - x, 1), x)
            return i + 1, x - tf.linalg.solve(H, g[:, :, None])[:, :, 0]

        with tf.GradientTape() as tape:
            tape.watch(a)
            _, x = tf.while_loop(lambda i, x: i < 12, step, (0, tf.zeros_like(a)))
        return x, tape.gradient(x, a)

    a = tf.tanh(points(rng, N))
    x, derivative = mode(minimum)(a)
    assert_close(x, a)
    assert_close(derivative, tf.ones_like(a))


@in_both_modes
@pytest.mark.parametrize("taken", [True, False])
def test_a_cond_differentiates_the_blocks_of_the_branch_taken(mode, taken, rng):
    def blocks_and_gradient(x, taken):
        with tf.GradientTape() as tape:
            tape.watch(x)
            blocks = tf.cond(
                taken,
                lambda: bh.hessian(cubes, x, layout="diag"),
                lambda: bh.hessian(lambda x: tf.reduce_sum(x**4, 1), x, layout="diag"),
            )
        return blocks, tape.gradient(blocks, x)

    x = points(rng, N)
    expected = (6 * x, 6 * tf.ones_like(x)) if taken else (12 * x**2, 24 * x)
    for one, other in zip(mode(blocks_and_gradient)(x, tf.constant(taken)), expected, strict=True):
        assert_close(one, other)


@in_both_modes
def test_recompute_grad_of_blocks_has_their_gradient(mode, rng):
    def gradient(x):
        blocks = tf.recompute_grad(lambda x: bh.hessian(cubes, x, layout="diag") ** 2)
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = blocks(x)
        return tape.gradient(result, x)

    x = points(rng, N)
    assert_close(mode(gradient)(x), 72 * x)


@in_both_modes
def test_a_function_under_recompute_grad_has_its_blocks(mode, rng):
    x = points(rng, N)
    recomputed = tf.recompute_grad(cubes)
    blocks = mode(lambda x: bh.hessian(recomputed, x, layout="diag", route="fused"))
    assert_close(blocks(x), 6 * x)


@in_both_modes
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_forward_mode_derivatives_are_differences(mode, case, rng):
    x = points(rng, N)
    t = {name: tf.constant(value) for name, value in case.tensors(rng, N, K).items()}
    primals = [x, *t.values()]
    tangents = [tf.constant(rng.normal(size=p.shape)) for p in primals]

    def outputs(primals):
        x, *operands = primals
        terms = case.terms(dict(zip(t, operands, strict=True)))
        return list(bh.ops.terms(x, terms, want_value=True, want_gradient=True))

    def jvp(primals, tangents):
        with tf.autodiff.ForwardAccumulator(primals, tangents) as accumulator:
            results = outputs(primals)
        return [accumulator.jvp(r) for r in results]

    step = 1e-5
    ahead, behind = (
        outputs([p + sign * step * v for p, v in zip(primals, tangents, strict=True)])
        for sign in (1, -1)
    )
    for one, plus, minus in zip(mode(jvp)(primals, tangents), ahead, behind, strict=True):
        assert_close(one, (plus - minus) / (2 * step), 1e-6)


@in_both_modes
def test_a_parallel_map_of_a_data_set_gives_the_blocks_of_each_batch(mode, rng):
    x = points(rng, 20, N)

    def blocks(x):
        rows = tf.data.Dataset.from_tensor_slices(x)
        mapped = rows.map(lambda x: bh.hessian(cubes, x, layout="diag"), num_parallel_calls=4)
        return mapped.batch(20).get_single_element()

    assert_close(mode(blocks)(x), 6 * x)


@in_both_modes
def test_the_values_of_a_ragged_tensor_are_rows(mode, rng):
    x = points(rng, 6)

    def blocks(x):
        ragged = tf.RaggedTensor.from_row_lengths(x, [2, 0, 3, 1])
        return ragged.with_values(bh.hessian(cubes, ragged.values, layout="diag"))

    assert_close(mode(blocks)(x)[2], 6 * x[2:5])
    assert mode(blocks)(x).row_lengths().numpy().tolist() == [2, 0, 3, 1]


@tf.custom_gradient
def in_disguise(x):
    """x**2, but with the gradient x**3: its blocks are diag(3 x**2)."""
    return tf.square(x), lambda cotangent: cotangent * x**3


def shadowing_a_true_gradient():
    """One that holds tf.nn.silu, whose own custom gradient is looked through."""
    known = tf.nn.silu

    @tf.custom_gradient
    def function(x):
        return known(x), lambda cotangent: cotangent * (x**3 + 0 * known(x))

    return function


DISGUISES = {
    "as it is": in_disguise,
    "in a function": tf.function(in_disguise, autograph=False),
    "beside the gradient of silu": shadowing_a_true_gradient(),
}


@in_both_modes
@pytest.mark.parametrize("function", DISGUISES.values(), ids=DISGUISES)
def test_a_custom_gradient_inside_f_counts_and_not_the_function(mode, function, rng):
    def f(x):
        return tf.reduce_sum(function(x), 1)

    x = points(rng, N)
    assert_close(mode(lambda x: bh.hessian(f, x, layout="diag"))(x), 3 * x**2)
    with pytest.raises(ValueError, match="custom gradient"):
        mode(lambda x: bh.hessian(f, x, route="fused"))(x)


def test_a_custom_gradient_may_hold_a_name_without_a_value():
    def square(negated):
        if negated:
            sign = -1.0

        @tf.custom_gradient
        def op(x):
            return x * x, lambda dy: (sign if negated else 2.0) * dy * x

        return op

    blocks = bh.hessian(lambda x: tf.reduce_sum(square(False)(x)), tf.ones((2, 3)))
    np.testing.assert_array_equal(blocks, np.broadcast_to(2 * np.eye(3), (2, 3, 3)))


@in_both_modes
def test_a_custom_gradient_under_recompute_grad_counts(mode, rng):
    function, x = tf.recompute_grad(in_disguise), points(rng, N)
    blocks = mode(lambda x: bh.hessian(lambda x: tf.reduce_sum(function(x), 1), x))(x)
    assert_close(blocks, tf.linalg.diag(3 * x**2))


@in_both_modes
def test_a_custom_gradient_of_what_f_captures_is_the_one_that_a_training_step_gets(mode, rng):
    def gradient(x, w):
        with tf.GradientTape() as tape:
            tape.watch(w)
            f = lambda x: tf.reduce_sum(in_disguise(w) * x**2, 1)  # noqa: E731
            blocks = bh.hessian(f, x, layout="diag", route="fused")
        return tape.gradient(blocks, w)

    x, w = points(rng, N), tf.constant(rng.normal(size=K))
    assert_close(mode(gradient)(x, w), 2 * N * w**3)
