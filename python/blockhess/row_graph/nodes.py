"""The nodes of a row graph: what f does to one row, read from its TensorFlow graph.

A tensor that depends on x holds, somewhere among its axes, the row axes of x; every other axis is a
*feature* axis. `Geometry` says where they are. A node's *cells* are its features in row-major
order, so a node of n features is, for the mathematics, a vector of n cells a row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from blockhess.expressions import Expression, Variable

ARGUMENTS = tuple(Variable(f"argument{i}") for i in range(64))
"""The variables by which the expression of an `Elementwise` node names its arguments."""


@dataclass(frozen=True)
class Geometry:
    """Where the row axes of a tensor stand: `before` feature axes, then `rows` axes, then the rest.

    `rows` is the number of leading axes of x, or 1 where they were flattened into one; 0 where x is
    a single row of rank 1, or where the rows were summed up (`summed`).
    """

    rows: int
    features: tuple[int, ...]
    before: int = 0
    summed: bool = False

    @property
    def after(self) -> int:
        return len(self.features) - self.before

    @property
    def rank(self) -> int:
        return self.rows + len(self.features)

    @property
    def size(self) -> int:
        """The number of cells."""
        return math.prod(self.features)

    @property
    def row_axes(self) -> range:
        return range(self.before, self.before + self.rows)

    @property
    def feature_axes(self) -> tuple[int, ...]:
        return (*range(self.before), *range(self.before + self.rows, self.rank))


@dataclass(frozen=True, eq=False)
class Parameter:
    """A tensor that does not vary with x, as far as derivatives go."""

    tensor: tf.Tensor


@dataclass(frozen=True, eq=False)
class Operand:
    """A parameter brought into the form the fused op reads: rank 0, or (1 | N, 1 | cells)."""

    tensor: tf.Tensor


@dataclass(frozen=True, eq=False)
class Node:
    """A tensor that varies with x, row by row (if `geometry.summed`, linearly in sums of rows)."""

    tensor: tf.Tensor
    geometry: Geometry


@dataclass(frozen=True, eq=False)
class Input(Node):
    """x itself."""


@dataclass(frozen=True, eq=False)
class Elementwise(Node):
    """An expression of earlier nodes, cell by cell; an argument of one cell is broadcast."""

    expression: Expression
    arguments: tuple[Node | Operand, ...]


@dataclass(frozen=True, eq=False)
class LinearMap(Node):
    """cells = matrix' argument, with a matrix of shape (cells of argument, cells), or one a row."""

    argument: Node
    matrix: tf.Tensor
    per_row: bool


@dataclass(frozen=True, eq=False)
class Product(Node):
    """Every cell of `left` times every cell of `right`, those of `right` running fastest."""

    left: Node
    right: Node


@dataclass(frozen=True, eq=False)
class Reduction(Node):
    """The sum of all cells of the argument: one cell a row."""

    argument: Node


@dataclass(frozen=True, eq=False)
class Total(Node):
    """The sum of the argument over all rows."""

    argument: Node


@dataclass(frozen=True, eq=False)
class Opaque(Node):
    """A tensor whose rows depend on the same rows of x, in a way that the rules do not describe."""

    reason: str


@dataclass(frozen=True, eq=False)
class Joined(Opaque):
    """Cells of several parts: opaque as a whole, while those of one part can be picked.

    Cell i is the cell `cells[i]` of `parts[owners[i]]`.
    """

    parts: tuple[Node | Operand, ...]
    owners: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True, eq=False)
class Unproven:
    """A tensor for which no rule shows that rows stay apart; `reason` names the operation."""

    tensor: tf.Tensor
    reason: str


Value = Node | Parameter | Unproven
