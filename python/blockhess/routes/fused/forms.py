"""From nodes of the row graph to forms: one expression over the leaves for each cell of a node."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess import expressions as e
from blockhess.expressions import ONE, ZERO, Expression, Variable
from blockhess.routes.fused.addends import addends
from blockhess.routes.fused.leaves import (
    Leaves,
    LinearLeaf,
    LinearSum,
    NotFused,
    ProductLeaf,
    QuadraticSum,
    RowSum,
    SeparableSum,
    X,
)
from blockhess.row_graph import (
    ARGUMENTS,
    Elementwise,
    Input,
    LinearMap,
    Node,
    Opaque,
    Operand,
    Product,
    Reduction,
    Total,
    describe,
)


@dataclass(frozen=True)
class Form:
    """The cells of a node; where it is a sum over rows, what is summed, and added to the sum."""

    cells: Expression
    constant: Expression = ZERO


class Forms:
    """Reads nodes as forms; raises NotFused at the first that has none."""

    def __init__(self, K: int, dtype: tf.DType) -> None:
        self.K = K
        self.leaves = Leaves(dtype)
        self._read: dict[int, Form] = {}

    def form(self, node: Node) -> Form:
        """The form of a node; its arguments are read first, without recursion."""
        stack = [node]
        while stack:
            current = stack[-1]
            missing = [a for a in _arguments(current) if id(a) not in self._read]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if id(current) not in self._read:
                try:
                    self._read[id(current)] = self._apply(current)
                except NotFused as reason:
                    raise NotFused(f"{describe(current.tensor.op)}: {reason}") from reason
        return self._read[id(node)]

    def _apply(self, node: Node) -> Form:
        if isinstance(node, Input):
            return Form(X)
        if isinstance(node, Opaque):
            raise NotFused("has no place in the formula")
        if isinstance(node, Elementwise):
            return self._elementwise(node)
        if isinstance(node, Product):
            left, right = (self._factor(self._read[id(a)].cells) for a in (node.left, node.right))
            return Form(self.leaves.add(ProductLeaf(left, right)))
        argument = self._read[id(_arguments(node)[0])]
        size = _arguments(node)[0].geometry.size
        if isinstance(node, LinearMap):
            return Form(self._linear_map(node, argument.cells))
        if isinstance(node, Reduction):
            return Form(self.row_sum(argument.cells, size), self.row_sum(argument.constant, size))
        return argument  # A Total has the form of what it sums.

    def _elementwise(self, node: Elementwise) -> Form:
        size, values, constants = node.geometry.size, {}, {}
        for variable, argument in zip(ARGUMENTS, node.arguments, strict=False):
            if isinstance(argument, Operand):
                values[variable] = constants[variable] = self.leaves.parameter(argument.tensor)
                continue
            form = self._read[id(argument)]
            cells = form.cells
            if argument.geometry.size == 1 and size != 1:
                cells = self.row_sum(cells, 1)
            values[variable], constants[variable] = cells, form.constant
        if not node.geometry.summed:
            return Form(e.substitute(node.expression, values))
        varying = [
            a for a, n in zip(ARGUMENTS, node.arguments, strict=False) if isinstance(n, Node)
        ]
        slopes, _ = e.affine(node.expression, varying)
        cells = ZERO
        for variable, slope in slopes.items():
            cells = cells + e.substitute(slope, constants) * values[variable]
        return Form(cells, e.substitute(node.expression, constants))

    def _factor(self, cells: Expression) -> LinearLeaf:
        """x or a linear map of it, as a factor of a product of all cells with all cells."""
        if cells is X:
            return LinearLeaf(None, False)
        if isinstance(cells, Variable) and self.leaves.has(cells, LinearLeaf):
            return self.leaves[cells]
        raise NotFused("a product of every cell with every cell of functions of x")

    # Linear maps.

    def _linear_map(self, node: LinearMap, cells: Expression) -> Expression:
        if node.geometry.size == 1:
            return self._dot(node, cells)
        slopes, offset = self._affine(cells)
        result = ZERO
        for variable, slope in slopes.items():
            matrix, per_row = self._scaled(node.matrix, node.per_row, slope)
            if variable is not X:
                inner = self.leaves[variable]
                matrix, per_row = inner.matrix @ matrix, per_row or inner.per_row
            result = result + self.leaves.add(LinearLeaf(matrix, per_row))
        return result + self._mapped(node, offset)

    def _dot(self, node: LinearMap, cells: Expression) -> Expression:
        """A map onto one cell: a weighted sum of the cells, whatever they are."""
        weights = tf.squeeze(node.matrix, -1)
        size = int(node.argument.geometry.size)
        if size == 1:  # A multiple of a cell may be the argument of any function.
            weight = weights if node.per_row else tf.reshape(weights, [])
            return self.leaves.parameter(weight) * cells
        weights = tf.ensure_shape(weights, [None, size] if node.per_row else [size])
        if not node.per_row and cells is X:
            return self.leaves.add(LinearSum(weights))
        return self.row_sum(self.leaves.parameter(weights) * cells, size)

    def _affine(self, cells: Expression) -> tuple[dict[Variable, Expression], Expression]:
        """(slopes by x and by linear map, offset) of cells that are affine in them."""
        leaves = [v for v in cells.variables if v is X or self.leaves.has(v, LinearLeaf)]
        read = e.affine(cells, leaves)
        if read is None:
            raise NotFused("a matrix multiplies a function of x that is not linear")
        slopes, offset = read
        if any(self.leaves.has(part, *_ROW_SUMS) for part in (*slopes.values(), offset)):
            raise NotFused("a matrix multiplies cells that depend on a sum over the row")
        return dict(sorted(slopes.items(), key=lambda item: item[0].name)), offset

    def _scaled(self, matrix: tf.Tensor, per_row: bool, slope: Expression):
        """diag(slope) matrix."""
        if slope is ONE:
            return matrix, per_row
        by_row, by_cell = self.leaves.varies(slope)
        factor = self.leaves.tensor(slope)
        if by_row and by_cell:
            raise NotFused("a matrix multiplies x times a parameter of shape (N, K)")
        if by_row:
            return factor[..., tf.newaxis] * matrix, True
        factor = tf.reshape(factor, [-1, 1]) if by_cell else tf.reshape(factor, [])
        return factor * matrix, per_row

    def _mapped(self, node: LinearMap, offset: Expression) -> Expression:
        """matrix' offset, for an offset that does not vary with x."""
        if offset is ZERO:
            return ZERO
        cells = node.argument.geometry.size
        tensor = self.leaves.tensor(offset)
        rows = tf.broadcast_to(tensor, _matrix_shape(tensor, cells))
        mapped = rows[:, tf.newaxis, :] @ node.matrix if node.per_row else rows @ node.matrix
        if node.per_row:
            mapped = tf.squeeze(mapped, 1)
        return self.leaves.parameter(mapped)

    # Sums over the cells of a row.

    def row_sum(self, cells: Expression, size: int) -> Expression:
        """The sum over `size` cells, as an expression of row sums and parameters."""
        if not self.leaves.has(cells, *_MAPS, *_ROW_SUMS):
            return self._separable(cells, size)
        if size == 1 and X not in cells.variables and not self.leaves.has(cells, *_MAPS):
            return cells
        result = ZERO
        for factors in addends(cells, lambda part: self.leaves.has(part, *_MAPS, *_ROW_SUMS)):
            result = result + self._sum_of_product(factors, size)
        return result

    def _separable(self, cells: Expression, size: int) -> Expression:
        if X in cells.variables:
            return self.leaves.add(SeparableSum(cells))
        if cells is ZERO or size == 1:
            return cells
        tensor = self.leaves.tensor(cells)
        if tensor.shape.rank == 0 or tensor.shape[-1] == 1:
            return cells * float(size)
        return self.leaves.parameter(tf.reduce_sum(tensor, -1, keepdims=tensor.shape.rank == 2))

    def _sum_of_product(self, factors: list[Expression], size: int) -> Expression:
        """The sum over the cells of one product: row factors come out, two linear ones make S."""
        row, linear, cells, parameters = ONE, [], ONE, ONE
        for factor in factors:
            sums, maps = self.leaves.has(factor, *_ROW_SUMS), self.leaves.has(factor, *_MAPS)
            if maps:
                if not isinstance(factor, Variable):
                    raise NotFused(
                        "a function of x @ A that is not linear in it, other than a link"
                    )
                linear.append(factor)
            elif sums and X in factor.variables:
                raise NotFused("a function of both a cell and a sum over its row")
            elif sums and self._varies_by_cell(factor):
                raise NotFused(
                    "a function of a sum over the row and of a parameter that varies within it"
                )
            elif sums:
                row = row * factor
            elif X in factor.variables:
                cells = cells * factor
            else:
                parameters = parameters * factor
        if not linear:
            return row * self._separable(cells * parameters, size)
        if any(self.leaves.has(factor, ProductLeaf) for factor in linear):
            if len(linear) > 1 or cells is not ONE:
                raise NotFused("a product of more than two linear functions of x")
            return row * self._bilinear(self.leaves[linear[0]], parameters)
        return row * self._quadratic(linear, cells, parameters)

    def _varies_by_cell(self, factor: Expression) -> bool:
        return any(self.leaves.varies(v)[1] for v, _ in self.leaves.parameters(factor))

    def _quadratic(
        self, linear: list[Variable], cells: Expression, weight: Expression
    ) -> Expression:
        """sum_k weight_k cells_k z_k, or with two factors z."""
        by_row, by_cell = self.leaves.varies(weight)
        if by_row and by_cell:
            raise NotFused("a parameter of shape (N, K) multiplies a product with a matrix")
        outer, weight = (weight, ONE) if by_row else (ONE, weight)
        if len(linear) > 2 or (len(linear) == 2 and cells is not ONE):
            raise NotFused("a product of more than two linear functions of x")
        first = self.leaves[linear[0]]
        left, left_per_row = self._weighted(first, weight)
        if len(linear) == 2:
            second = self.leaves[linear[1]]
            matrix = tf.matmul(left, second.matrix, transpose_b=True)
            return 2.0 * outer * self._quadratic_sum(matrix, left_per_row or second.per_row)
        if cells is ONE:
            return outer * self.leaves.add(LinearSum(tf.reduce_sum(left, -1)))
        read = e.affine(cells, [X])
        if read is None:
            raise NotFused("a function of x that is not linear multiplies a product with a matrix")
        slope, offset = read[0][X], read[1]
        result = (
            outer * self._quadratic(linear, ONE, weight * offset) if offset is not ZERO else ZERO
        )
        slope_by_row, slope_by_cell = self.leaves.varies(slope)
        if slope_by_row and slope_by_cell:
            raise NotFused("a parameter of shape (N, K) multiplies a product with a matrix")
        if slope_by_row:
            outer, slope = outer * slope, ONE
        matrix, per_row = self._weighted(LinearLeaf(left, left_per_row), slope)
        return result + 2.0 * outer * self._quadratic_sum(matrix, per_row)

    def _bilinear(self, product: ProductLeaf, weight: Expression) -> Expression:
        """sum_jk weight_jk left_j right_k, with weights in the order of the product's cells."""
        left, right = product.left, product.right
        widths = [self.K if f.matrix is None else f.matrix.shape[-1] for f in (left, right)]
        by_row, by_cell = self.leaves.varies(weight)
        factor = self.leaves.tensor(weight)
        if not by_cell:
            if by_row:
                raise NotFused("a sum over all products of two cells, weighted by row")
            matrix = tf.fill(widths, tf.reshape(factor, []))
        else:
            matrix = tf.reshape(factor, [-1, *widths] if by_row else widths)
        if left.matrix is not None:
            matrix = left.matrix @ matrix
        if right.matrix is not None:
            matrix = tf.matmul(matrix, right.matrix, transpose_b=True)
        return 2.0 * self._quadratic_sum(matrix, by_row or left.per_row or right.per_row)

    def _quadratic_sum(self, matrix: tf.Tensor, per_row: bool) -> Expression:
        """1/2 x' matrix x."""
        return self.leaves.add(QuadraticSum(matrix, per_row))

    def _weighted(self, leaf: LinearLeaf, weight: Expression) -> tuple[tf.Tensor, bool]:
        """matrix diag(weight), for a weight that does not vary by row."""
        if weight is ONE:
            return leaf.matrix, leaf.per_row
        factor = self.leaves.tensor(weight)
        _, by_cell = self.leaves.varies(weight)
        return leaf.matrix * tf.reshape(factor, [-1] if by_cell else []), leaf.per_row


_ROW_SUMS = tuple(RowSum.__args__)
_MAPS = (LinearLeaf, ProductLeaf)


def _arguments(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Elementwise):
        return tuple(a for a in node.arguments if isinstance(a, Node))
    if isinstance(node, Product):
        return (node.left, node.right)
    if isinstance(node, (LinearMap, Reduction, Total)):
        return (node.argument,)
    return ()


def _matrix_shape(tensor: tf.Tensor, cells: int):
    """(rows, cells) of a parameter, one row where it does not vary by row."""
    if tensor.shape.rank == 2:
        return tf.stack([tf.shape(tensor)[0], cells])
    return [1, cells]
