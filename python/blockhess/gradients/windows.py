"""Windows that slide over images: their padding, and the cells of each window."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import tensorflow as tf

# A length is a number where the shape is known.
Length = int | tf.Tensor


class Windows(NamedTuple):
    """Windows along the spatial axes of a tensor.

    Attributes:
      axes: the numbers of these axes.
      sizes, strides, dilations: of the windows, one an axis.
      padding: SAME, VALID or EXPLICIT.
      explicit: before and after, one pair an axis, if it is EXPLICIT.
    """

    axes: Sequence[int]
    sizes: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    padding: bytes
    explicit: Sequence[tuple[int, int]]

    def counts(self, x: tf.Tensor) -> list[Length]:
        """How many windows there are along each axis."""
        return [self._count(_length(x, axis), i) for i, axis in enumerate(self.axes)]

    def padded(self, x: tf.Tensor, value: float = 0.0) -> tf.Tensor:
        pads: list = [(0, 0)] * x.shape.rank
        for i, axis in enumerate(self.axes):
            pads[axis] = self._pads(_length(x, axis), i)
        return tf.pad(x, pads, constant_values=tf.constant(value, x.dtype))

    def cells(self, padded: tf.Tensor, counts: Sequence[Length]) -> tf.Tensor:
        """The first cell of every window, the second, ...: row by row, along a new first axis."""
        found = []
        for offsets in product(*map(range, self.sizes)):
            where = [slice(None)] * padded.shape.rank
            for i, axis in enumerate(self.axes):
                begin = offsets[i] * self.dilations[i]
                end = begin + (counts[i] - 1) * self.strides[i] + 1
                where[axis] = slice(begin, end, self.strides[i])
            found.append(padded[tuple(where)])
        return tf.stack(found)

    def _extent(self, i: int) -> int:
        return (self.sizes[i] - 1) * self.dilations[i] + 1

    def _count(self, length: Length, i: int) -> Length:
        if self.padding == b"SAME":
            return -(-length // self.strides[i])
        if self.padding == b"EXPLICIT":
            length += sum(self.explicit[i])
        return (length - self._extent(i)) // self.strides[i] + 1

    def _pads(self, length: Length, i: int) -> tuple[Length, Length]:
        if self.padding == b"EXPLICIT":
            return self.explicit[i]
        if self.padding == b"VALID":
            return (0, 0)
        needed = (self._count(length, i) - 1) * self.strides[i] + self._extent(i)
        total = needed - length
        total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
        return (total // 2, total - total // 2)


def _length(x: tf.Tensor, axis: int) -> Length:
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]


def windows(
    op: tf.Operation,
    sizes: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] | None = None,
) -> Windows:
    """The windows of an operation with attributes `data_format` and `padding`.

    Args:
      op: a pooling or a convolution.
      sizes, strides, dilations: one for each axis of the data; a convolution has sizes for the
        spatial axes alone.
    """
    data_format = op.get_attr("data_format").decode()
    axes = [i for i, letter in enumerate(data_format) if letter in "DHW"]
    explicit: list[int] = []
    if op.get_attr("padding") == b"EXPLICIT":
        explicit = op.get_attr("explicit_paddings")
    return Windows(
        axes,
        [sizes[i] for i in axes] if len(sizes) == len(data_format) else sizes,
        [strides[i] for i in axes],
        [dilations[i] for i in axes] if dilations else [1] * len(axes),
        op.get_attr("padding"),
        [(explicit[2 * i], explicit[2 * i + 1]) for i in axes] if explicit else [],
    )
