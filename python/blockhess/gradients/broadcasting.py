"""Shapes of operands that are broadcast."""

from __future__ import annotations

import tensorflow as tf


def summed_to(cotangent: tf.Tensor, operand: tf.Tensor) -> tf.Tensor:
    """`cotangent`, of the result of broadcasting, summed to the shape of the operand."""
    shape = operand.shape
    if shape.is_fully_defined() and shape == cotangent.shape:
        return cotangent
    sizes = tf.shape(operand)
    _, axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(cotangent), s1=sizes)
    return tf.reshape(tf.reduce_sum(cotangent, axes), sizes)


def with_axes_of(tensor: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """`tensor` with axes of one cell after its own, until it has as many as `other`."""
    shape = tf.shape(tensor)
    ones = tf.ones([tf.rank(other) - tf.rank(tensor)], shape.dtype)
    return tf.reshape(tensor, tf.concat([shape, ones], 0))
