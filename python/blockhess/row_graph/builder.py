"""What rules build values with, and all that they may know of x: they do not read the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from blockhess.expressions import Expression, affine
from blockhess.row_graph.inlining import describe
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    Node,
    Opaque,
    Operand,
    Parameter,
    Reduction,
    Unproven,
    Value,
)


class Builder:
    """Builds the values of a row graph over x.

    Args:
      x: tensor of shape (..., K) with a known rank and a known K.
      values: what has been read so far, by the references of tensors.

    Attributes:
      dtype: that nodes are to be computed in and parameters are brought to: float32 or float64.
      row_shape: the static sizes of the row axes of x.
      checks: the operations read so far that fail the run at NaN or Inf.
    """

    def __init__(self, x: tf.Tensor, values: Mapping[object, Value]) -> None:
        self.x = x
        self.dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
        self.row_shape: tuple[int | None, ...] = tuple(x.shape[:-1].as_list())
        self.checks: list[tf.Operation] = []
        self._values = values

    def value_of(self, tensor: tf.Tensor) -> Value:
        """The value of an input, or of what `symbolic_shape.sources` names: it has been read."""
        return self._values[tensor.ref()]

    def unproven(self, op: tf.Operation, why: str) -> Unproven:
        return Unproven(op.outputs[0], f"{describe(op)}: {why}")

    def opaque(self, op: tf.Operation, geometry: Geometry, output: int = 0) -> Opaque:
        return Opaque(op.outputs[output], geometry, f"{describe(op)}")

    def row_dimensions(self, geometry: Geometry) -> list[int | tf.Tensor]:
        """The sizes of the row axes of a tensor of this geometry, static where they are known."""
        dynamic = tf.shape(self.x)
        sizes = [s if s is not None else dynamic[i] for i, s in enumerate(self.row_shape)]
        if geometry.rows == len(sizes):
            return sizes
        return [tf.reduce_prod(tf.stack(sizes))]

    def row_size(self, geometry: Geometry, axis: int) -> int | None:
        """The static size of the row axis `axis` (counted from the first row axis)."""
        if geometry.rows == len(self.row_shape):
            return self.row_shape[axis]
        return None

    def dimensions(self, value: Value) -> list[int | None] | None:
        """The static sizes of the axes of a value's tensor, None for what is not known."""
        if not isinstance(value, Node):
            shape = value.tensor.shape
            return None if shape.rank is None else shape.as_list()
        geometry = value.geometry
        sizes: list[int | None] = [None] * geometry.rank
        for axis, size in zip(geometry.feature_axes, geometry.features, strict=True):
            sizes[axis] = size
        for i, axis in enumerate(geometry.row_axes):
            sizes[axis] = self.row_size(geometry, i)
        return sizes

    def align(self, op: tf.Operation, values: Sequence[Value]) -> Geometry | Unproven:
        """The geometry of the result of an operation that broadcasts its inputs."""
        nodes = [value.geometry for value in values if isinstance(value, Node)]
        first, shapes = nodes[0], [self.dimensions(value) for value in values]
        if None in shapes:
            return self.unproven(op, "the rank of an input is not known")
        if any(node.summed != first.summed for node in nodes):
            return self.unproven(op, "mixes a sum over rows with single rows")
        places = {(node.rows, node.after) for node in nodes}
        if first.rows and len(places) > 1:
            return self.unproven(op, "the rows of its inputs stand on different axes")
        rank = max(len(shape) for shape in shapes)
        before = rank - first.rows - first.after if first.rows else 0
        columns = [[s[axis] for s in shapes if -axis <= len(s)] for axis in range(-rank, 0)]
        for row in range(first.rows):
            known = {size for size in columns[before + row] if size is not None}
            expected = self.row_size(first, row)
            if expected == 1 and known != {1}:
                return self.unproven(op, f"has {max(known)} rows where x has one")
        sizes = []
        for column in columns[:before] + columns[before + first.rows :]:
            large = [size for size in column if size not in (None, 1)]
            if not large and None in column:
                return self.unproven(op, "the size of an axis is not known")
            sizes.append(large[0] if large else 1)
        return Geometry(first.rows, tuple(sizes), before, first.summed)

    def elementwise(
        self, op: tf.Operation, expression: Expression, values: Sequence[Value], output: int = 0
    ) -> Value:
        """`expression` of the values (named by ARGUMENTS), broadcast as TensorFlow broadcasts."""
        geometry = self.align(op, values)
        if isinstance(geometry, Unproven):
            return geometry
        nodes = [value for value in values if isinstance(value, Node)]
        if geometry.summed and not self._affine(expression, values):
            return self.unproven(op, "is not linear in a sum over rows")
        if any(node.geometry.size not in (1, geometry.size) for node in nodes):
            return self.opaque(op, geometry, output)
        arguments = tuple(
            value if isinstance(value, Node) else self.operand(value, geometry) for value in values
        )
        return Elementwise(op.outputs[output], geometry, expression, arguments)

    @staticmethod
    def _affine(expression: Expression, values: Sequence[Value]) -> bool:
        varying = [a for a, v in zip(ARGUMENTS, values, strict=False) if isinstance(v, Node)]
        return affine(expression, varying) is not None

    def operand(self, parameter: Parameter, geometry: Geometry) -> Operand:
        """The parameter in the form the fused op reads, for a result of this geometry."""
        tensor = parameter.tensor
        if tensor.dtype != self.dtype:
            tensor = tf.cast(tensor, self.dtype)
        rank = tensor.shape.rank
        if rank == 0 or (geometry.rows <= 1 and self._is_plain(geometry, tensor.shape)):
            return Operand(tensor)
        with tf.name_scope("operand"):
            shape = [1] * (geometry.rank - rank) + tensor.shape.as_list()
            if None in shape:
                dynamic = tf.concat([[1] * (geometry.rank - rank), tf.shape(tensor)], 0)
                tensor = tf.reshape(tensor, dynamic)
            else:
                tensor = tf.reshape(tensor, shape)
            order = [*geometry.row_axes, *geometry.feature_axes]
            if order != list(range(geometry.rank)):
                tensor = tf.transpose(tensor, order)
            one_row = all(shape[axis] == 1 for axis in geometry.row_axes)
            one_cell = all(shape[axis] == 1 for axis in geometry.feature_axes)
            # With one row axis the fused op itself tells 1 from N; several must agree first.
            rows = [1] * geometry.rows if one_row else self.row_dimensions(geometry)
            cells = [1] * len(geometry.features) if one_cell else list(geometry.features)
            if geometry.rows > 1 or not one_cell:
                keep = geometry.rows == 1 and not one_row
                target = ([tf.shape(tensor)[0]] if keep else rows) + cells
                tensor = tf.broadcast_to(tensor, tf.stack(target) if target else [])
            flat = [1 if one_row else -1, 1 if one_cell else geometry.size]
            return Operand(tf.reshape(tensor, flat))

    @staticmethod
    def _is_plain(geometry: Geometry, shape: tf.TensorShape) -> bool:
        """Whether a tensor of that shape already is (1 | cells,) or (1 | rows, 1 | cells)."""
        vector = geometry.before == 0 and len(geometry.features) == 1
        return vector and shape.rank <= geometry.rank and shape[-1] in (1, geometry.size)

    def sum_of_cells(self, op: tf.Operation, node: Node, geometry: Geometry) -> Node:
        """The sum over the node's cells, as the output of `op`: a tensor of one cell a row."""
        if node.geometry.size == 1:
            return self.moved(op, node, geometry)
        return Reduction(op.outputs[0], geometry, node)

    @staticmethod
    def moved(op: tf.Operation, node: Node, geometry: Geometry) -> Node:
        """The same cells with their axes elsewhere: a reshape, a squeeze, a transpose."""
        return Elementwise(op.outputs[0], geometry, ARGUMENTS[0], (node,))


Rule = Callable[[Builder, tf.Operation, list[Value]], Value | tuple[Value, ...]]
"""Gives the value of an operation's output, or a tuple with one an output.

It takes the values of the inputs, at least one of them a `Node`, none of them `Unproven`.
"""
