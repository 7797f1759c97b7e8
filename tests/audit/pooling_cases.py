"""Pooling and morphology."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import tensorflow as tf
from case import Case
from layers import layer
from points import SIGNED, X6, X16, rows, single
from reasons import FIRST_OF_EQUALS, GRADIENT_REFUSES, MAX_POOL, NO_ENTRY_OF_GRADIENT
from row_functions import MIX, W, curvature, curved, images, kernel
from truths import curved_of_linear

KERNEL = kernel(3, 3, 1, 2)
EQUAL_CELLS = rows(
    [0.5, 0.5, 0.1, 0.2, 0.5, 0.5, 0.3, 0.2, 0.1, 0.9, 0.4, 0.4, 0.9, 0.9, 0.4, 0.4],
)


def of_the_first_of_equals(x: np.ndarray) -> np.ndarray:
    """The cells that are the first of the largest in their windows of two by two."""
    cells = [0, 6, 9, 10]
    blocks = np.zeros((len(x), 16, 16))
    blocks[:, cells, cells] = curvature(x[:, cells])
    return blocks


def volumes(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, 2, 4, 2, 1))


def pooled_in_float32(x: tf.Tensor) -> tf.Tensor:
    """There is no kernel for float64."""
    return tf.nn.max_pool3d(tf.cast(x, tf.float32), 2, 1, "SAME")


def padded(x: tf.Tensor) -> tf.Tensor:
    """As SAME does with windows of two."""
    cells = tf.reshape(x, (-1, 2, 4, 2))
    return tf.pad(cells, [[0, 0], [0, 1], [0, 1], [0, 1]], constant_values=-9.0)


def largest_of_cubes(x: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """The largest of two by two by two cells, at every place of the shape."""
    a, b, c = shape
    corners = itertools.product((0, 1), repeat=3)
    return tf.reduce_max(
        tf.stack([x[:, i : i + a, j : j + b, k : k + c] for i, j, k in corners]), 0
    )


def dense(x: tf.Tensor, count: int) -> tf.Tensor:
    for number in range(count):
        weights = np.random.default_rng(number).normal(size=(16, 16)) * 0.3
        x = tf.tanh(x @ weights)
    return x


def pooled_convolution(strides: int, padding: str) -> keras.Layer:
    return keras.Sequential(
        [
            keras.layers.Conv1D(3, 2, activation="tanh", padding=padding, dtype="float64"),
            keras.layers.MaxPooling1D(2, strides=strides, padding=padding, dtype="float64"),
            keras.layers.GlobalAveragePooling1D(dtype="float64"),
        ]
    )


CASES = [
    Case(
        "MaxPoolV2, the raw operation",
        "MaxPoolV2",
        lambda x: curved(
            tf.raw_ops.MaxPoolV2(
                input=images(x), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"
            )
        ),
        X16,
        step=0.01,
    ),
    Case("avg_pool2d", "AvgPool", lambda x: curved(tf.nn.avg_pool2d(images(x), 2, 1, "SAME")), X16),
    Case(
        "avg_pool3d",
        "AvgPool3D",
        lambda x: curved(tf.nn.avg_pool3d(volumes(x), 2, 1, "SAME")),
        single(X16),
        truth=curved_of_linear(lambda x: tf.nn.avg_pool3d(volumes(x), 2, 1, "SAME")),
    ),
    Case(
        "max_pool2d",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(x), 2, 2, "SAME")),
        X16,
        step=0.01,
    ),
    Case(
        "max_pool2d, overlapping",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(x), 3, 1, "SAME")),
        X16,
        step=0.005,
        calls=20,
    ),
    Case(
        "max_pool2d, explicit padding",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(x), 2, 2, [[0, 0], [1, 1], [1, 1], [0, 0]])),
        X16,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
        step=0.01,
    ),
    Case(
        "max_pool1d",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool1d(tf.reshape(x, (-1, 8, 2)), 2, 2, "VALID")),
        X16,
        step=0.01,
    ),
    Case(
        "max_pool3d",
        "MaxPool3D",
        lambda x: curved(tf.nn.max_pool3d(volumes(x), 2, 1, "VALID")),
        single(X16),
        step=0.002,
        reference=lambda x: curved(largest_of_cubes(tf.reshape(x, (-1, 2, 4, 2)), (1, 3, 1))),
    ),
    Case(
        "max_pool2d of equal cells",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(x), 2, 2, "SAME")),
        EQUAL_CELLS,
        "convention",
        FIRST_OF_EQUALS,
        truth=of_the_first_of_equals,
    ),
    Case(
        "max_pool_with_argmax",
        "MaxPoolWithArgmax",
        lambda x: curved(tf.nn.max_pool_with_argmax(images(x), 2, 2, "SAME")[0]),
        X16,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
        step=0.01,
    ),
    Case(
        "fractional_max_pool",
        "FractionalMaxPool",
        lambda x: curved(tf.nn.fractional_max_pool(images(x), 1.5, seed=3)[0]),
        X16,
        outcome="refused",
        refusal="FractionalMaxPool",
        reason=NO_ENTRY_OF_GRADIENT,
    ),
    Case(
        "fractional_avg_pool",
        "FractionalAvgPool",
        lambda x: curved(tf.nn.fractional_avg_pool(images(x), [1.0, 1.5, 1.5, 1.0], seed=3)[0]),
        X16,
        outcome="refused",
        refusal="FractionalAvgPool",
        reason=NO_ENTRY_OF_GRADIENT,
    ),
    Case(
        "nn.pool MAX, dilated",
        "MaxPool",
        lambda x: curved(tf.nn.pool(images(x), [2, 2], "MAX", dilations=[2, 2])),
        X16,
        step=0.01,
    ),
    Case(
        "dilation2d",
        "Dilation2D",
        lambda x: curved(
            tf.nn.dilation2d(
                images(x), MIX[:2, :2, None] * 0.1, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]
            )
        ),
        X16,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
        step=0.002,
    ),
    Case(
        "erosion2d",
        "Dilation2D",
        lambda x: curved(
            tf.nn.erosion2d(
                images(x), MIX[:2, :2, None] * 0.1, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]
            )
        ),
        X16,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
        step=0.002,
    ),
    Case(
        "max_pool2d stride 1 SAME behind tanh",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(tf.tanh(x)), 2, 1, "SAME")),
        X16,
        step=0.003,
        tolerance=1e-3,
        reason=MAX_POOL,
        tensorflow="wrong",
        calls=20,
    ),
    Case(
        "max_pool2d stride 1 SAME behind conv2d",
        "MaxPool",
        lambda x: curved(
            tf.nn.max_pool2d(tf.tanh(tf.nn.conv2d(images(x), KERNEL, 1, "SAME")), 2, 1, "SAME")
        ),
        X16,
        step=0.001,
        tolerance=0.01,
        reason=MAX_POOL,
        tensorflow="wrong",
        calls=20,
    ),
    Case(
        "max_pool2d stride 1 SAME between dense layers",
        "MaxPool",
        lambda x: curved(
            tf.reshape(
                tf.nn.max_pool2d(tf.reshape(tf.tanh(x @ W), (-1, 2, 2, 1)), 2, 1, "SAME"), (-1, 4)
            )
            @ MIX[:4]
        ),
        SIGNED,
        step=0.001,
        tolerance=0.01,
        reason=MAX_POOL,
        tensorflow="wrong",
        calls=20,
    ),
    Case(
        "max_pool2d stride 2 behind conv2d",
        "MaxPool",
        lambda x: curved(
            tf.nn.max_pool2d(tf.tanh(tf.nn.conv2d(images(x), KERNEL, 1, "SAME")), 2, 2, "SAME")
        ),
        X16,
        step=0.001,
        tolerance=0.01,
    ),
    Case(
        "max_pool3d stride 1 SAME behind tanh",
        "MaxPool3D",
        lambda x: tf.cast(curved(pooled_in_float32(volumes(tf.tanh(x)))), x.dtype),
        X16,
        reason=MAX_POOL,
        tensorflow="wrong",
        step=0.001,
        tolerance=4e-3,
        reference=lambda x: curved(largest_of_cubes(padded(tf.tanh(x)), (2, 4, 2))),
        calls=20,
    ),
    Case(
        "max_pool2d stride 1 SAME of 1.5 x",
        "MaxPool",
        lambda x: curved(tf.nn.max_pool2d(images(x * 1.5), 2, 1, "SAME")),
        X16,
        step=0.002,
        tolerance=0.01,
        reason=MAX_POOL,
        tensorflow="wrong",
        calls=20,
    ),
    Case(
        "max_pool2d stride 1 SAME, then dense",
        "MaxPool",
        lambda x: curved(
            tf.reshape(tf.nn.max_pool2d(images(tf.sin(x)), 2, 1, "SAME"), (-1, 16))
            @ (0.6 * kernel(16, 3))
        ),
        X16,
        reason=MAX_POOL,
        tensorflow="wrong",
        step=0.002,
        tolerance=0.01,
        calls=20,
    ),
    *(
        Case(
            f"max_pool2d stride 1 SAME behind {count} dense layers",
            "MaxPool",
            lambda x, count=count: curved(tf.nn.max_pool2d(images(dense(x, count)), 2, 1, "SAME")),
            X16,
            step=0.001,
            tolerance=0.02,
            reason=MAX_POOL,
            tensorflow="wrong",
            calls=20,
        )
        for count in (1, 2, 5)
    ),
    Case(
        "Conv1D, MaxPooling1D, GlobalAveragePooling1D",
        "MaxPool",
        layer(lambda: pooled_convolution(strides=2, padding="valid"), (6, 1)),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "MaxPooling1D stride 1 same behind Conv1D",
        "MaxPool",
        layer(lambda: pooled_convolution(strides=1, padding="same"), (6, 1)),
        X6,
        step=0.001,
        tolerance=0.01,
        reason=MAX_POOL,
        tensorflow="wrong",
        calls=20,
    ),
]
