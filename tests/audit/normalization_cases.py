"""Normalization, by moments or otherwise, in TensorFlow and in Keras."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from case import Case
from layers import layer, settled
from points import SIGNED, X6, X16, rows, single
from reasons import GRADIENT_REFUSES, MOMENTS, NO_ENTRY_OF_GRADIENT, ONE_INPUT
from row_functions import MIX, curved, images, network, standardized

LABELS = np.array([0.2, 0.1, 0.6, 0.1])
SCALE, OFFSET = [1.5], [0.2]


def by_statistics(x: tf.Tensor) -> tf.Tensor:
    _, sums, squares, _ = tf.nn.sufficient_statistics(network(x), [1])
    return tf.nn.normalize_moments(tf.constant(4.0, x.dtype), sums, squares, None)[1]


def network_with_normalization() -> keras.Layer:
    return keras.Sequential(
        [
            keras.layers.Dense(6, "tanh", dtype="float64"),
            keras.layers.LayerNormalization(dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )


def network_behind_attention() -> keras.Layer:
    return keras.Sequential(
        [
            keras.layers.Dense(6, dtype="float64"),
            keras.layers.LayerNormalization(dtype="float64"),
            keras.layers.Dense(4, "gelu", dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )


def self_attention() -> keras.Layer:
    inputs = keras.Input((3, 2), dtype="float64")
    attended = keras.layers.MultiHeadAttention(2, 3, dtype="float64")(inputs, inputs)
    return keras.Model(inputs, attended)


def sequence(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, 3, 2))


ATTENTION = settled(self_attention)
BEHIND_ATTENTION = settled(network_behind_attention)
BATCH_NORM = settled(lambda: keras.layers.BatchNormalization(dtype="float64"))


def of_a_sequence(x: tf.Tensor) -> tf.Tensor:
    """One row only: its places in the sequence are what the batch is normalized over."""
    two_channels = tf.reshape(tf.sin(x), (1, 6, 1)) * np.array([1.0, 0.5])
    return curved(BATCH_NORM(two_channels, training=True))


def by_own_moments(operation: str, x: tf.Tensor) -> tf.Tensor:
    return getattr(tf.raw_ops, operation)(
        x=images(x),
        scale=SCALE,
        offset=OFFSET,
        mean=tf.reduce_mean(x, 1),
        variance=tf.math.reduce_variance(x, 1),
        epsilon=1e-3,
        is_training=False,
    )[0]


def local_responses(x: tf.Tensor) -> tf.Tensor:
    """Three channels, each normalized by those next to it, too."""
    squares = tf.pad(x * x, [[0, 0], [1, 1]])
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    return x * (1.0 + 0.5 * sums) ** -0.75


CASES = [
    Case("l2_normalize", "l2_normalize", lambda x: curved(tf.math.l2_normalize(x, 1)), SIGNED),
    Case(
        "l2_normalize, row of zeros",
        "l2_normalize",
        lambda x: curved(tf.math.l2_normalize(x, 1, epsilon=0.01)),
        rows([0.0, 0, 0]),
        step=0.01,
        tolerance=1e-3,
    ),
    Case(
        "nn.moments, variance",
        "moments",
        lambda x: tf.nn.moments(x, [1])[1],
        SIGNED,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case(
        "nn.moments, variance of a network",
        "moments",
        lambda x: tf.sqrt(tf.nn.moments(network(x), [1])[1]),
        SIGNED,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case(
        "nn.weighted_moments",
        "weighted_moments",
        lambda x: tf.nn.weighted_moments(network(x), [1], LABELS)[1],
        SIGNED,
    ),
    Case(
        "nn.sufficient_statistics, normalize_moments",
        "sufficient_statistics",
        by_statistics,
        SIGNED,
    ),
    Case(
        "batch_normalization by nn.moments",
        "moments",
        lambda x: curved(
            tf.nn.batch_normalization(
                network(x), *tf.nn.moments(network(x), [1], keepdims=True), None, None, 0.001
            )
        ),
        SIGNED,
        reason=MOMENTS,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "local_response_normalization",
        "LRN",
        lambda x: curved(
            tf.nn.local_response_normalization(tf.reshape(x, (-1, 1, 1, 3)), 1, 1.0, 0.5, 0.75)
        ),
        single(SIGNED),
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
        reference=lambda x: curved(local_responses(x)),
    ),
    Case(
        "fused_batch_norm, inference",
        "FusedBatchNormV3",
        lambda x: curved(
            tf.compat.v1.nn.fused_batch_norm(
                images(x), SCALE, OFFSET, mean=[0.1], variance=[0.7], is_training=False
            )[0]
        ),
        single(X16),
        reference=lambda x: curved((x - 0.1) / np.sqrt(0.7 + 1e-3) * 1.5 + 0.2),
    ),
    Case(
        "fused_batch_norm, training, N = 1",
        "FusedBatchNormV3",
        lambda x: curved(
            tf.compat.v1.nn.fused_batch_norm(images(x), SCALE, OFFSET, is_training=True)[0]
        ),
        single(X16[:1]),
        reference=lambda x: curved(standardized(x, 1e-3) * 1.5 + 0.2),
    ),
    Case(
        "fused_batch_norm, rows as channels",
        "FusedBatchNormV3",
        lambda x: curved(
            tf.transpose(
                tf.compat.v1.nn.fused_batch_norm(
                    tf.reshape(tf.transpose(x), (1, 16, 1, 2)),
                    [1.5, 1.5],
                    [0.2, 0.2],
                    is_training=True,
                )[0][0, :, 0, :]
            )
        ),
        single(X16),
        reference=lambda x: curved(standardized(x, 1e-3) * 1.5 + 0.2),
    ),
    Case(
        "BatchNormWithGlobalNormalization",
        "BatchNormWithGlobalNormalization",
        lambda x: curved(
            tf.raw_ops.BatchNormWithGlobalNormalization(
                t=images(x),
                m=[0.1],
                v=[0.7],
                beta=OFFSET,
                gamma=SCALE,
                variance_epsilon=0.001,
                scale_after_normalization=True,
            )
        ),
        single(X16),
        outcome="refused",
        refusal="BatchNormWithGlobalNormalization",
        reason=GRADIENT_REFUSES,
    ),
    Case(
        "a network with LayerNormalization",
        "moments",
        layer(network_with_normalization, then=lambda y: y[:, 0]),
        SIGNED,
        reason=MOMENTS,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "fused_batch_norm, inference, mean and variance from x",
        "FusedBatchNormV3",
        lambda x: curved(
            tf.compat.v1.nn.fused_batch_norm(
                images(x),
                SCALE,
                OFFSET,
                mean=tf.reduce_mean(x, 1),
                variance=tf.math.reduce_variance(x, 1),
                is_training=False,
            )[0]
        ),
        single(X16[:1]),
        reason=ONE_INPUT,
        tensorflow="wrong",
        reference=lambda x: curved(standardized(x, 1e-3) * 1.5 + 0.2),
    ),
    *(
        Case(
            f"{operation}, the raw operation, inference, mean and variance from x",
            operation,
            lambda x, operation=operation: curved(by_own_moments(operation, x)),
            single(X16[:1]),
            reason=ONE_INPUT,
            tensorflow="wrong",
            reference=lambda x: curved(standardized(x, 1e-3) * 1.5 + 0.2),
        )
        for operation in ("FusedBatchNorm", "FusedBatchNormV2")
    ),
    Case(
        "BatchNormalization, training, one row of a sequence",
        "moments",
        of_a_sequence,
        X6[:1],
        reason=MOMENTS,
        tensorflow="wrong",
        by_batch=True,
    ),
    Case(
        "LayerNormalization(rms_scaling=True)",
        "reduce_variance",
        layer(lambda: keras.layers.LayerNormalization(rms_scaling=True, dtype="float64")),
        X6,
    ),
    Case(
        "attention, LayerNormalization and a network",
        "moments",
        lambda x: tf.reduce_sum(BEHIND_ATTENTION(sequence(x) + ATTENTION(sequence(x))), [1, 2]),
        X6,
        reason=MOMENTS,
        tensorflow="wrong",
        step=0.005,
        tolerance=1e-3,
    ),
    Case(
        "keras.ops.moments",
        "moments",
        lambda x: tf.sin(keras.ops.moments(x, 1)[1]),
        X6,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case("keras.ops.normalize", "normalize", lambda x: curved(keras.ops.normalize(x, 1, 2)), X6),
    Case(
        "keras.ops.layer_normalization",
        "moments",
        lambda x: curved(keras.ops.layer_normalization(x)),
        X6,
        reason=MOMENTS,
        tensorflow="wrong",
        reference=lambda x: curved(standardized(x, 1e-7)),
    ),
    Case(
        "keras.ops.batch_normalization",
        "batch_normalization",
        lambda x: curved(
            keras.ops.batch_normalization(x, MIX[:6, 0], np.abs(MIX[:6, 1]) + 0.1, -1)
        ),
        X6,
        "fused",
    ),
    Case(
        "LayerNormalization",
        "moments",
        layer(lambda: keras.layers.LayerNormalization(dtype="float64")),
        X6,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case(
        "GroupNormalization",
        "moments",
        layer(lambda: keras.layers.GroupNormalization(2, dtype="float64")),
        X6,
        reason=MOMENTS,
        tensorflow="wrong",
    ),
    Case(
        "RMSNormalization",
        "Rsqrt",
        layer(lambda: keras.layers.RMSNormalization(dtype="float64")),
        X6,
    ),
    Case(
        "UnitNormalization",
        "Rsqrt",
        layer(lambda: keras.layers.UnitNormalization(dtype="float64")),
        X6,
    ),
    Case(
        "BatchNormalization, inference",
        "Rsqrt",
        layer(lambda: keras.layers.BatchNormalization(dtype="float64")),
        X6,
        "fused",
    ),
    Case(
        "SpectralNormalization(Dense)",
        "MatMul",
        layer(
            lambda: keras.layers.SpectralNormalization(
                keras.layers.Dense(4, dtype="float64"), dtype="float64"
            )
        ),
        X6,
    ),
]
