"""What is known of a shape tensor when N is not: its elements, as far as they can be followed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from blockhess.row_graph.builder import Builder
from blockhess.row_graph.nodes import Node


@dataclass(frozen=True)
class RowAxis:
    """The size of the axis `axis` of x, one of its row axes."""

    axis: int


Size = int | RowAxis | None
Known = list[Size] | None  # None where not even the number of elements is known


def symbolic_shape(builder: Builder, tensor: tf.Tensor) -> Known:
    """The elements of an integer tensor of rank 0 or 1; -1 and what is not known are None."""
    value = tf.get_static_value(tensor)
    if value is not None:
        return [int(v) if v >= 0 else None for v in value.reshape(-1).tolist()] if (
            value.dtype.kind in "iu"
        ) else None  # fmt: skip
    follow = _FOLLOW.get(tensor.op.type)
    known = follow(builder, tensor.op) if follow else None
    if known is None and tensor.shape.rank in (0, 1) and tensor.shape.num_elements() is not None:
        return [None] * tensor.shape.num_elements()
    return known


def shape_inputs(op: tf.Operation) -> list[tf.Tensor]:
    """The inputs of an operation that its rule follows as shapes."""
    return [op.inputs[1]] if op.type in ("Reshape", "Transpose") else []


def sources(tensor: tf.Tensor) -> list[tf.Tensor]:
    """The tensors whose sizes a shape tensor is made of, where it is not known without them."""
    found: list[tf.Tensor] = []
    pending, seen = [tensor], set()
    while pending:
        current = pending.pop()
        if current.ref() in seen or tf.get_static_value(current) is not None:
            continue
        seen.add(current.ref())
        if current.op.type == "Shape":
            found.append(current.op.inputs[0])
        elif current.op.type in _FOLLOW:
            pending.extend(current.op.inputs)
    return found


def _shape(builder: Builder, op: tf.Operation) -> Known:
    source = builder.value_of(op.inputs[0])
    if not isinstance(source, Node):
        shape = op.inputs[0].shape
        return None if shape.rank is None else shape.as_list()
    geometry = source.geometry
    sizes = list(builder.dimensions(source))
    if geometry.rows == len(builder.row_shape):
        for i, axis in enumerate(geometry.row_axes):
            sizes[axis] = RowAxis(i) if sizes[axis] is None else sizes[axis]
    return sizes


def _integer(builder: Builder, tensor: tf.Tensor) -> int | None:
    known = symbolic_shape(builder, tensor)
    return known[0] if known and isinstance(known[0], int) else None


def _static(tensor: tf.Tensor) -> int | None:
    value = tf.get_static_value(tensor)
    return None if value is None else int(value.reshape(-1)[0])


def _concat(builder: Builder, op: tf.Operation) -> Known:
    parts = [symbolic_shape(builder, part) for part in op.inputs[:-1]]
    return None if None in parts else [size for part in parts for size in part]


def _pack(builder: Builder, op: tf.Operation) -> Known:
    parts = [symbolic_shape(builder, part) for part in op.inputs]
    return None if None in parts else [part[0] for part in parts]


def _gather(builder: Builder, op: tf.Operation) -> Known:
    sizes, indices = symbolic_shape(builder, op.inputs[0]), tf.get_static_value(op.inputs[1])
    if sizes is None or indices is None:
        return None
    return [sizes[i] for i in indices.reshape(-1).tolist()]


def _slice(builder: Builder, op: tf.Operation) -> Known:
    sizes = symbolic_shape(builder, op.inputs[0])
    begin, count = _integer(builder, op.inputs[1]), _static(op.inputs[2])
    if sizes is None or begin is None or count is None:
        return None
    return sizes[begin:] if count < 0 else sizes[begin : begin + count]


def _strided_slice(builder: Builder, op: tf.Operation) -> Known:
    sizes = symbolic_shape(builder, op.inputs[0])
    begin, end, stride = (_static(operand) for operand in op.inputs[1:])
    if sizes is None or None in (begin, end, stride):
        return None
    if op.get_attr("shrink_axis_mask"):
        return [sizes[begin]]
    if op.get_attr("ellipsis_mask") or op.get_attr("new_axis_mask"):
        return None
    begin = None if op.get_attr("begin_mask") else begin
    return sizes[begin : None if op.get_attr("end_mask") else end : stride]


def _prod(builder: Builder, op: tf.Operation) -> Known:
    sizes = symbolic_shape(builder, op.inputs[0])
    if sizes is None:
        return None
    if all(isinstance(size, int) for size in sizes):
        return [math.prod(sizes)]
    rest = [size for size in sizes if size != 1]
    return [rest[0] if len(rest) == 1 else None]


def _arithmetic(combine: Callable[[int, int], int]) -> Callable[..., Known]:
    def follow(builder: Builder, op: tf.Operation) -> Known:
        left, right = (symbolic_shape(builder, operand) for operand in op.inputs)
        if left is None or right is None or len(left) != 1 or len(right) != 1:
            return None
        integers = isinstance(left[0], int) and isinstance(right[0], int)
        return [combine(left[0], right[0]) if integers else None]

    return follow


def _same(builder: Builder, op: tf.Operation) -> Known:
    return symbolic_shape(builder, op.inputs[0])


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
