"""The Euclidean norm of rows whose cotangent is zero."""

from __future__ import annotations

import tensorflow as tf


def _euclidean_norm(op: tf.Operation, cotangent: tf.Tensor):
    """x / |x| times the cotangent. TensorFlow has x / (|x| / cotangent), NaN where it is zero."""
    x, axes = op.inputs
    norm = op.outputs[0]
    if not op.get_attr("keep_dims"):
        kept = tf.shape(tf.reduce_sum(tf.zeros_like(x), axes, keepdims=True))
        norm, cotangent = tf.reshape(norm, kept), tf.reshape(cotangent, kept)
    return x / norm * cotangent, None


GRADIENTS = {"EuclideanNorm": _euclidean_norm}
