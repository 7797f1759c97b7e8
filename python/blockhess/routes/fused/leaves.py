"""What stands at the leaves of a form: x, parameters, linear maps of x and sums over a row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import Expression, Variable
from blockhess.routes.route import DoesNotFit

X, S_ARGUMENT = Variable("x"), Variable("s")


class NotFused(DoesNotFit):
    """f does not fit the formula; the message says where."""


@dataclass(frozen=True, eq=False)
class ParameterLeaf:
    """A parameter as the fused op reads it: rank 0, (cells,) or (1 | N, 1 | cells)."""

    tensor: tf.Tensor

    @property
    def by_row(self) -> bool:
        return self.tensor.shape.rank == 2 and self.tensor.shape[0] != 1

    @property
    def by_cell(self) -> bool:
        return self.tensor.shape.rank > 0 and self.tensor.shape[-1] != 1


@dataclass(frozen=True, eq=False)
class LinearLeaf:
    """The cells matrix' x; matrix (K, cells), (N, K, cells) if `per_row`, None for the identity."""

    matrix: tf.Tensor | None
    per_row: bool


@dataclass(frozen=True, eq=False)
class ProductLeaf:
    """The cells left_j right_k, k running fastest; each of left and right is x or a LinearLeaf."""

    left: LinearLeaf
    right: LinearLeaf


@dataclass(frozen=True)
class SeparableSum:
    """sum_k phi(x_k)."""

    phi: Expression


@dataclass(frozen=True, eq=False)
class QuadraticSum:
    """1/2 x' S x; only the symmetric part of S counts."""

    S: tf.Tensor
    per_row: bool


@dataclass(frozen=True, eq=False)
class LinearSum:
    """b' x."""

    b: tf.Tensor


RowSum = SeparableSum | QuadraticSum | LinearSum
Leaf = ParameterLeaf | LinearLeaf | ProductLeaf | RowSum


class Leaves:
    """The leaves met so far, each under a variable of its own."""

    def __init__(self, dtype: tf.DType) -> None:
        self.dtype = dtype
        self._of: dict[Variable, Leaf] = {}
        self._names: dict[object, Variable] = {}

    def __getitem__(self, variable: Variable) -> Leaf:
        return self._of[variable]

    def add(self, leaf: Leaf) -> Variable:
        """A variable for the leaf; the same for the same sum or parameter."""
        if isinstance(leaf, SeparableSum):
            identity: object = leaf
        elif isinstance(leaf, ParameterLeaf):
            identity = leaf.tensor.ref()
        else:
            identity = id(leaf)
        if identity not in self._names:
            letter = "p" if isinstance(leaf, ParameterLeaf) else "z"
            variable = Variable(f"{letter}{len(self._names) + 1}")
            self._names[identity], self._of[variable] = variable, leaf
        return self._names[identity]

    def parameter(self, tensor: tf.Tensor) -> Expression:
        """The tensor as a leaf, or as a number where it is a constant, finite scalar.

        Numbers that are not finite would break simplification: 0 times one is not 0.
        """
        if tensor.shape.num_elements() == 1:
            value = tf.get_static_value(tensor)
            finite = value is not None and math.isfinite(value.item())
            if finite and not _reads_capture(tensor):
                # The shortest decimal that rounds to it: 0.1, where float32 holds 0.10000000149.
                return e.Constant(float(str(value.reshape(-1)[0])))
        return self.add(ParameterLeaf(tensor))

    def has(self, expression: Expression, *kinds: type) -> bool:
        """Whether a leaf of one of these kinds occurs in the expression."""
        return any(isinstance(self._of.get(v), kinds) for v in expression.variables)

    def parameters(self, expression: Expression) -> tuple[tuple[Variable, tf.Tensor], ...]:
        """The parameters of an expression in a fixed order, with their tensors."""
        found = [v for v in expression.variables if isinstance(self._of.get(v), ParameterLeaf)]
        return tuple((v, self._of[v].tensor) for v in sorted(found, key=lambda v: v.name))

    def varies(self, expression: Expression) -> tuple[bool, bool]:
        """(by row, by cell): how an expression of parameters alone varies."""
        found = [self._of[v] for v in expression.variables]
        return any(p.by_row for p in found), any(p.by_cell for p in found)

    def tensor(self, expression: Expression) -> tf.Tensor:
        """An expression of parameters alone, as a tensor of rank 0, 1 or 2."""
        if isinstance(expression, Variable):
            return self._of[expression].tensor
        if isinstance(expression, e.Constant):
            return tf.constant(expression.value, self.dtype)
        # An expression without parameters is not finite, and so was not folded: 1 / 0.
        read = dict(self.parameters(expression)) or {X: tf.zeros([], self.dtype)}
        return ops.map([expression], read)[0]


def _reads_capture(tensor: tf.Tensor) -> bool:
    """Whether a constant is, or is made of, an eager tensor that f captured.

    TensorFlow captures small ones by their values, and lets gradients flow to them nevertheless.
    """
    captured = {t.ref() for t in getattr(tensor.graph, "inputs", ())}
    pending = [tensor]
    while pending:
        current = pending.pop()
        if current.ref() in captured:
            return True
        pending.extend(current.op.inputs)
    return False
