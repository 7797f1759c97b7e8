"""Maxima of windows, where TensorFlow's kernels of the second derivative do not serve.

MaxPoolGradGrad of TensorFlow, on the CPU, may take the buffer of its argument for its result where
both have one shape, and clears it before it reads it. It knows no explicit padding, either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockhess.gradients.windows import Windows, windows
from blockhess.gradients.written_out import written_out


def _of_largest(x: tf.Tensor, value: tf.Tensor, found: Windows) -> tf.Tensor:
    """The cell of `value` where the window's largest cell of x is, the first of several."""
    counts = found.counts(x)
    cells = found.cells(found.padded(x, x.dtype.min), counts)
    values = cells if value is x else found.cells(found.padded(value), counts)
    return _at_largest(cells, values)


def _at_largest(cells: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The values where the cells are largest along the first axis. What is not taken counts as
    nothing, even if it is not finite."""
    is_largest = tf.one_hot(tf.argmax(cells, 0), tf.shape(cells)[0], True, False, axis=0)
    return tf.reduce_sum(tf.where(is_largest, values, tf.zeros([], values.dtype)), 0)


def _found(op: tf.Operation, first: int) -> Windows | None:
    """The windows, by attributes or, in the second version, by inputs; None if not constant."""
    if not op.type.endswith("V2"):
        return windows(op, op.get_attr("ksize"), op.get_attr("strides"))
    known: list = [tf.get_static_value(source) for source in op.inputs[first : first + 2]]
    return None if any(k is None for k in known) else windows(op, *(k.tolist() for k in known))


def _is_safe(op: tf.Operation, x: tf.Tensor, y: tf.Tensor) -> bool:
    """Whether TensorFlow's kernels serve: shapes are known to differ, no padding is explicit."""
    differ = not x.shape.is_compatible_with(y.shape)
    return differ and op.get_attr("padding") != b"EXPLICIT"


def _unknown(*_: object) -> None:
    raise LookupError(
        "MaxPoolV2 has a second derivative only where ksize and strides are constants"
    )


def _pool(op: tf.Operation) -> Callable[..., Sequence] | None:
    if _is_safe(op, op.inputs[0], op.outputs[0]):
        return None
    found = _found(op, 1)
    if found is None:
        return _unknown
    return written_out(lambda _, x, *__: _of_largest(x, x, found))


def _gradient_of_pool(op: tf.Operation) -> Callable[..., Sequence] | None:
    """The gradient is linear in the cotangent, and locally does not depend on the image."""
    x, y = op.inputs[:2]
    if _is_safe(op, x, y):
        return None
    found = _found(op, 3)
    if found is None:
        return _unknown
    rest = [None] * (len(op.inputs) - 3)
    return lambda _, cotangent: (None, None, _of_largest(x, cotangent, found), *rest)


def _with_argmax(op: tf.Operation, cotangent: tf.Tensor, _: tf.Tensor | None):
    """The sum of the cotangents whose maximum a pixel is; TensorFlow's gradient has none."""
    shape, places = tf.shape(op.inputs[0]), op.outputs[1]
    if not op.get_attr("include_batch_in_index"):
        size = tf.cast(tf.reduce_prod(shape[1:]), places.dtype)
        first = tf.range(tf.cast(shape[0], places.dtype)) * size
        places += first[:, tf.newaxis, tf.newaxis, tf.newaxis]
    flat = tf.reshape(cotangent, [-1]), tf.reshape(places, [-1]), tf.reduce_prod(shape)
    return tf.reshape(tf.math.unsorted_segment_sum(*flat), shape)


def _dilation(op: tf.Operation, x: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
    """The largest cell plus its place's filter; TensorFlow's gradient has none."""
    found = Windows(
        (1, 2),
        filters.shape[:2],
        op.get_attr("strides")[1:3],
        op.get_attr("rates")[1:3],
        op.get_attr("padding"),
        (),
    )
    cells = found.cells(found.padded(x, x.dtype.min), found.counts(x))
    channels = tf.shape(filters)[2]
    sums = cells + tf.reshape(filters, tf.stack([-1, 1, 1, 1, channels]))
    return _at_largest(sums, sums)


def _morphology(op: tf.Operation) -> Callable[..., Sequence] | None:
    return written_out(_dilation) if op.inputs[1].shape.is_fully_defined() else None


GRADIENTS = {"MaxPoolWithArgmax": _with_argmax}
PATTERNS = {
    "Dilation2D": _morphology,
    **dict.fromkeys(("MaxPool", "MaxPoolV2", "MaxPool3D"), _pool),
    **dict.fromkeys(("MaxPoolGrad", "MaxPoolGradV2", "MaxPool3DGrad"), _gradient_of_pool),
}
