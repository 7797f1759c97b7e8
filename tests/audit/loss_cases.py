"""Losses, and the softmax."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from case import Case
from points import A_ZERO, SIGNED, X9, rows, single
from reasons import CTC, LABELS_OF_X, LABELS_SUM, NO_ENTRY_OF_GRADIENT, TIES
from row_functions import curved, mixed, network, weighted

LABELS = np.array([0.2, 0.1, 0.6, 0.1])
OTHER_LABELS = np.array([0.4, 0.8, 0.3, 0.1])
BINARY = np.array([1.0, 0.0, 1.0])


def one_hot(x: tf.Tensor) -> tf.Tensor:
    return np.array([1.0, 0, 0, 0]) + 0 * network(x)


def cosine_distance(x: tf.Tensor) -> tf.Tensor:
    other = np.array([0.6, 0.8])
    return 1 - tf.reduce_sum(tf.math.l2_normalize(x, 1) * other, 1)


def other_losses(x: tf.Tensor) -> tf.Tensor:
    y = tf.sin(3 * x)
    divergence = keras.losses.kl_divergence(tf.nn.softmax(x), tf.nn.softmax(y))
    similarity = keras.losses.cosine_similarity(x, y)
    return divergence + similarity + keras.losses.poisson(x * x, tf.exp(x))


def frames(x: tf.Tensor) -> tf.Tensor:
    """Three frames of three classes."""
    return tf.reshape(x, (-1, 3, 3))


def ctc_arguments(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Labels, logits, the number of labels, the number of frames."""
    labels = tf.repeat([[1, 2]], x.shape[0], 0)
    return labels, frames(x), tf.fill(x.shape[:1], 2), tf.fill(x.shape[:1], 3)


CASES = [
    Case("softmax", "Softmax", lambda x: curved(tf.nn.softmax(x)), SIGNED),
    Case("log_softmax", "LogSoftmax", lambda x: curved(tf.nn.log_softmax(network(x))), SIGNED),
    Case(
        "softmax_cross_entropy, a network's logits",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(LABELS + 0 * network(x), network(x)),
        SIGNED,
    ),
    Case(
        "softmax_cross_entropy, labels that do not add up to 1",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(OTHER_LABELS[:3] * tf.ones_like(x), x),
        SIGNED,
        "fused",
        reason=LABELS_SUM,
        tensorflow="wrong",
    ),
    Case(
        "softmax_cross_entropy, a network's logits, labels that do not add up to 1",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(
            OTHER_LABELS * tf.ones_like(network(x)), network(x)
        ),
        SIGNED,
        reason=LABELS_SUM,
        tensorflow="wrong",
    ),
    Case(
        "softmax_cross_entropy, labels softmax(x): the entropy",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(x), x),
        SIGNED,
        reason=LABELS_OF_X,
        tensorflow="wrong",
        reference=lambda x: -tf.reduce_sum(tf.nn.softmax(x) * tf.nn.log_softmax(x), 1),
    ),
    Case(
        "softmax_cross_entropy, labels and logits of a network",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(
            tf.nn.softmax(2 * network(x)), network(x)
        ),
        SIGNED,
        reason=LABELS_OF_X,
        tensorflow="wrong",
        reference=lambda x: (
            -tf.reduce_sum(tf.nn.softmax(2 * network(x)) * tf.nn.log_softmax(network(x)), 1)
        ),
    ),
    Case(
        "softmax_cross_entropy, labels softmax(x), constant logits",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.softmax_cross_entropy_with_logits(
            tf.nn.softmax(x), tf.constant([[0.3, 0.1, -0.4]], tf.float64) + 0 * x
        ),
        SIGNED,
    ),
    Case(
        "sparse_softmax_cross_entropy, a network's logits",
        "SparseSoftmaxCrossEntropyWithLogits",
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.fill(x.shape[:1], 1), network(x)
        ),
        SIGNED,
    ),
    Case(
        "sigmoid_cross_entropy at logit 0",
        "sigmoid_cross_entropy",
        lambda x: weighted(tf.nn.sigmoid_cross_entropy_with_logits(0.3 + 0 * x, x)),
        A_ZERO,
        "fused",
        step=0.01,
    ),
    Case(
        "sigmoid_cross_entropy at logit 0, inside",
        "sigmoid_cross_entropy",
        lambda x: mixed(tf.nn.sigmoid_cross_entropy_with_logits(0.3 + 0 * x, x)),
        A_ZERO,
        step=0.01,
    ),
    Case(
        "weighted_cross_entropy",
        "weighted_cross_entropy",
        lambda x: weighted(tf.nn.weighted_cross_entropy_with_logits(0.3 + 0 * x, x, 2.0)),
        SIGNED,
        "fused",
        step=0.01,
    ),
    Case(
        "weighted_cross_entropy at logit 0",
        "weighted_cross_entropy",
        lambda x: weighted(tf.nn.weighted_cross_entropy_with_logits(0.3 + 0 * x, x, 2.0)),
        A_ZERO,
        "fused",
        reason=TIES,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "weighted_cross_entropy at logit 0, inside",
        "weighted_cross_entropy",
        lambda x: mixed(tf.nn.weighted_cross_entropy_with_logits(0.3 + 0 * x, x, 2.0)),
        A_ZERO,
        reason=TIES,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "CTCLossV2, the raw operation",
        "CTCLossV2",
        lambda x: (
            tf.raw_ops.CTCLossV2(
                inputs=tf.transpose(frames(x), (1, 0, 2)),
                labels_indices=tf.constant([[0, 0], [1, 0]], tf.int64),
                labels_values=[1, 2],
                sequence_length=[3, 3],
            ).loss
        ),
        single(X9),
        "refused",
        CTC,
        refusal="CTCLossV2",
    ),
    Case(
        "log_poisson_loss",
        "log_poisson_loss",
        lambda x: weighted(tf.nn.log_poisson_loss(2.0 + 0 * x, x, compute_full_loss=True)),
        SIGNED,
        "fused",
    ),
    Case(
        "ctc_loss, dense labels",
        "ctc_loss",
        lambda x: tf.nn.ctc_loss(*ctc_arguments(x), logits_time_major=False, blank_index=0),
        single(X9),
        "refused",
        CTC,
        refusal="ctc_loss",
        ends_the_process=True,
    ),
    Case(
        "ctc_loss, sparse labels",
        "CTCLoss",
        lambda x: tf.nn.ctc_loss(
            tf.sparse.from_dense(ctc_arguments(x)[0]),
            frames(x),
            None,
            tf.fill(x.shape[:1], 3),
            logits_time_major=False,
            blank_index=0,
        ),
        single(X9),
        "refused",
        NO_ENTRY_OF_GRADIENT,
        refusal="CTCLoss",
    ),
    Case(
        "ops.ctc_loss",
        "ctc_loss",
        lambda x: tf.cast(keras.ops.ctc_loss(*ctc_arguments(x)), x.dtype),
        X9,
        "refused",
        CTC,
        refusal="ctc_loss",
        ends_the_process=True,
    ),
    Case(
        "losses.binary_crossentropy, from logits, at 0",
        "sigmoid_cross_entropy",
        lambda x: keras.losses.binary_crossentropy(BINARY + 0 * x, tf.sin(x), from_logits=True),
        A_ZERO,
        "fused",
        step=0.01,
    ),
    Case(
        "losses.binary_focal_crossentropy, from logits, at 0",
        "binary_focal_crossentropy",
        lambda x: keras.losses.binary_focal_crossentropy(
            BINARY + 0 * x, tf.sin(x), from_logits=True
        ),
        A_ZERO,
        "fused",
        step=0.01,
    ),
    Case(
        "losses.binary_crossentropy, probabilities",
        "binary_crossentropy",
        lambda x: keras.losses.binary_crossentropy(BINARY + 0 * x, tf.sigmoid(tf.sin(x) ** 2)),
        A_ZERO,
        "fused",
        step=0.01,
    ),
    Case(
        "losses.categorical_crossentropy, from logits, smoothing",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: keras.losses.categorical_crossentropy(
            one_hot(x), network(x), from_logits=True, label_smoothing=0.1
        ),
        SIGNED,
    ),
    Case(
        "losses.categorical_crossentropy, from logits, soft labels of a teacher of x",
        "SoftmaxCrossEntropyWithLogits",
        lambda x: keras.losses.categorical_crossentropy(
            tf.nn.softmax(2 * network(x)), network(x), from_logits=True
        ),
        SIGNED,
        reason=LABELS_OF_X,
        tensorflow="wrong",
        reference=lambda x: (
            -tf.reduce_sum(tf.nn.softmax(2 * network(x)) * tf.nn.log_softmax(network(x)), 1)
        ),
    ),
    Case(
        "losses.categorical_crossentropy of a softmax output",
        "categorical_crossentropy",
        lambda x: keras.losses.categorical_crossentropy(one_hot(x), tf.nn.softmax(network(x))),
        SIGNED,
        step=0.01,
    ),
    Case(
        "losses.categorical_focal_crossentropy",
        "categorical_focal_crossentropy",
        lambda x: keras.losses.categorical_focal_crossentropy(
            one_hot(x), network(x), from_logits=True
        ),
        SIGNED,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "losses.kl_divergence, cosine_similarity, poisson",
        "kl_divergence",
        other_losses,
        SIGNED,
        step=0.01,
    ),
    Case(
        "losses.log_cosh, huber, at 0",
        "huber",
        lambda x: keras.losses.log_cosh(0 * x, tf.sin(x)) + keras.losses.huber(0 * x, tf.sin(x)),
        A_ZERO,
        "fused",
        step=0.005,
    ),
    Case(
        "cosine distance of equal vectors",
        "l2_normalize",
        cosine_distance,
        rows([0.3, 0.4], [0.6, 0.8]),
    ),
]
