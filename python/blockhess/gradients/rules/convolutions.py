"""Dilated convolutions, which TensorFlow does not differentiate on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockhess.gradients.windows import windows
from blockhess.gradients.written_out import written_out


def _dilated(op: tf.Operation, x: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
    """A product with the filter for each of its places; TensorFlow's gradient fails as it runs."""
    found = windows(op, filters.shape[:2], op.get_attr("strides"), op.get_attr("dilations"))
    channels_last = op.get_attr("data_format") == b"NHWC"
    places = tf.reshape(filters, tf.concat([[-1], tf.shape(filters)[2:]], 0))
    equation = "pnyxc,pco->nyxo" if channels_last else "pncyx,pco->noyx"
    return tf.einsum(equation, found.cells(found.padded(x), found.counts(x)), places)


def _convolution(op: tf.Operation) -> Callable[..., Sequence] | None:
    if all(d == 1 for d in op.get_attr("dilations")):
        return None
    x, filters = op.inputs
    axis = op.get_attr("data_format").decode().index("C")
    if not filters.shape.is_fully_defined() or x.shape[axis] != filters.shape[2]:
        return None
    return written_out(_dilated)


PATTERNS = {"Conv2D": _convolution}
