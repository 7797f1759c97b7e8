"""Functions that have derivatives inside: third and higher ones are needed."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from case import Case, RowFunction
from points import MATRICES_2, SIGNED, X16, ZEROS, single
from reasons import BATCH_NORM_SLOPE, MAX_POOL, MOMENTS, PROD
from row_functions import (
    W,
    curved,
    images,
    kernel,
    network,
    positive_definite,
    slope,
    standardized,
    symmetric,
)


def squared_slope(u: RowFunction, x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(slope(u, x) ** 2, 1)


CASES = [
    Case(
        "squared slope of softmax_cross_entropy",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: squared_slope(
            lambda t: tf.nn.softmax_cross_entropy_with_logits(
                np.array([0.2, 0.1, 0.6, 0.1]) + 0 * network(t), network(t)
            ),
            x,
        ),
        SIGNED,
    ),
    Case(
        "squared slope of a tanh network",
        "TanhGrad",
        lambda x: squared_slope(lambda t: tf.tanh(t @ W), x),
        SIGNED,
    ),
    Case(
        "squared slope of softplus times sigmoid",
        "SigmoidGrad",
        lambda x: squared_slope(lambda t: tf.nn.softplus(t @ W) * tf.sigmoid(t @ W), x),
        SIGNED,
    ),
    Case(
        "squared slope of selu",
        "SeluGrad",
        lambda x: squared_slope(lambda t: tf.nn.selu(t @ W) ** 2, x),
        SIGNED,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "squared slope of variance by nn.moments",
        "moments",
        lambda x: squared_slope(lambda t: tf.nn.moments(t**2, [1])[1], x),
        SIGNED,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case(
        "squared slope of fused_batch_norm, N = 1",
        "FusedBatchNormGradV3",
        lambda x: squared_slope(
            lambda t: (
                tf.compat.v1.nn.fused_batch_norm(tf.sin(images(t)), [1.5], [0.2], is_training=True)[
                    0
                ]
                ** 2
            ),
            x,
        ),
        single(X16[:1]),
        reason=BATCH_NORM_SLOPE,
        tensorflow="wrong",
        reference=lambda x: squared_slope(
            lambda t: (standardized(tf.sin(t), 1e-3) * 1.5 + 0.2) ** 2, x
        ),
        tolerance=0.01,
    ),
    Case(
        "squared slope of softmax",
        "Softmax",
        lambda x: squared_slope(lambda t: tf.nn.softmax(t @ W)[:, :2], x),
        SIGNED,
    ),
    Case(
        "squared slope of conv2d",
        "Conv2D",
        lambda x: squared_slope(
            lambda t: tf.tanh(tf.nn.conv2d(images(t), kernel(3, 3, 1, 2), 1, "SAME")), x
        ),
        X16,
    ),
    Case(
        "squared slope of max_pool2d stride 2",
        "MaxPoolGrad",
        lambda x: squared_slope(
            lambda t: tf.tanh(tf.nn.max_pool2d(images(t), 2, 2, "SAME")) ** 2, x
        ),
        X16,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "squared slope of max_pool2d stride 1 SAME",
        "MaxPoolGrad",
        lambda x: squared_slope(lambda t: tf.tanh(tf.nn.max_pool2d(images(t), 2, 1, "SAME")), x),
        X16,
        calls=20,
        reason=MAX_POOL,
        tensorflow="zero",
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "squared slope of logdet",
        "Cholesky",
        lambda x: squared_slope(lambda t: tf.linalg.logdet(positive_definite(t)), x),
        MATRICES_2,
        step=0.005,
        tolerance=1e-4,
    ),
    Case(
        "squared slope of eigvalsh",
        "SelfAdjointEigV2",
        lambda x: squared_slope(lambda t: tf.linalg.eigvalsh(symmetric(t))[:, 0], x),
        MATRICES_2,
        step=0.005,
        tolerance=1e-3,
    ),
    Case(
        "squared slope of reduce_prod",
        "Prod",
        lambda x: squared_slope(lambda t: tf.reduce_prod(t, 1), x),
        ZEROS[:3],
        reason=PROD,
        tensorflow="zero",
    ),
    Case(
        "vectorized_map of sin(r) r",
        "vectorized_map",
        lambda x: curved(tf.vectorized_map(lambda r: tf.sin(r) * r, x)),
        SIGNED,
        "fused",
    ),
    Case(
        "squared slope of lgamma",
        "Polygamma",
        lambda x: squared_slope(lambda t: tf.math.lgamma(tf.exp(t)), x),
        SIGNED,
        "fused",
    ),
]
