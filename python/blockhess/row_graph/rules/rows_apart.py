"""The rule of an operation of which nothing is known but that it keeps rows apart."""

from __future__ import annotations

import tensorflow as tf

from blockhess.row_graph.builder import Builder
from blockhess.row_graph.nodes import Geometry, Node, Unproven, Value


def rows_apart(builder: Builder, op: tf.Operation, inputs: list[Value]) -> tuple[Value, ...]:
    """Each output has the row axes of x in front, as have the inputs that depend on x."""
    nodes = [value.geometry for value in inputs if isinstance(value, Node)]
    return tuple(_output(builder, op, output, nodes) for output in op.outputs)


def _output(builder: Builder, op: tf.Operation, output: tf.Tensor, inputs: list[Geometry]) -> Value:
    first = inputs[0]
    if any(node.before or node.summed or node.rows != first.rows for node in inputs):
        return _unproven(op, output, "the rows of its inputs do not stand in front")
    shape = output.shape
    if shape.rank is None or shape.rank < first.rows:
        return _unproven(op, output, f"an output has shape {shape}, without the rows of x")
    known = [builder.row_size(first, axis) for axis in range(first.rows)]
    if not shape[: first.rows].is_compatible_with(known):
        return _unproven(op, output, f"an output has shape {shape}, with other rows than x")
    features = shape[first.rows :].as_list()
    if None in features:
        return _unproven(op, output, "the size of an axis is not known")
    return builder.opaque(op, Geometry(first.rows, tuple(features)), output.value_index)


def _unproven(op: tf.Operation, output: tf.Tensor, why: str) -> Unproven:
    return Unproven(output, f"{op.type} ('{op.name}'): {why}")
