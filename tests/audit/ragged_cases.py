"""Ragged tensors."""

from __future__ import annotations

import tensorflow as tf
from case import Case
from points import A_ZERO, SIGNED
from reasons import NO_ENTRY_OF_GRADIENT, SEGMENT_PROD
from row_functions import curved


def ragged_rows(x: tf.Tensor) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_lengths(tf.reshape(x, [-1]), [x.shape[1]] * x.shape[0])


CASES = [
    Case(
        "ragged to_tensor",
        "RaggedTensorToTensor",
        lambda x: curved(ragged_rows(x).to_tensor()),
        SIGNED,
    ),
    Case(
        "ragged reduce_sum",
        "UnsortedSegmentSum",
        lambda x: tf.sin(tf.reduce_sum(ragged_rows(x * x), 1)),
        SIGNED,
    ),
    Case(
        "ragged reduce_prod, a zero",
        "UnsortedSegmentProd",
        lambda x: tf.reduce_prod(ragged_rows(x), 1),
        A_ZERO,
        reason=SEGMENT_PROD,
        tensorflow="NaN",
    ),
    Case(
        "ragged reduce_max",
        "UnsortedSegmentMax",
        lambda x: tf.sin(tf.reduce_max(ragged_rows(x), 1)),
        SIGNED,
    ),
    Case(
        "ragged map_fn",
        "RaggedTensorToVariant",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(r)), ragged_rows(x), fn_output_signature=tf.float64
        ),
        SIGNED,
        outcome="refused",
        refusal="RaggedTensorToVariantGradient",
        reason=NO_ENTRY_OF_GRADIENT,
    ),
    Case(
        "ragged gather",
        "RaggedGather",
        lambda x: tf.reduce_sum(tf.sin(tf.gather(ragged_rows(x), tf.range(x.shape[0]))), 1),
        SIGNED,
    ),
    Case(
        "ragged softmax by segments",
        "ragged",
        lambda x: tf.reduce_sum(ragged_rows(tf.nn.softmax(x)) ** 2, 1),
        SIGNED,
    ),
]
