"""Fourier transforms of fewer cells than there are, where TensorFlow's gradient raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

_RANKS = {"RFFT": 1, "RFFT2D": 2, "IRFFT": 1, "IRFFT2D": 2}


def _transform(op: tf.Operation) -> Callable[..., Sequence] | None:
    """The transform of what it reads: the first cells along each axis."""
    x, lengths = op.inputs[0], tf.get_static_value(op.inputs[1])
    rank = _RANKS[op.type]
    sizes = x.shape[-rank:] if x.shape.rank is not None else [None]
    if lengths is None or any(size is None for size in sizes):
        return None
    read = [int(n) for n in lengths]
    if op.type.startswith("I"):
        read[-1] = read[-1] // 2 + 1
    if all(n >= size for n, size in zip(read, sizes, strict=True)):
        return None
    first = (..., *(slice(n) for n in read))
    arguments = {"fft_length": op.inputs[1]}
    kind = "Treal" if op.type.startswith("I") else "Tcomplex"
    arguments[kind] = op.get_attr(kind)
    function = getattr(tf.raw_ops, op.type)
    return _gradient(lambda cells: function(input=cells[first], **arguments))


def _gradient(function: Callable) -> Callable[..., Sequence]:
    def gradient(op: tf.Operation, cotangent: tf.Tensor):
        x = tf.identity(op.inputs[0])
        return *tf.gradients(function(x), [x], [cotangent]), None

    return gradient


PATTERNS = dict.fromkeys(_RANKS, _transform)
