"""Rules of operations that move axes about and keep every row's cells together."""

from __future__ import annotations

import math

import tensorflow as tf

from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import Geometry, Node, Value
from blockhess.row_graph.symbolic_shape import RowAxis, symbolic_shape


def _reshape(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """Reshape: rows stay rows where the trailing axes of the result hold just one row's cells."""
    node = inputs[0]
    if not isinstance(node, Node):
        return builder.unproven(op, "its shape varies with x")
    geometry = node.geometry
    sizes = symbolic_shape(builder, op.inputs[1])
    static = op.outputs[0].shape.as_list() if op.outputs[0].shape.rank is not None else None
    if sizes is None:
        sizes = static
    if sizes is None:
        return builder.unproven(op, "its new shape is not known")
    if static is not None:
        sizes = [a if a is not None else b for a, b in zip(sizes, static, strict=True)]
    if sizes == builder.dimensions(node) and None not in sizes:
        return builder.moved(op, node, geometry)
    if geometry.before:
        return builder.unproven(op, "the rows are not its first axis")
    result = _split(builder, geometry, sizes)
    if result is None:
        return builder.unproven(op, "it does not keep the rows")
    return builder.moved(op, node, result)


def _split(
    builder: Builder, geometry: Geometry, sizes: list[int | RowAxis | None]
) -> Geometry | None:
    """The geometry of a reshaped tensor, or None where it does not keep the rows.

    If trailing axes hold just the cells of one row, the leading axes hold the rows, in order.
    """
    rows = len(builder.row_shape)
    for leading in dict.fromkeys((geometry.rows, rows, 1)) if geometry.rows else (0,):
        features = sizes[leading:]
        if leading > len(sizes) or not all(isinstance(size, int) for size in features):
            continue
        if math.prod(features) == geometry.size and (
            leading <= 1 or _same_rows(builder, sizes[:leading])
        ):
            return Geometry(leading, tuple(features), 0, geometry.summed)
    return None


def _same_rows(builder: Builder, sizes: list[int | RowAxis | None]) -> bool:
    """Whether the leading sizes are those of x, one by one; one unknown size follows from them."""
    unknown = 0
    for axis, size in enumerate(sizes):
        if size is None:
            unknown += 1
        elif size != RowAxis(axis) and (size != builder.row_shape[axis]):
            return False
    return unknown <= 1


def _expand_dims(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    axis = tf.get_static_value(op.inputs[1])
    node = inputs[0]
    if axis is None or not isinstance(node, Node):
        return builder.unproven(op, "its axis is not known")
    geometry = node.geometry
    axis = int(axis.item()) % (geometry.rank + 1)
    features, before = list(geometry.features), geometry.before
    if geometry.rows and geometry.before < axis < geometry.before + geometry.rows:
        return builder.unproven(op, "its new axis parts the row axes")
    if geometry.rows and axis <= before:
        features.insert(axis, 1)
        before += 1
    else:
        features.insert(axis - geometry.rows, 1)
    return builder.moved(
        op, node, Geometry(geometry.rows, tuple(features), before, geometry.summed)
    )


def _squeeze(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    node = inputs[0]
    geometry, sizes = node.geometry, builder.dimensions(node)
    axes = [axis % geometry.rank for axis in op.get_attr("squeeze_dims")]
    if not axes:
        if None in sizes:
            return builder.unproven(op, "it may remove the row axis where there is one row")
        axes = [axis for axis, size in enumerate(sizes) if size == 1]
    if any(axis in geometry.row_axes for axis in axes):
        return builder.unproven(op, "it removes a row axis")
    return builder.moved(op, node, _without(geometry, axes))


def _without(geometry: Geometry, axes: list[int]) -> Geometry:
    kept = [axis for axis in geometry.feature_axes if axis not in axes]
    size = dict(zip(geometry.feature_axes, geometry.features, strict=True))
    before = sum(axis < geometry.before for axis in kept)
    return Geometry(geometry.rows, tuple(size[a] for a in kept), before, geometry.summed)


def _transpose(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    node = inputs[0]
    order = symbolic_shape(builder, op.inputs[1])
    if order is None or not all(isinstance(axis, int) for axis in order):
        return builder.unproven(op, "its permutation is not known")
    geometry = node.geometry
    order = [axis % geometry.rank for axis in order]
    rows = [order.index(axis) for axis in geometry.row_axes]
    if rows and rows != list(range(rows[0], rows[0] + len(rows))):
        return builder.unproven(op, "it parts or permutes the row axes")
    size = dict(zip(geometry.feature_axes, geometry.features, strict=True))
    kept = [axis for axis in order if axis in size]
    before = sum(order.index(axis) < rows[0] for axis in kept) if rows else 0
    result = Geometry(geometry.rows, tuple(size[a] for a in kept), before, geometry.summed)
    large = [axis for axis in kept if size[axis] != 1]
    if large == sorted(large):
        return builder.moved(op, node, result)
    if geometry.summed:
        return builder.unproven(op, "permutes the cells of a sum over rows")
    return builder.opaque(op, result)


RULES: dict[str, Rule] = {
    "Reshape": _reshape,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
}
