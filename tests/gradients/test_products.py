"""Products with factors that are zero."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh
from blockhess.routes.autodiff.columns import differentiate

X = [[0.5, 0.7, -1.1, 0.9], [0.5, 0.0, 1.1, 0.9], [0.0, 0.7, 0.0, 0.9], [0.0, 0.0, 0.4, 0.0]]


def curved(y: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sin(y + 0.3), -1)


def cumprod(**options):
    return lambda x: curved(tf.math.cumprod(x, -1, **options))


def on_columns(product):
    """For products along the first axis, over which tf.math has segments."""
    return lambda x: curved(tf.transpose(product(tf.transpose(x))))


CASES = {
    "prod": lambda x: tf.sin(tf.reduce_prod(x, 1)),
    "prod of two axes": lambda x: curved(tf.reduce_prod(tf.reshape(x, [-1, 2, 1, 2]), [1, 2])),
    "cumprod": cumprod(),
    "cumprod, exclusive": cumprod(exclusive=True),
    "cumprod, reverse": cumprod(reverse=True),
    "cumprod, exclusive, reverse": cumprod(exclusive=True, reverse=True),
    "cumprod, inner axis": lambda x: tf.reduce_sum(
        tf.sin(tf.math.cumprod(tf.reshape(x, [-1, 2, 2]), 1)), [1, 2]
    ),
    "segment_prod": on_columns(lambda x: tf.math.segment_prod(x, [0, 2, 2, 2])),
    "unsorted, dropped": on_columns(lambda x: tf.math.unsorted_segment_prod(x, [1, -1, 1, -1], 2)),
    "unsorted, ids of rank 2": lambda x: curved(
        tf.transpose(
            tf.math.unsorted_segment_prod(
                tf.reshape(tf.transpose(x), [2, 2, -1]), [[1, 0], [1, 1]], 2
            )
        )
    ),
}


@pytest.mark.parametrize("f", CASES.values(), ids=CASES.keys())
def test_products_are_right_with_any_number_of_zeros(f):
    check(f, X)


def test_an_axis_of_unknown_size_gives_the_same():
    def f(x):
        return tf.reduce_sum(tf.sin(tf.math.cumprod(x, 1)), 1) + tf.reduce_prod(x, 1)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False)
    def blocks(x):
        return differentiate(f(x), x, layout="dense", coupling="assume_independent")[1]

    x = tf.constant(X, tf.float64)
    np.testing.assert_allclose(blocks(x), bh.hessian(f, x, route="autodiff"), atol=1e-15)


def test_a_long_product_has_no_tensor_of_its_length_cubed():
    K = 64
    x = np.linspace(0.9, 1.1, K)
    x[5] = 0

    @tf.function(autograph=False)
    def blocks(x):
        return differentiate(
            tf.reduce_prod(x, 1), x, layout="dense", coupling="assume_independent"
        )[1]

    others = np.delete(x, 5)
    expected = np.zeros((K, K))
    expected[5] = np.insert(others.prod() / others, 5, 0)
    expected[:, 5] = expected[5]
    np.testing.assert_allclose(blocks(tf.constant(x[np.newaxis]))[0], expected, rtol=1e-12)
    operations = blocks.get_concrete_function(tf.TensorSpec([1, K], tf.float64)).graph
    sizes = [o.shape.num_elements() or 0 for op in operations.get_operations() for o in op.outputs]
    assert max(sizes) <= K * K


def test_products_in_float16():
    x = tf.constant(X, tf.float16)
    blocks = bh.hessian(CASES["prod"], x, route="autodiff")
    expected = bh.hessian(CASES["prod"], tf.cast(x, tf.float64), route="autodiff")
    np.testing.assert_allclose(blocks, expected, atol=2e-3)
