"""What is known of a shape tensor when N is not: its elements, as far as they can be followed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from blockhess.row_graph.nodes import Node


@dataclass(frozen=True)
class RowAxis:
    """The size of the axis `axis` of x, one of its row axes."""

    axis: int


Size = int | RowAxis | None
Known = list[Size] | None  # None where not even the number of elements is known


def symbolic_shape(reader, tensor: tf.Tensor) -> Known:
    """The elements of an integer tensor of rank 0 or 1; -1 and what is not known are None."""
    value = tf.get_static_value(tensor)
    if value is not None:
        return [int(v) if v >= 0 else None for v in value.reshape(-1).tolist()] if (
            value.dtype.kind in "iu"
        ) else None  # fmt: skip
    follow = _FOLLOW.get(tensor.op.type)
    known = follow(reader, tensor.op) if follow else None
    if known is None and tensor.shape.rank in (0, 1) and tensor.shape.num_elements() is not None:
        return [None] * tensor.shape.num_elements()
    return known


def _shape(reader, op: tf.Operation) -> Known:
    source = reader.read(op.inputs[0])
    if not isinstance(source, Node):
        shape = op.inputs[0].shape
        return None if shape.rank is None else shape.as_list()
    geometry = source.geometry
    sizes = list(reader.dimensions(source))
    if geometry.rows == len(reader.row_shape):
        for i, axis in enumerate(geometry.row_axes):
            sizes[axis] = RowAxis(i) if sizes[axis] is None else sizes[axis]
    return sizes


def _integer(reader, tensor: tf.Tensor) -> int | None:
    known = symbolic_shape(reader, tensor)
    return known[0] if known and isinstance(known[0], int) else None


def _static(tensor: tf.Tensor) -> int | None:
    value = tf.get_static_value(tensor)
    return None if value is None else int(value.reshape(-1)[0])


def _concat(reader, op: tf.Operation) -> Known:
    parts = [symbolic_shape(reader, part) for part in op.inputs[:-1]]
    return None if None in parts else [size for part in parts for size in part]


def _pack(reader, op: tf.Operation) -> Known:
    parts = [symbolic_shape(reader, part) for part in op.inputs]
    return None if None in parts else [part[0] for part in parts]


def _gather(reader, op: tf.Operation) -> Known:
    sizes, indices = symbolic_shape(reader, op.inputs[0]), tf.get_static_value(op.inputs[1])
    if sizes is None or indices is None:
        return None
    return [sizes[i] for i in indices.reshape(-1).tolist()]


def _slice(reader, op: tf.Operation) -> Known:
    sizes = symbolic_shape(reader, op.inputs[0])
    begin, count = _integer(reader, op.inputs[1]), _static(op.inputs[2])
    if sizes is None or begin is None or count is None:
        return None
    return sizes[begin:] if count < 0 else sizes[begin : begin + count]


def _strided_slice(reader, op: tf.Operation) -> Known:
    sizes = symbolic_shape(reader, op.inputs[0])
    begin, end, stride = (_static(operand) for operand in op.inputs[1:])
    if sizes is None or None in (begin, end, stride):
        return None
    if op.get_attr("shrink_axis_mask"):
        return [sizes[begin]]
    if op.get_attr("ellipsis_mask") or op.get_attr("new_axis_mask"):
        return None
    begin = None if op.get_attr("begin_mask") else begin
    return sizes[begin : None if op.get_attr("end_mask") else end : stride]


def _prod(reader, op: tf.Operation) -> Known:
    sizes = symbolic_shape(reader, op.inputs[0])
    if sizes is None:
        return None
    if all(isinstance(size, int) for size in sizes):
        return [math.prod(sizes)]
    rest = [size for size in sizes if size != 1]
    return [rest[0] if len(rest) == 1 else None]


def _arithmetic(combine: Callable[[int, int], int]) -> Callable[..., Known]:
    def follow(reader, op: tf.Operation) -> Known:
        left, right = (symbolic_shape(reader, operand) for operand in op.inputs)
        if left is None or right is None or len(left) != 1 or len(right) != 1:
            return None
        integers = isinstance(left[0], int) and isinstance(right[0], int)
        return [combine(left[0], right[0]) if integers else None]

    return follow


def _same(reader, op: tf.Operation) -> Known:
    return symbolic_shape(reader, op.inputs[0])


_FOLLOW: dict[str, Callable[..., Known]] = {
    "Shape": _shape,
    "ConcatV2": _concat,
    "Pack": _pack,
    "GatherV2": _gather,
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "Prod": _prod,
    "Sub": _arithmetic(lambda a, b: a - b),
    "AddV2": _arithmetic(lambda a, b: a + b),
    "Mul": _arithmetic(lambda a, b: a * b),
    **dict.fromkeys(("Identity", "Cast", "ExpandDims", "Squeeze", "Reshape"), _same),
}
