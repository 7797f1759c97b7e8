"""Rules of reductions: within the row, and over the rows."""

from __future__ import annotations

import math

import tensorflow as tf

from blockhess import expressions as e
from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    Node,
    Operand,
    Parameter,
    Total,
    Value,
)


def _axes(op: tf.Operation, rank: int) -> list[int] | None:
    axes = tf.get_static_value(op.inputs[1])
    return None if axes is None else sorted({int(a) % rank for a in axes.reshape(-1)})


def _after(geometry: Geometry, axes: list[int], keep: bool) -> Geometry:
    """The geometry with the (feature) axes removed, or kept with size 1."""
    features, before = [], 0
    for axis, size in zip(geometry.feature_axes, geometry.features, strict=True):
        if axis not in axes or keep:
            features.append(1 if axis in axes else size)
            before += axis < geometry.before
    return Geometry(geometry.rows, tuple(features), before, geometry.summed)


def _plan(builder: Builder, op: tf.Operation, node: Node):
    """(feature axes that are reduced, whether the rows are), or Unproven."""
    geometry = node.geometry
    axes = _axes(op, geometry.rank) if geometry.rank else []
    if axes is None:
        return builder.unproven(op, "its axes are not known")
    rows = [axis for axis in axes if axis in geometry.row_axes]
    if rows and len(rows) != geometry.rows:
        return builder.unproven(op, "it reduces some of the row axes and keeps others")
    return [axis for axis in axes if axis not in geometry.row_axes], bool(rows)


def _sum(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    node = inputs[0]
    if not isinstance(node, Node):
        return builder.unproven(op, "its axes vary with x")
    planned = _plan(builder, op, node)
    if not isinstance(planned, tuple):
        return planned
    axes, over_rows = planned
    keep = op.get_attr("keep_dims")
    result = _over_cells(builder, op, node, _after(node.geometry, axes, keep))
    if over_rows and isinstance(result, Node):
        result = _over_rows(op, result, keep)
    return result


def _over_cells(builder: Builder, op: tf.Operation, node: Node, geometry: Geometry) -> Value:
    if geometry.size == node.geometry.size:
        return builder.moved(op, node, geometry)
    if geometry.size == 1:
        return builder.sum_of_cells(op, node, geometry)
    if geometry.summed:
        return builder.unproven(op, "adds up some cells of a sum over rows")
    return builder.opaque(op, geometry)


def _over_rows(op: tf.Operation, node: Node, keep: bool) -> Node:
    geometry = node.geometry
    features = list(geometry.features)
    if keep:
        features[geometry.before : geometry.before] = [1] * geometry.rows
    return Total(op.outputs[0], Geometry(0, tuple(features), 0, True), node)


def _scaled(op: tf.Operation, node: Node, factor: e.Expression) -> Node:
    return Elementwise(op.outputs[0], node.geometry, ARGUMENTS[0] * factor, (node,))


def _mean(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    result = _sum(builder, op, inputs)
    node = inputs[0]
    if not isinstance(result, Node):
        return result
    axes, over_rows = _plan(builder, op, node)
    sizes = dict(zip(node.geometry.feature_axes, node.geometry.features, strict=True))
    count = 1
    for axis in axes:
        count *= sizes[axis]
    if over_rows:
        rows = builder.row_dimensions(node.geometry)
        if all(isinstance(size, int) and size > 0 for size in rows):
            for size in rows:
                count *= size
        else:
            result = _divided_by_rows(op, result, tf.reduce_prod(tf.stack(rows)), builder.dtype)
    share = 1.0 / count if count else math.nan  # The mean of no columns is NaN.
    return result if count == 1 else _scaled(op, result, e.Constant(share))


def _divided_by_rows(op: tf.Operation, total: Node, number: tf.Tensor, dtype: tf.DType) -> Node:
    """A sum over rows divided by their number; nan where there are none, as TensorFlow has it."""
    factor = tf.math.reciprocal(tf.cast(number, dtype))
    nan_of_none = factor - factor
    mean = ARGUMENTS[0] * ARGUMENTS[1] + ARGUMENTS[2]
    arguments = (total, Operand(factor), Operand(nan_of_none))
    return Elementwise(op.outputs[0], total.geometry, mean, arguments)


def _euclidean_norm(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """sqrt(sum(a**2)) within the row; over the rows it is not a sum of rows."""
    node = inputs[0]
    planned = _plan(builder, op, node)
    if not isinstance(planned, tuple):
        return planned
    axes, over_rows = planned
    if over_rows:
        return builder.unproven(op, "is not linear in a sum over rows")
    squares = Elementwise(op.outputs[0], node.geometry, e.square(ARGUMENTS[0]), (node,))
    total = _over_cells(builder, op, squares, _after(node.geometry, axes, op.get_attr("keep_dims")))
    if not isinstance(total, Node):
        return total
    return Elementwise(op.outputs[0], total.geometry, e.sqrt(ARGUMENTS[0]), (total,))


def _l2_loss(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """sum(a**2) / 2 over everything."""
    node = inputs[0]
    if node.geometry.summed:
        return builder.unproven(op, "is not linear in a sum over rows")
    half = Elementwise(op.outputs[0], node.geometry, 0.5 * e.square(ARGUMENTS[0]), (node,))
    row = builder.sum_of_cells(op, half, Geometry(node.geometry.rows, ()))
    return _over_rows(op, row, False) if node.geometry.rows else row


def _within_row(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """A reduction with no place in the formula: row-wise so long as the rows stay."""
    node = inputs[0]
    planned = _plan(builder, op, node) if isinstance(node, Node) else builder.unproven(op, "axes")
    if not isinstance(planned, tuple):
        return planned
    axes, over_rows = planned
    if over_rows or node.geometry.summed:
        return builder.unproven(op, "is not linear in a sum over rows")
    if op.outputs[0].dtype.is_complex:
        return builder.unproven(op, "gives complex numbers")
    if not op.outputs[0].dtype.is_floating:
        return Parameter(op.outputs[0])
    return builder.opaque(op, _after(node.geometry, axes, op.get_attr("keep_dims")))


RULES: dict[str, Rule] = {
    "Sum": _sum,
    "Mean": _mean,
    "EuclideanNorm": _euclidean_norm,
    "L2Loss": _l2_loss,
    **dict.fromkeys(("Max", "Min", "Prod", "All", "Any"), _within_row),
}
