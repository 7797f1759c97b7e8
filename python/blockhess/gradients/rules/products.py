"""Products of many factors, any of which may be zero."""

from __future__ import annotations

import tensorflow as tf

from blockhess.gradients.broadcasting import with_axes_of
from blockhess.gradients.scans import Shift, ahead, doubled, laid_out, recurrence, restored


def _cumprod(op: tf.Operation, cotangent: tf.Tensor):
    """The product of all before, times what follows: G_i = cotangent_i + x_(i+1) G_(i+1).

    TensorFlow divides by x, which loses the derivatives of the first order where x is zero; it has
    the gradient of Prod by way of Cumprod.
    """
    axis, exclusive, reverse = op.inputs[1], op.get_attr("exclusive"), op.get_attr("reverse")
    x = laid_out(tf.math.conj(op.inputs[0]), axis, reverse)
    cotangent = laid_out(cotangent, axis, reverse)
    following = recurrence(ahead(x, 1), ahead(cotangent, 1) if exclusive else cotangent)
    before = tf.math.cumprod(x, 1, exclusive=True)
    return restored(before * following, op.inputs[0], reverse), None


def _segment_prod(op: tf.Operation, cotangent: tf.Tensor):
    """The cotangent times the other factors; TensorFlow divides by a factor, and has no slope at
    all where two are zero."""
    x, segments = op.inputs[:2]
    factors = tf.reshape(tf.math.conj(x), [1, tf.size(segments), -1])
    factors.set_shape([1, segments.shape.num_elements(), None])
    others = _of_others(factors, tf.reshape(segments, [-1]))
    own = tf.gather(cotangent, tf.maximum(segments, 0))
    own = tf.where(with_axes_of(segments < 0, own), tf.zeros([], own.dtype), own)
    return own * tf.reshape(others, tf.shape(x)), *[None] * (len(op.inputs) - 1)


def _of_others(factors: tf.Tensor, segments: tf.Tensor) -> tf.Tensor:
    """The product of the other factors of its segment, for each factor, (1, M, after)."""
    order = tf.argsort(segments, stable=True)
    x, segments = tf.gather(factors, order, axis=1), tf.gather(segments, order)
    after = _of_following(x, segments)
    before = tf.reverse(_of_following(tf.reverse(x, [1]), tf.reverse(segments, [0])), [1])
    return tf.gather(before * after, tf.argsort(order), axis=1)


def _of_following(x: tf.Tensor, segments: tf.Tensor) -> tf.Tensor:
    """The product of all that follow in the same run of equal `segments`."""
    numbers = segments[tf.newaxis, :, tf.newaxis] + 1  # The number past the end is 0.
    numbers -= tf.reduce_min(numbers) - 1

    def following(t: tf.Tensor, shift: Shift) -> tf.Tensor:
        return tf.where(tf.equal(ahead(numbers, shift), numbers), ahead(t, shift), one)

    def step(shift: Shift, product: tf.Tensor) -> list[tf.Tensor]:
        return [product * following(product, shift)]

    one = tf.ones([], x.dtype)
    return doubled(step, [following(x, 1)])[0]


GRADIENTS = {
    "Cumprod": _cumprod,
    "SegmentProd": _segment_prod,
    "UnsortedSegmentProd": _segment_prod,
}
