"""Picking cells of a node: as the same function of fewer cells, where it has them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from blockhess.row_graph.builder import Builder
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    Joined,
    LinearMap,
    Node,
    Operand,
)


def picked(
    builder: Builder,
    tensor: tf.Tensor,
    value: Node | Operand,
    geometry: Geometry,
    cells: np.ndarray,
) -> Node | Operand:
    """The cells of `value` with the given numbers; they make up `tensor`, of that geometry.

    tanh(x @ W)[:, 0] is tanh(x @ w), a link of a sum over the row, with w the first column of W;
    sin(x)[:, 0] stays a weighted sum of sin(x), as it has no such sums.
    """
    if isinstance(value, Operand):
        one_for_all = value.tensor.shape.rank == 0 or value.tensor.shape[-1] == 1
        return value if one_for_all else Operand(tf.gather(value.tensor, cells, axis=-1))
    if np.array_equal(cells, np.arange(value.geometry.size)):
        return Elementwise(tensor, geometry, ARGUMENTS[0], (value,))
    if isinstance(value, LinearMap):
        matrix = tf.gather(value.matrix, cells, axis=-1)
        return LinearMap(tensor, geometry, value.argument, matrix, value.per_row)
    if isinstance(value, Joined) and _parts_of(value, cells).size == 1:
        part = value.parts[_parts_of(value, cells)[0]]
        return picked(builder, tensor, part, geometry, value.cells[cells])
    if isinstance(value, Elementwise) and _is_of_sums(value, cells):
        arguments = [
            a
            if isinstance(a, Node) and a.geometry.size == 1
            else picked(builder, a.tensor, a, geometry, cells)
            for a in value.arguments
        ]
        return Elementwise(tensor, geometry, value.expression, tuple(arguments))
    matrix = np.zeros((value.geometry.size, cells.size))
    matrix[cells, np.arange(cells.size)] = 1.0
    return LinearMap(tensor, geometry, value, tf.constant(matrix, builder.dtype), False)


def _parts_of(node: Joined, cells: np.ndarray) -> np.ndarray:
    return np.unique(node.owners[cells])


def _is_of_sums(node: Node, cells: np.ndarray) -> bool:
    """Whether the cells are functions of linear maps, or of one of several parts."""
    if isinstance(node, Joined):
        return _parts_of(node, cells).size == 1
    if isinstance(node, Elementwise) and not node.geometry.summed:
        size = node.geometry.size
        nodes = [a for a in node.arguments if isinstance(a, Node) and a.geometry.size == size]
        return any(_is_of_sums(argument, cells) for argument in nodes)
    return isinstance(node, LinearMap)
