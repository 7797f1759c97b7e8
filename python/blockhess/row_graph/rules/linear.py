"""Rules of products with matrices: MatMul in its forms."""

from __future__ import annotations

import tensorflow as tf

from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    LinearMap,
    Node,
    Value,
)


def _transposed(tensor: tf.Tensor, transpose: bool) -> tf.Tensor:
    return tf.linalg.matrix_transpose(tensor) if transpose else tensor


def _matmul(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """MatMul: two matrices, one of which holds the rows of x."""
    left, right = inputs
    flip_left, flip_right = op.get_attr("transpose_a"), op.get_attr("transpose_b")
    if isinstance(left, Node) and isinstance(right, Node):
        return builder.unproven(op, "multiplies rows with rows")
    node, flipped = (left, flip_left) if isinstance(left, Node) else (right, not flip_right)
    if node.geometry.rows == 0 and not node.geometry.summed:
        return _one_row(builder, op, inputs, flip_left, flip_right)
    if node.geometry.rows != 1:
        return builder.unproven(op, "is not a product with the cells of a row")
    # Rows must come first in an untransposed left factor, or in a transposed right one.
    if node.geometry.before != (1 if flipped else 0):
        return builder.unproven(op, "sums over the rows")
    if node is left:
        matrix = _transposed(right.tensor, flip_right)
        return _linear(builder, op, node, matrix, before=0)
    matrix = _transposed(left.tensor, not flip_left)
    return _linear(builder, op, node, matrix, before=1)


def _one_row(builder: Builder, op, inputs: list[Value], flip_left: bool, flip_right: bool) -> Value:
    """MatMul where x has rank 1: a linear map where the cells form one row or one column."""
    left, right = inputs
    node = left if isinstance(left, Node) else right
    flipped = flip_left if node is left else flip_right
    first, second = reversed(node.geometry.features) if flipped else node.geometry.features
    matrix = _transposed(right.tensor, flip_right) if node is left else (
        _transposed(left.tensor, not flip_left))  # fmt: skip
    width, vectors = matrix.shape[-1], first if node is left else second
    if width is None:
        return builder.unproven(op, "the width of its matrix is not known")
    result = Geometry(0, (first, int(width)) if node is left else (int(width), second))
    if vectors != 1:
        return builder.opaque(op, result)
    return LinearMap(op.outputs[0], result, node, matrix, False)


def _linear(
    builder: Builder, op: tf.Operation, node: Node, matrix: tf.Tensor, before: int
) -> Value:
    cells = matrix.shape[-1]
    if cells is None:
        return builder.unproven(op, "the width of its matrix is not known")
    geometry = Geometry(node.geometry.rows, (int(cells),), before)
    return LinearMap(op.outputs[0], geometry, node, matrix, False)


def _batch_matmul(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """BatchMatMul: a matrix, shared or one a row, times the cells of each row as a vector."""
    left, right = inputs
    flip_left, flip_right = op.get_attr("adj_x"), op.get_attr("adj_y")
    if isinstance(left, Node) and isinstance(right, Node):
        return _row_products(builder, op, left, right, flip_left, flip_right)
    node, matrix = (left, right.tensor) if isinstance(left, Node) else (right, left.tensor)
    geometry = node.geometry
    if geometry.summed or geometry.before or matrix.shape.rank is None:
        return builder.unproven(op, "is not a product with the cells of a row")
    if len(geometry.features) == 1:
        return _shared_batch(builder, op, node, matrix, node is left, flip_left, flip_right)
    if len(geometry.features) != 2 or not _batch_fits(builder, geometry, matrix):
        return builder.unproven(op, "its batch axes are not the rows")
    flipped = flip_left if node is left else flip_right
    first, second = reversed(geometry.features) if flipped else geometry.features
    matrix = _transposed(matrix, flip_right if node is left else not flip_left)
    width, vectors = matrix.shape[-1], (first if node is left else second)
    if width is None:
        return builder.unproven(op, "the width of its matrix is not known")
    features = (first, int(width)) if node is left else (int(width), second)
    result = Geometry(geometry.rows, features)
    if vectors != 1:
        return builder.opaque(op, result)
    matrix, per_row = _row_matrix(builder, geometry, matrix)
    return LinearMap(op.outputs[0], result, node, matrix, per_row)


def _shared_batch(
    builder: Builder, op, node, matrix, is_left: bool, flip_left: bool, flip_right: bool
):
    """(..., K) @ (K, M) where the last row axis stands in for the rows of a matrix."""
    shared = all(size == 1 for size in matrix.shape[:-2])
    if not is_left or flip_left or not shared or matrix.shape.rank > node.geometry.rank:
        return builder.unproven(op, "its batch axes are not the rows")
    matrix = tf.reshape(matrix, tf.shape(matrix)[-2:]) if matrix.shape.rank > 2 else matrix
    return _linear(builder, op, node, _transposed(matrix, flip_right), before=0)


def _batch_fits(builder: Builder, geometry: Geometry, matrix: tf.Tensor) -> bool:
    """Whether every batch axis of the matrix is a row axis, or has size 1."""
    batch = matrix.shape[:-2].as_list()
    if len(batch) > geometry.rows:
        return False
    sizes = [builder.row_size(geometry, i) for i in range(geometry.rows)][
        geometry.rows - len(batch) :
    ]
    return all(b == 1 or row != 1 for b, row in zip(batch, sizes, strict=True))


def _row_matrix(builder: Builder, geometry: Geometry, matrix: tf.Tensor) -> tuple[tf.Tensor, bool]:
    """(matrix of shape (cells, M), False) or (matrices of shape (N, cells, M), True)."""
    last = tf.shape(matrix)[-2:]
    if all(size == 1 for size in matrix.shape[:-2]):
        return (matrix if matrix.shape.rank == 2 else tf.reshape(matrix, last)), False
    if geometry.rows > 1:
        rows = tf.stack(builder.row_dimensions(geometry))
        matrix = tf.broadcast_to(matrix, tf.concat([rows, last], 0))
        matrix = tf.reshape(matrix, tf.concat([[-1], last], 0))
    return matrix, True


def _row_products(
    builder: Builder, op, left: Node, right: Node, flip_left: bool, flip_right: bool
) -> Value:
    """Each row's vector times its vector: (1, cells) @ (cells, 1)."""
    a, b = left.geometry, right.geometry
    if a.summed or a.rows != b.rows or a.before or b.before:
        return builder.unproven(op, "multiplies rows with rows")
    if len(a.features) != 2 or len(b.features) != 2 or a.rows == 0:
        return builder.unproven(op, "multiplies rows with rows")
    first = a.features[::-1] if flip_left else a.features
    second = b.features[::-1] if flip_right else b.features
    result = Geometry(a.rows, (first[0], second[1]))
    if result.size != 1:
        return builder.opaque(op, result)
    cells = Geometry(a.rows, (first[1],))
    product = Elementwise(op.outputs[0], cells, ARGUMENTS[0] * ARGUMENTS[1], (left, right))
    return builder.sum_of_cells(op, product, result)


RULES: dict[str, Rule] = {
    "MatMul": _matmul,
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _batch_matmul),
}
