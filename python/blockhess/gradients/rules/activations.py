"""Activations whose gradient in TensorFlow is an operation without one."""

from __future__ import annotations

import tensorflow as tf


def _softsign(op: tf.Operation, cotangent: tf.Tensor):
    """1 / (1 + |x|)**2; TensorFlow's SoftsignGrad has no gradient."""
    x = op.inputs[0]
    return cotangent / tf.square(1 + tf.sign(x) * x)


GRADIENTS = {"Softsign": _softsign}
