"""Maxima and products of windows, where TensorFlow's second derivatives do not serve."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import Case, blocks_by_differences, check, curved, curved_values, in_numpy

import blockhess as bh

raw = tf.raw_ops
rng = np.random.default_rng(11)
# No two cells are closer than 0.1, so that a step changes no maximum.
IMAGES = np.stack([rng.permutation(9) * 0.2 - 0.8 for _ in range(2)])
KERNEL = tf.constant(np.round(rng.normal(size=(2, 2, 1, 2)), 2))
LOW = tf.constant(np.round(rng.normal(size=(2, 2, 1)) * 0.02, 3))
EXPLICIT = [[0, 0], [1, 0], [1, 1], [0, 0]]


def images(x):
    return tf.reshape(tf.tanh(x), (-1, 3, 3, 1))


def volume(x):
    return tf.reshape(tf.cast(tf.tanh(x), tf.float32), (-1, 1, 3, 3, 1))


def argmax(include):
    def f(x):
        y = tf.nn.max_pool_with_argmax(images(x), 2, 1, "VALID", include_batch_in_index=include)
        return curved(y[0])

    return f


def together(*ops):
    return lambda x: tf.add_n([curved(op(images(x))) for op in ops])


def dilated(strides, padding):
    return lambda i: tf.nn.conv2d(i, KERNEL, strides, padding, dilations=2)


def slope(x):
    """Squared gradients of a pooling that slides by one: the gradient's operation is within f."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.tanh(tf.nn.max_pool2d(tf.reshape(x, (-1, 3, 3, 1)), 2, 1, "SAME"))
    return tf.reduce_sum(tape.gradient(y, x) ** 2, 1)


CASES = [
    Case(
        "max_pool2d",
        together(
            lambda i: tf.nn.max_pool2d(i, 2, 1, "SAME"),
            lambda i: tf.nn.max_pool2d(i, 1, 1, "VALID"),
            lambda i: tf.nn.max_pool2d(i, 2, 2, EXPLICIT),
            lambda i: raw.MaxPoolV2(
                input=i, ksize=[1, 3, 2, 1], strides=[1, 1, 1, 1], padding="SAME"
            ),
        ),
        IMAGES,
        h=0.01,
    ),
    Case("argmax, by image", argmax(False), IMAGES, h=0.01),
    Case("argmax, by batch", argmax(True), IMAGES, h=0.01),
    Case(
        "dilated",
        together(
            dilated(2, "SAME"),
            dilated(1, EXPLICIT),
        ),
        IMAGES,
        h=0.1,
    ),
    Case(
        "morphology",
        together(
            lambda i: tf.nn.dilation2d(i, LOW, (1, 1, 1, 1), "SAME", "NHWC", (1, 2, 1, 1)),
            lambda i: tf.nn.erosion2d(i, LOW, (1, 2, 1, 1), "VALID", "NHWC", (1, 1, 1, 1)),
        ),
        IMAGES,
        h=0.01,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_windows(case):
    case.check(third=case.name.startswith("argmax"))


def test_slopes_of_maxima_within_f():
    check(slope, IMAGES, h=0.01, third=False)


def test_maxima_of_volumes():
    def f(x):
        return tf.cast(curved(tf.nn.max_pool3d(volume(x), (1, 2, 2), 1, "SAME")), x.dtype)

    def values(x):
        cells = np.pad(np.tanh(x).reshape(-1, 3, 3), ((0, 0), (0, 1), (0, 1)), constant_values=-9)
        shifted = [cells[:, a : a + 3, b : b + 3] for a in (0, 1) for b in (0, 1)]
        return curved_values(np.max(shifted, 0))

    check(f, IMAGES, truth=in_numpy(values), h=0.01, tolerance=2e-5)


def test_the_same_twenty_times():
    """TensorFlow's kernel was wrong in some calls and right in others."""
    w = tf.constant(np.round(rng.normal(size=(9, 3)), 2))

    def f(x):
        pooled = tf.nn.max_pool2d(tf.reshape(tf.sin(x), (-1, 3, 3, 1)), 2, 1, "SAME")
        return curved(tf.reshape(pooled, (-1, 9)) @ w)

    expected = blocks_by_differences(f, IMAGES, 0.01)
    for _ in range(20):
        np.testing.assert_allclose(
            bh.hessian(f, tf.constant(IMAGES), route="autodiff"), expected, atol=1e-6
        )


def test_the_first_of_equal_cells_has_the_derivative():
    x = tf.constant([[0.5, 0.5, 0.1, 0.2], [0.1, 0.7, 0.7, 0.7]], tf.float64)

    def f(x):
        return tf.nn.max_pool2d(tf.reshape(x, (-1, 2, 2, 1)), 2, 1, "VALID")[:, 0, 0, 0] ** 2

    def slid(x):
        return tf.nn.max_pool2d(tf.reshape(x, (-1, 2, 2, 1)), 2, 1, "SAME")[:, 0, 0, 0] ** 2

    expected = [np.diag([2, 0, 0, 0]), np.diag([0, 2, 0, 0])]
    for function in (f, slid):
        np.testing.assert_array_equal(bh.hessian(function, x, route="autodiff"), expected)


def of_images(x):
    pooled = tf.nn.max_pool2d(tf.reshape(x, (-1, 3, 3, 1)), 2, 1, "SAME")
    return tf.reduce_sum(tf.reshape(pooled, (-1, 9)) ** 2, 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_types_and_unknown_rows(dtype):
    blocks = tf.function(
        lambda x: bh.hessian(of_images, x, route="autodiff"),
        input_signature=[tf.TensorSpec([None, 9], dtype)],
    )
    expected = np.asarray(bh.hessian(of_images, tf.constant(IMAGES), route="autodiff"))
    actual = blocks(tf.constant(IMAGES, dtype))
    np.testing.assert_array_equal(np.asarray(actual, np.float64), expected)


def test_xla():
    x = tf.constant(IMAGES, tf.float32)
    compiled = tf.function(lambda x: bh.hessian(of_images, x, route="autodiff"), jit_compile=True)
    expected = bh.hessian(of_images, x, route="autodiff")
    np.testing.assert_array_equal(compiled(x), expected)
