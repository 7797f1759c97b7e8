"""Blocks that are not symmetric are an error of the autodiff route."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.gradients import is_trusted
from blockhess.routes.autodiff.symmetry import symmetric

checked = tf.function(lambda blocks: symmetric(blocks, "f"), autograph=False)
X = tf.constant([[0.5, -0.7, 1.1], [-0.4, 0.2, 0.9]], tf.float64)


@tf.custom_gradient
def with_a_wrong_gradient(x):
    """x0 x1 with a gradient that is that of no function."""
    return x[:, 0] * x[
        :, 1
    ], lambda up: up[:, None] * tf.stack([x[:, 1], 2 * x[:, 0], tf.zeros_like(x[:, 0])], 1)


def test_a_gradient_that_is_none_is_an_error_with_the_number_of_rows():
    with pytest.raises(tf.errors.InvalidArgumentError, match="not symmetric"):
        bh.hessian(with_a_wrong_gradient, X, coupling="assume_independent")


def test_under_XLA_which_drops_errors_such_blocks_are_NaN():
    @tf.function(jit_compile=True, autograph=False)
    def blocks(x):
        return bh.hessian(with_a_wrong_gradient, x, coupling="assume_independent")

    assert np.isnan(blocks(X)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_only_what_is_symmetric_to_rounding_passes(dtype):
    rng = np.random.default_rng(7)
    blocks = rng.normal(size=(50, 4, 4))
    blocks = tf.cast(blocks + blocks.transpose(0, 2, 1), dtype)
    np.testing.assert_array_equal(checked(blocks), blocks)
    changed = np.array(blocks)
    changed[17, 2, 1] += 2 if blocks.dtype.size > 2 else 20
    with pytest.raises(tf.errors.InvalidArgumentError, match="not symmetric"):
        checked(tf.constant(changed))


def test_NaN_and_infinite_blocks_prove_nothing():
    blocks = np.ones((3, 2, 2))
    blocks[1, 0, 1], blocks[2, 0, 1] = np.nan, np.inf
    np.testing.assert_array_equal(checked(tf.constant(blocks)), blocks)


def test_a_block_of_rounding_beside_one_of_numbers_proves_nothing():
    blocks = np.array([[[1.0, 2], [2, 1]], [[0, 1e-15], [-1e-15, 0]]])
    np.testing.assert_array_equal(checked(tf.constant(blocks)), blocks)


def test_a_classifier_that_is_sure_of_rows_has_blocks():
    rng = np.random.default_rng(3)
    W, V = rng.normal(size=(6, 16)), 10 * rng.normal(size=(16, 5))

    def f(x):
        logits = tf.tanh(x @ tf.constant(W, x.dtype)) @ tf.constant(V, x.dtype)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(logits, 1), logits)

    x = rng.normal(size=(100, 6))
    expected = bh.hessian(f, tf.constant(x), coupling="assume_independent").numpy()
    is_sure = np.abs(expected).max((1, 2)) < 1e-6
    assert is_sure.sum() > 10
    actual = bh.hessian(f, tf.constant(x[is_sure], tf.float32), coupling="assume_independent")
    np.testing.assert_allclose(actual, expected[is_sure], atol=1e-4)


CONSTANT = {
    "normalized": lambda x: tf.reduce_sum((x / tf.norm(x, axis=1, keepdims=True)) ** 2, 1),
    "inverse": lambda x: tf.linalg.trace(tf.linalg.inv(square(x)) @ square(x)),
    "determinants": lambda x: tf.math.log(
        tf.linalg.det(tf.linalg.inv(square(x))) * tf.linalg.det(square(x))
    ),
    "standardized": lambda x: tf.reduce_mean(standardized(x) ** 2, 1),
    "products": lambda x: tf.math.cumprod(tf.exp(x), 1)[:, -1] * tf.exp(-tf.reduce_sum(x, 1)),
}


def square(x):
    return tf.reshape(x, (-1, 2, 2)) + 2 * tf.eye(2, dtype=x.dtype)


def standardized(x):
    mean, variance = tf.nn.moments(x, [1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance)


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_that_are_constant_but_for_rounding_have_blocks(name, dtype):
    x = tf.constant(np.random.default_rng(1).normal(size=(200, 4)), dtype)
    blocks = bh.hessian(CONSTANT[name], x, route="autodiff", coupling="assume_independent")
    assert np.abs(blocks).max() < 1e5 * np.finfo(dtype).eps


def test_unknown_sizes_and_no_rows():
    unknown = checked.get_concrete_function(tf.TensorSpec([None, None, None], tf.float32))
    for shape in ((0, 3, 3), (2, 0, 0), (4, 1, 1)):
        assert unknown(tf.zeros(shape)).shape == shape


def test_nothing_is_checked_of_what_is_made_of_audited_operations():
    def trusted(f) -> bool:
        found = []

        @tf.function(autograph=False)
        def trace(x):
            found.append(is_trusted(f(x), [x]))

        trace.get_concrete_function(X)
        return found[0]

    assert trusted(lambda x: tf.reduce_sum(tf.tanh(tf.nn.relu(x) @ tf.ones((3, 2), tf.float64)), 1))
    assert not trusted(with_a_wrong_gradient)
    assert trusted(lambda x: tf.reduce_prod(tf.math.cumprod(x, 1), 1))
    assert not trusted(lambda x: tf.map_fn(lambda row: tf.reduce_sum(row**3), x))
