"""On values of 16 bits the ops compute in float32 and round what they return."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e

N, K = 7, 3
X, S, A = map(e.Variable, "xsa")

every_dtype = pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16], ids=lambda d: d.name)
compiled = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")
every_way = pytest.mark.parametrize(
    "way",
    [
        lambda call: call,
        lambda call: tf.function(call, autograph=False),
        pytest.param(
            lambda call: tf.function(call, autograph=False, jit_compile=True), marks=compiled
        ),
    ],
    ids=["eager", "graph", "XLA"],
)


def terms_of(matrix, a):
    return [
        bh.ops.Term(e.sin(A * X), ((A, a),), matrix, None, e.exp(-0.25 * S), ()),
        bh.ops.Term(e.square(X), (), None, a, S, ()),
    ]


def forward_and_backward(x, matrix, a):
    outputs = bh.ops.terms(x, terms_of(matrix, a), want_value=True, want_gradient=True)
    value, gradient, hessian = outputs
    x_bar, bars = bh.ops.terms_vjp(
        x, terms_of(matrix, a), value=value, gradient=gradient, hessian=hessian
    )
    mapped = bh.ops.map([e.exp(A) * X, A], {X: x, A: a[0]})
    return outputs, x_bar, bars, mapped


def close(actual, expected) -> None:
    for narrow, wide in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        if narrow is None:
            assert wide is None
            continue
        rounded = tf.cast(wide, narrow.dtype)
        # One rounding, whatever the last bits of float32 are.
        error = np.abs(tf.cast(narrow, tf.float32) - tf.cast(rounded, tf.float32))
        step = 2.0 ** -(10 if narrow.dtype == tf.float16 else 7)
        assert np.all(error <= step * np.abs(wide) + 1e-6), (narrow, wide)


@every_way
@every_dtype
def test_the_ops_give_what_they_give_in_float32_rounded(way, dtype, rng):
    inputs = [rng.normal(size=shape) for shape in ((N, K), (N, K, K), (K,))]
    narrow = [tf.cast(value, dtype) for value in inputs]
    actual = way(lambda: forward_and_backward(*narrow))()
    outputs = actual[0]
    wide = [tf.cast(value, tf.float32) for value in narrow]
    expected = forward_and_backward(*wide)
    close((outputs, actual[3]), (expected[0], expected[3]))
    # The cotangents are outputs of 16 bits themselves.
    cotangents = {name: tf.cast(getattr(outputs, name), tf.float32) for name in outputs._fields}
    close(actual[1:3], bh.ops.terms_vjp(wide[0], terms_of(*wide[1:]), **cotangents))


@every_way
@every_dtype
def test_traces_and_products_are_those_of_float32_rounded(way, dtype, rng):
    def both(x, matrix, a, v):
        traces = bh.ops.terms(x, terms_of(matrix, a), layout="trace").hessian
        return traces, bh.ops.terms_hvp(x, terms_of(matrix, a), v)

    inputs = [rng.normal(size=shape) for shape in ((N, K), (N, K, K), (K,), (N, K))]
    narrow = [tf.cast(value, dtype) for value in inputs]
    close(way(lambda: both(*narrow))(), both(*(tf.cast(value, tf.float32) for value in narrow)))


@every_dtype
def test_second_derivatives_of_blocks(dtype, rng):
    x = tf.cast(rng.normal(size=(N, K)), dtype)

    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                blocks = bh.ops.terms(x, [bh.ops.Term(e.square(X * X), (), None, None, S, ())])
                total = tf.reduce_sum(blocks.hessian)
            first = inner.gradient(total, x)
        return first, outer.gradient(first, x)

    first, gradient = second(x)
    assert first.dtype == gradient.dtype == dtype
    close((first, gradient), (24 * tf.cast(x, tf.float32), tf.fill((N, K), 24.0)))


@every_dtype
def test_no_rows_and_no_columns(dtype):
    for shape in ((0, K), (N, 0)):
        x = tf.zeros(shape, dtype)
        outputs = bh.ops.terms(x, [bh.ops.Term(e.exp(X), (), None, None, S, ())], want_value=True)
        assert outputs.value.shape == shape[:1] and outputs.hessian.shape == (*shape, shape[1])


def test_NaN_and_infinity_stay_what_they_are():
    x = tf.constant([[np.nan], [np.inf], [-np.inf], [6e4], [6e-8]], tf.float16)
    (same, double) = bh.ops.map([X, X + X], {X: x})
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(double, x + x)
