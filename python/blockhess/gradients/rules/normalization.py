"""Fused normalizations: local responses and batches."""

from __future__ import annotations

import tensorflow as tf

from blockhess.gradients.written_out import written_out


def _local_response(op: tf.Operation, x: tf.Tensor) -> tf.Tensor:
    """x (bias + alpha sum of squares of the channels about it)^-beta; LRNGrad has no gradient."""
    radius = op.get_attr("depth_radius")
    squares = tf.pad(x * x, [(0, 0), (0, 0), (0, 0), (radius, radius)])
    depth = tf.shape(x)[-1]
    total = tf.add_n([squares[..., i : i + depth] for i in range(2 * radius + 1)])
    bias, alpha, beta = (
        tf.constant(op.get_attr(name), x.dtype) for name in ("bias", "alpha", "beta")
    )
    return x * (bias + alpha * total) ** -beta


class _Batch:
    """The axes of a fused batch normalization, and the statistics that it normalizes by."""

    def __init__(self, op: tf.Operation, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor):
        data_format = op.get_attr("data_format").decode()
        self.axes = [i for i, letter in enumerate(data_format) if letter != "C"]
        self._shape = [-1 if letter == "C" else 1 for letter in data_format]
        if op.get_attr("is_training"):
            mean = tf.reduce_mean(x, self.axes)
            variance = tf.math.reduce_variance(x, self.axes)
        self.mean, self.variance = mean, variance
        self.scale = self.channels(tf.math.rsqrt(variance + op.get_attr("epsilon")))
        self.normal = (x - self.channels(mean)) * self.scale

    def channels(self, tensor: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tensor, self._shape)


def _fused_batch_norm(
    op: tf.Operation,
    x: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """TensorFlow has no derivative by the mean and the variance that are given, and none of the
    mean and the variance that come out."""
    dtype, x = x.dtype, tf.cast(x, scale.dtype)
    batch = _Batch(op, x, mean, variance)
    y = batch.normal * batch.channels(scale) + batch.channels(offset)
    if not op.get_attr("is_training"):
        return tf.cast(y, dtype), mean, variance
    count = tf.size(x) // tf.size(scale)
    unbiased = tf.cast(count, scale.dtype) / tf.cast(tf.maximum(count - 1, 1), scale.dtype)
    new = [batch.mean, batch.variance * unbiased]
    factor = 1.0
    if op.type == "FusedBatchNormV3":
        factor = op.get_attr("exponential_avg_factor")
    if factor != 1:
        new = [
            (1 - factor) * old + factor * n for old, n in zip((mean, variance), new, strict=True)
        ]
    return tf.cast(y, dtype), *new


def _fused_batch_norm_gradient(
    op: tf.Operation,
    g: tf.Tensor,
    x: tf.Tensor,
    scale: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    *_: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """TensorFlow's derivative stops at the mean of x: right once, not twice."""
    dtype, x, g = x.dtype, tf.cast(x, scale.dtype), tf.cast(g, scale.dtype)
    batch = _Batch(op, x, mean, variance)
    of_x = g
    if op.get_attr("is_training"):
        along = tf.reduce_mean(g * batch.normal, batch.axes, keepdims=True)
        of_x = g - tf.reduce_mean(g, batch.axes, keepdims=True) - batch.normal * along
    of_x *= batch.channels(scale) * batch.scale
    of_scale = tf.reduce_sum(g * batch.normal, batch.axes)
    return tf.cast(of_x, dtype), of_scale, tf.reduce_sum(g, batch.axes)


_VERSIONS = ("", "V2", "V3")

GRADIENTS = {
    "LRN": written_out(_local_response),
    **{f"FusedBatchNorm{v}": written_out(_fused_batch_norm) for v in _VERSIONS},
    **{f"FusedBatchNormGrad{v}": written_out(_fused_batch_norm_gradient) for v in _VERSIONS},
}
