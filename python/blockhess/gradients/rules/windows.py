"""Windows that slide over images: how the padding goes, and the cells of each window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import tensorflow as tf


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

    def counts(self, x: tf.Tensor) -> list[tf.Tensor]:
        """How many windows there are along each axis."""
        return [self._count(tf.shape(x)[axis], i) for i, axis in enumerate(self.axes)]

    def padded(self, x: tf.Tensor, value: float = 0.0) -> tf.Tensor:
        pads: list = [(0, 0)] * x.shape.rank
        for i, axis in enumerate(self.axes):
            pads[axis] = self._pads(tf.shape(x)[axis], i)
        return tf.pad(x, pads, constant_values=tf.constant(value, x.dtype))

    def cells(self, padded: tf.Tensor, counts: Sequence[tf.Tensor]) -> Iterator[tf.Tensor]:
        """The first cell of every window, the second, ...: row by row, a tensor each."""
        rank = padded.shape.rank
        for offsets in product(*map(range, self.sizes)):
            begin, end, strides = [0] * rank, list(tf.unstack(tf.shape(padded))), [1] * rank
            for i, axis in enumerate(self.axes):
                begin[axis] = offsets[i] * self.dilations[i]
                end[axis] = begin[axis] + (counts[i] - 1) * self.strides[i] + 1
                strides[axis] = self.strides[i]
            yield tf.strided_slice(padded, begin, end, strides)

    def _extent(self, i: int) -> int:
        return (self.sizes[i] - 1) * self.dilations[i] + 1

    def _count(self, length: tf.Tensor, i: int) -> tf.Tensor:
        if self.padding == b"SAME":
            return -(-length // self.strides[i])
        if self.padding == b"EXPLICIT":
            length += sum(self.explicit[i])
        return (length - self._extent(i)) // self.strides[i] + 1

    def _pads(self, length: tf.Tensor, i: int) -> tuple:
        if self.padding == b"EXPLICIT":
            return self.explicit[i]
        if self.padding == b"VALID":
            return (0, 0)
        needed = (self._count(length, i) - 1) * self.strides[i] + self._extent(i)
        total = tf.maximum(needed - length, 0)
        return (total // 2, total - total // 2)


def windows(
    op: tf.Operation,
    sizes: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] | None = None,
) -> Windows:
    """Those of an operation with attributes `data_format` and `padding`.

    Args:
      op: a pooling or a convolution.
      sizes, strides, dilations: one for each axis of the data; of the sizes alone the convolution
        has one for each spatial axis.
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
