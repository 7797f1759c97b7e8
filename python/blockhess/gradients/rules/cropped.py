"""Fourier transforms of fewer cells than there are, where TensorFlow's gradient raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockhess.gradients.written_out import written_out

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
    kind = "Treal" if op.type.startswith("I") else "Tcomplex"
    attributes = {kind: op.get_attr(kind)}
    function = getattr(tf.raw_ops, op.type)
    return written_out(lambda _, x, n: function(input=x[first], fft_length=n, **attributes))


PATTERNS = dict.fromkeys(_RANKS, _transform)
