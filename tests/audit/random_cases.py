"""Random numbers that depend on x, or that x is multiplied by."""

from __future__ import annotations

import tensorflow as tf
from case import Case
from points import SIGNED
from reasons import NO_ENTRY, NO_ENTRY_OF_GRADIENT, NOT_DIFFERENTIABLE
from row_functions import curved, weighted


def truncated_normal(means: tf.Tensor) -> tf.Tensor:
    ones = tf.ones_like(means)
    return tf.raw_ops.ParameterizedTruncatedNormal(
        shape=[means.shape[0], 3], means=means, stdevs=ones, minvals=-9 * ones, maxvals=9 * ones
    )


CASES = [
    Case(
        "stateless_shuffle of features",
        "StatelessShuffle",
        lambda x: weighted(
            tf.transpose(tf.random.experimental.stateless_shuffle(tf.transpose(x), [1, 2])) ** 3
        ),
        SIGNED,
        reason=NO_ENTRY,
        tensorflow="raises",
    ),
    Case(
        "random.shuffle of features",
        "RandomShuffle",
        lambda x: tf.reduce_sum(tf.transpose(tf.random.shuffle(tf.transpose(x))) ** 3, 1),
        SIGNED,
        outcome="refused",
        refusal="RandomShuffle",
        reason=NOT_DIFFERENTIABLE,
    ),
    Case(
        "random.stateless_gamma by alpha",
        "StatelessRandomGammaV3",
        lambda x: curved(tf.random.stateless_gamma(x.shape, [1, 2], tf.exp(x), dtype=tf.float64)),
        SIGNED,
        outcome="refused",
        refusal="RandomGammaGrad",
        reason=NO_ENTRY_OF_GRADIENT,
    ),
    Case(
        "random.stateless_parameterized_truncated_normal by the mean",
        "StatelessParameterizedTruncatedNormal",
        lambda x: curved(
            tf.random.stateless_parameterized_truncated_normal(
                x.shape, [1, 2], x, 1.0 + 0 * x, -8.0 + 0 * x, 8.0 + 0 * x
            )
        ),
        SIGNED,
        by_batch=True,
        step=0.001,
        tolerance=0.01,
    ),
    Case(
        "random.stateless_poisson of x, times x^3",
        "StatelessRandomPoisson",
        lambda x: tf.reduce_sum(
            x**3 * tf.cast(tf.random.stateless_poisson(x.shape, [1, 2], tf.exp(x)), tf.float64), 1
        ),
        SIGNED,
        by_batch=True,
        step=0.001,
        tolerance=0.01,
    ),
    Case(
        "random.stateless_normal times a function of x",
        "StatelessRandomNormalV2",
        lambda x: curved(tf.exp(x) * tf.random.stateless_normal(x.shape, [1, 2], dtype=tf.float64)),
        SIGNED,
        "fused",
        by_batch=True,
    ),
    Case(
        "ParameterizedTruncatedNormal by the means, the raw operation",
        "ParameterizedTruncatedNormal",
        lambda x: tf.reduce_sum(x**3 + x * truncated_normal(x[:, 0]), 1),
        SIGNED,
        "refused",
        NOT_DIFFERENTIABLE,
        refusal="ParameterizedTruncatedNormal",
    ),
]
