"""Sparse tensors: values that are added, joined and normalized."""

from __future__ import annotations

import tensorflow as tf

from blockhess.gradients.broadcasting import with_axes_of

raw = tf.raw_ops


def _numbers(count: tf.Tensor) -> tf.Tensor:
    """1, 2, ..., as values that sparse kernels take: exact up to 2**53."""
    return tf.cast(tf.range(1, count + 1), tf.float64)


def _add(op: tf.Operation, _: object, cotangent: tf.Tensor, *__: object):
    """Each value's cotangent is that of the sum at its place. TensorFlow's SparseAddGrad takes it
    there and has no gradient; it finds the places here."""
    a, b = op.inputs[0], op.inputs[3]
    indices = op.outputs[0]
    number = _numbers(tf.shape(indices)[0])
    places = raw.SparseAddGrad(
        backprop_val_grad=number, a_indices=a, b_indices=b, sum_indices=indices
    )
    of_a, of_b = (_at(cotangent, place) for place in places)
    return None, of_a, None, None, of_b, None, None


def _at(cotangent: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """The cotangents at these places, counted from 1; 0 is none."""
    with_zero = tf.concat([tf.zeros([1], cotangent.dtype), cotangent], 0)
    return tf.gather(with_zero, tf.cast(place, tf.int32))


def _concat(op: tf.Operation, _: object, cotangent: tf.Tensor, *__: object):
    """The values in another order. TensorFlow declares the operation not differentiable."""
    count = len(op.inputs) // 3
    indices, values, shapes = (list(op.inputs[i * count : (i + 1) * count]) for i in range(3))
    sizes = [tf.shape(part)[0] for part in values]
    numbers = tf.split(_numbers(tf.add_n(sizes)), tf.stack(sizes), num=count)
    joined = raw.SparseConcat(
        indices=indices, values=numbers, shapes=shapes, concat_dim=op.get_attr("concat_dim")
    )
    place = tf.math.invert_permutation(tf.cast(joined.output_values, tf.int32) - 1)
    parts = tf.split(tf.gather(cotangent, place), tf.stack(sizes), num=count)
    return [*[None] * count, *parts, *[None] * count]


def _softmax(op: tf.Operation, cotangent: tf.Tensor):
    """y (g - sum of y g over the row). TensorFlow's gradient has an operation without one."""
    indices, y = op.inputs[0], op.outputs[0]
    rows = indices[:, :-1]
    is_next = tf.reduce_any(tf.not_equal(rows[1:], rows[:-1]), 1)
    row = tf.concat([tf.zeros_like(indices[:1, 0]), tf.cumsum(tf.cast(is_next, tf.int64))], 0)
    means = tf.math.segment_sum(y * cotangent, row)
    return None, y * (cotangent - tf.gather(means, row)), None


def _slice(op: tf.Operation, _: object, cotangent: tf.Tensor, *__: object):
    """The cotangents at the places that SparseSliceGrad finds, which has no gradient."""
    place = raw.SparseSliceGrad(
        backprop_val_grad=_numbers(tf.shape(op.outputs[0])[0]),
        input_indices=op.inputs[0],
        input_start=op.inputs[3],
        output_indices=op.outputs[0],
    )
    return None, _at(cotangent, place), None, None, None


def _fill_empty_rows(op: tf.Operation, _: object, cotangent: tf.Tensor, *__: object):
    """The cells that are no values are the default; TensorFlow's gradient has no gradient."""
    of_values = tf.gather(cotangent, op.outputs[3])
    return None, of_values, None, tf.reduce_sum(cotangent) - tf.reduce_sum(of_values)


def _segments(op: tf.Operation, cotangent: tf.Tensor):
    """Rows of the data, gathered and summed by segments; TensorFlow's gradients have none."""
    data, indices, segments = op.inputs[:3]
    count = tf.shape(cotangent)[0]
    ones = tf.ones_like(segments, cotangent.dtype)
    sizes = tf.maximum(tf.math.unsorted_segment_sum(ones, segments, count), 1)
    if "Mean" in op.type or "SqrtN" in op.type:
        scale = 1 / sizes if "Mean" in op.type else tf.math.rsqrt(sizes)
        cotangent *= with_axes_of(scale, cotangent)
    rows = tf.gather(cotangent, segments)
    of_data = tf.math.unsorted_segment_sum(rows, indices, tf.shape(data)[0])
    return of_data, *[None] * (len(op.inputs) - 1)


_SEGMENTS = [
    f"SparseSegment{kind}{more}"
    for kind in ("Sum", "Mean", "SqrtN")
    for more in ("", "WithNumSegments")
]

GRADIENTS = {
    "SparseAdd": _add,
    "SparseConcat": _concat,
    "SparseSoftmax": _softmax,
    "SparseSlice": _slice,
    "SparseFillEmptyRows": _fill_empty_rows,
    **dict.fromkeys(_SEGMENTS, _segments),
}
