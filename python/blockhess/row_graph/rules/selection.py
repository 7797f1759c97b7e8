"""Rules of operations that pick or put together cells within the row."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import Geometry, Joined, Node, Operand, Parameter, Value
from blockhess.row_graph.rules.picking import picked


def _static(tensor: tf.Tensor) -> np.ndarray | None:
    return tf.get_static_value(tensor)


def _from_output(op: tf.Operation, geometry: Geometry, row_start: int, output: int = 0):
    """The geometry whose feature sizes are those of the output's static shape, or None."""
    shape = op.outputs[output].shape
    if shape.rank is None:
        return None
    axes = [axis for axis in range(shape.rank) if not row_start <= axis < row_start + geometry.rows]
    sizes = [shape[axis] for axis in axes]
    if None in sizes:
        return None
    return Geometry(geometry.rows, tuple(sizes), row_start if geometry.rows else 0)


def _picked(
    builder: Builder, output: tf.Tensor, node: Node, geometry: Geometry, cells: np.ndarray
) -> Value:
    if geometry.size == 0:
        return builder.opaque(output.op, geometry, output.value_index)
    value = picked(builder, output, node, geometry, cells.reshape(-1))
    return Parameter(output) if isinstance(value, Operand) else value


def _strided_slice(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """x[:, 1:3] and its like: the index is applied to the cells' numbers."""
    node = inputs[0]
    bounds = [_static(operand) for operand in op.inputs[1:]]
    if not isinstance(node, Node) or any(bound is None for bound in bounds):
        return builder.unproven(op, "its bounds are not known")
    geometry = node.geometry
    index = _index(op, bounds, geometry.rank)
    taken = _within_row(geometry, index) if not geometry.summed else None
    if taken is None:
        return builder.unproven(op, "takes some rows and leaves others")
    within, before = taken
    cells = np.arange(geometry.size).reshape(geometry.features)
    taken_cells = cells[tuple(within)]
    result = Geometry(geometry.rows, taken_cells.shape, before)
    if np.array_equal(taken_cells.reshape(-1), cells.reshape(-1)):
        return builder.moved(op, node, result)
    return _picked(builder, op.outputs[0], node, result, taken_cells)


def _within_row(geometry: Geometry, index: list) -> tuple[list, int] | None:
    """(the index of the features, how many stand before the rows), if every row is taken whole."""
    within, before, axis = [], 0, 0
    for part in index:
        if part is not None and axis in geometry.row_axes:
            if part != slice(None):
                return None
        else:
            if part is None and geometry.before < axis < geometry.before + geometry.rows:
                return None
            within.append(part)
            before += geometry.rows > 0 and axis <= geometry.before and not isinstance(part, int)
        axis += part is not None
    return within, before


def _index(op: tf.Operation, bounds: list[np.ndarray], rank: int) -> list:
    """The NumPy index that a StridedSlice stands for, an ellipsis spelled out."""
    begin, end, stride = (bound.tolist() for bound in bounds)
    masks = {
        name: op.get_attr(f"{name}_mask")
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }

    def bit(name: str, i: int) -> bool:
        return bool(masks[name] >> i & 1)

    consumed = sum(not bit("new_axis", i) and not bit("ellipsis", i) for i in range(len(begin)))
    index: list = []
    for i, (low, high, step) in enumerate(zip(begin, end, stride, strict=True)):
        if bit("ellipsis", i):
            index += [slice(None)] * (rank - consumed)
        elif bit("new_axis", i):
            index.append(None)
        elif bit("shrink_axis", i):
            index.append(low)
        else:
            low, high = (None if bit("begin", i) else low), (None if bit("end", i) else high)
            index.append(slice(low, high, None if step == 1 else step))
    missing = rank - sum(part is not None for part in index)
    return index + [slice(None)] * missing


def _gather(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    node, indices, axis = inputs[0], _static(op.inputs[1]), _static(op.inputs[2])
    if not isinstance(node, Node) or axis is None or node.geometry.before or node.geometry.summed:
        return builder.unproven(op, "its axis is not known")
    geometry, axis = node.geometry, int(axis) % node.geometry.rank
    if axis in geometry.row_axes or op.get_attr("batch_dims"):
        return builder.unproven(op, "picks rows")
    if indices is None:
        result = _from_output(op, geometry, 0)
        return builder.unproven(op, "its size is not known") if result is None else (
            builder.opaque(op, result)
        )  # fmt: skip
    cells = np.arange(geometry.size).reshape(geometry.features)
    taken = np.take(cells, indices, axis - geometry.rows)
    return _picked(builder, op.outputs[0], node, Geometry(geometry.rows, taken.shape), taken)


def _unpack(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value | tuple[Value, ...]:
    node = inputs[0]
    geometry = node.geometry
    axis = op.get_attr("axis") % geometry.rank
    if axis in geometry.row_axes or geometry.before or geometry.summed:
        reason = builder.unproven(op, "parts the rows")
        return tuple(reason for _ in op.outputs)
    cells = np.arange(geometry.size).reshape(geometry.features)
    parts = np.moveaxis(cells, axis - geometry.rows, 0)
    return tuple(
        _picked(builder, output, node, Geometry(geometry.rows, part.shape), part)
        for part, output in zip(parts, op.outputs, strict=True)
    )


def _split(builder: Builder, op: tf.Operation, inputs: list[Value]) -> tuple[Value, ...]:
    value, axis = (
        (op.inputs[1], op.inputs[0]) if op.type == "Split" else (op.inputs[0], op.inputs[2])
    )
    node, axis = builder.value_of(value), _static(axis)
    if not isinstance(node, Node) or axis is None or node.geometry.before or node.geometry.summed:
        return tuple(builder.unproven(op, "its axis is not known") for _ in op.outputs)
    geometry, axis = node.geometry, int(axis) % node.geometry.rank
    widths = [output.shape[axis] for output in op.outputs]
    if axis in geometry.row_axes or None in widths:
        return tuple(builder.unproven(op, "parts the rows") for _ in op.outputs)
    cells = np.arange(geometry.size).reshape(geometry.features)
    parts = np.split(cells, np.cumsum(widths)[:-1], axis - geometry.rows)
    return tuple(
        _picked(builder, output, node, Geometry(geometry.rows, part.shape), part)
        for part, output in zip(parts, op.outputs, strict=True)
    )


def _joined(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """Concat and Pack along a feature axis; parameters among the parts must have the rows."""
    nodes = [value for value in inputs if isinstance(value, Node)]
    first, stacks = nodes[0].geometry, op.type == "Pack"
    axis = op.get_attr("axis") if stacks else _static(op.inputs[-1])
    same = all((n.geometry.rows, n.geometry.before) == (first.rows, first.before) for n in nodes)
    if axis is None or not same or first.summed:
        return builder.unproven(op, "its parts do not have the same rows")
    axis = int(axis) % (first.rank + stacks)
    low, high = first.before, first.before + first.rows
    if (low < axis < high) if stacks else (low <= axis < high):
        return builder.unproven(op, "joins rows")
    before = low + (stacks and first.rows > 0 and axis <= low)
    result = _from_output(op, first, before)
    if result is None:
        return builder.unproven(op, "the size of an axis is not known")
    values = inputs if stacks else inputs[:-1]
    whole = builder.opaque(op, result)
    features = [_features(value, first) for value in values]
    if None in features:
        return whole
    parts = [
        builder.operand(value, Geometry(first.rows, sizes, first.before))
        if isinstance(value, Parameter)
        else value
        for value, sizes in zip(values, features, strict=True)
    ]
    along = result.feature_axes.index(axis)
    owners = [np.full(sizes, number) for number, sizes in enumerate(features)]
    cells = [np.arange(owner.size).reshape(owner.shape) for owner in owners]
    join = np.stack if stacks else np.concatenate
    return Joined(
        whole.tensor,
        result,
        whole.reason,
        tuple(parts),
        *(join(numbers, along).reshape(-1) for numbers in (owners, cells)),
    )


def _features(value: Value, geometry: Geometry) -> tuple[int, ...] | None:
    """The sizes of the axes that are not rows; `geometry` says where those of a parameter stand."""
    if isinstance(value, Node):
        return value.geometry.features
    shape = value.tensor.shape
    sizes = None if shape.rank is None else [shape[axis] for axis in geometry.feature_axes]
    return None if sizes is None or None in sizes else tuple(sizes)


def _tile(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    node, multiples = inputs[0], _static(op.inputs[1])
    if multiples is None or not isinstance(node, Node) or node.geometry.summed:
        return builder.unproven(op, "its multiples are not known")
    if any(multiples[axis] != 1 for axis in node.geometry.row_axes):
        return builder.unproven(op, "repeats the rows")
    sizes = [
        size * int(multiples[axis])
        for axis, size in zip(node.geometry.feature_axes, node.geometry.features, strict=True)
    ]
    geometry = Geometry(node.geometry.rows, tuple(sizes), node.geometry.before)
    return builder.opaque(op, geometry) if math.prod(sizes) != node.geometry.size else (
        builder.moved(op, node, geometry)
    )  # fmt: skip


RULES: dict[str, Rule] = {
    "StridedSlice": _strided_slice,
    "GatherV2": _gather,
    "Unpack": _unpack,
    **dict.fromkeys(("Split", "SplitV"), _split),
    **dict.fromkeys(("ConcatV2", "Pack"), _joined),
    "Tile": _tile,
}
