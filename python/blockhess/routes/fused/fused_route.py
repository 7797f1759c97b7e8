"""f on the fused route: as terms of the formula, each result from one op."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import tensorflow as tf

from blockhess import ops
from blockhess.routes.fused.match import FusedTerms
from blockhess.routes.plan import PROVED, Plan, PlannedTerm, bytes_of, written
from blockhess.routes.route import Derivatives
from blockhess.row_graph import Parameter, Value

# Operations that a description looks through, to name a tensor as the user did.
MOVES = frozenset(
    {"EnsureShape", "Reshape", "Squeeze", "ExpandDims", "Identity", "ReadVariableOp", "Cast"}
)


@dataclass(frozen=True, eq=False)
class FusedRoute:
    """f as a sum of terms.

    Attributes:
      y: the result of f, a scalar or one value a row.
      x: the tensor that f took, shape (..., K).
      value: `y` in the row graph.
      fused: the terms, and the constant beside them.
    """

    y: tf.Tensor
    x: tf.Tensor
    value: Value
    fused: FusedTerms

    @property
    def terms(self) -> tuple[ops.Term, ...]:
        return self.fused.terms

    @functools.cached_property
    def rows(self) -> tf.Tensor:
        """x as (N, K), in the type of the terms: float32 for an x of 16 bits."""
        return self.as_rows(self.x)

    def as_rows(self, tensor: tf.Tensor) -> tf.Tensor:
        """A tensor of the shape of x as `rows` has it."""
        rows = tf.cast(tensor, self.fused.leaves.dtype)
        if self.x.shape.rank == 2:
            return rows
        number = tf.reduce_prod(tf.shape(self.x)[:-1])
        return tf.reshape(rows, tf.stack([number, int(self.x.shape[-1])]))

    def as_x(self, tensor: tf.Tensor) -> tf.Tensor:
        """A tensor of N rows in the type of x, and with the row axes of x in place of its first."""
        return self.with_rows(tf.cast(tensor, self.x.dtype))

    def with_rows(self, tensor: tf.Tensor) -> tf.Tensor:
        """A tensor of N rows with the row axes of x in place of its first axis."""
        x = self.x
        if x.shape.rank == 2:
            return tensor
        shape = tf.concat([tf.shape(x)[:-1], tf.shape(tensor)[1:]], 0)
        static = x.shape[:-1].concatenate(tensor.shape[1:])
        return tf.ensure_shape(tf.reshape(tensor, shape), static)

    def derivatives(self, *, layout: str, value: bool, gradient: bool) -> Derivatives:
        """The blocks, with the value and the gradient where they are asked for."""
        outputs = ops.terms(
            self.rows, self.terms, layout=layout, want_value=value, want_gradient=gradient
        )
        return Derivatives(
            self.value_of_f(outputs.value) if value else None,
            self.as_x(outputs.gradient) if gradient else None,
            self.as_x(outputs.hessian),
        )

    def hvp(self, v: tf.Tensor) -> tf.Tensor:
        """Each block times its row of v, which has the shape of x."""
        return self.as_x(ops.terms_hvp(self.rows, self.terms, self.as_rows(v)))

    def in_order(self, gradient: tf.Tensor) -> tf.Tensor:
        """The gradient: the graph proves that each value of f is that of its own row."""
        return gradient

    def value_of_f(self, rows: tf.Tensor) -> tf.Tensor:
        """The value in the shape and type of f's result, from the op's: one number a row.

        It is f's own where that is not one number a row or in all.
        """
        x, y, value = self.x, self.y, self.value
        if isinstance(value, Parameter) or (value.geometry.summed and value.geometry.size > 1):
            return y
        if y.shape.rank == 0 or value.geometry.summed:
            constant = tf.reshape(self.fused.leaves.tensor(self.fused.constant), [])
            result = tf.reshape(tf.reduce_sum(rows) + constant, [1] * y.shape.rank)
        else:
            ones = tf.constant([1] * (y.shape.rank - (x.shape.rank - 1)), tf.int32)
            result = tf.reshape(rows, tf.concat([tf.shape(x)[:-1], ones], 0))
        return tf.cast(result, y.dtype)

    def plan(self, layout: str) -> Plan:
        return Plan(
            "fused",
            layout,
            PROVED,
            tuple(_planned(term) for term in self.terms),
            bytes_read=bytes_of(self.x, f"N*{self.x.shape[-1]} + parameters"),
            bytes_written=bytes_of(self.x, written(self.x, layout)),
        )


def _planned(term: ops.Term) -> PlannedTerm:
    parameters = dict((*term.phi_parameters, *term.psi_parameters))
    return PlannedTerm(
        psi=str(term.psi),
        phi=None if term.phi is None else str(term.phi),
        S=None if term.S is None else _described(term.S),
        b=None if term.b is None else _described(term.b),
        parameters=tuple((variable.name, _described(t)) for variable, t in parameters.items()),
    )


def _described(tensor: tf.Tensor) -> str:
    sizes = ["N" if size is None else str(size) for size in tensor.shape.as_list()]
    source = tensor.op
    while source.type in MOVES and source.inputs[0].op.type != "Placeholder":
        source = source.inputs[0].op
    return f"'{source.name}' of shape ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
