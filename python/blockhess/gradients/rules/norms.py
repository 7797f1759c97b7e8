"""Norms, and functions whose gradient in TensorFlow has an operation without one."""

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


def _softsign(op: tf.Operation, cotangent: tf.Tensor):
    """1 / (1 + |x|)**2; TensorFlow's SoftsignGrad has no gradient."""
    return cotangent / tf.square(1 + tf.abs(op.inputs[0]))


GRADIENTS = {"EuclideanNorm": _euclidean_norm, "Softsign": _softsign}
