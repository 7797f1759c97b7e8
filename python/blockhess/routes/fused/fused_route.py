"""f on the fused route: as terms of the formula, each result from one op."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import tensorflow as tf

from blockhess import ops
from blockhess.routes.fused.leaves import NotFused
from blockhess.routes.fused.match import FusedTerms, terms_of_value
from blockhess.routes.fused.operators import operator_of_terms
from blockhess.routes.plan import PROVED, Plan, PlannedTerm, bytes_of, written
from blockhess.routes.route import Derivatives, Reading, Route
from blockhess.row_graph import Parameter, Unproven, Value

# Operations that a description looks through, to name a tensor as the user did.
MOVES = frozenset(
    {"EnsureShape", "Reshape", "Squeeze", "ExpandDims", "Identity", "ReadVariableOp", "Cast"}
)


@dataclass(frozen=True, eq=False)
class FusedRoute(Route):
    """f as a sum of terms.

    Attributes:
      y: the result of f, a scalar or one value a row.
      x: the tensor that f took, shape (..., K).
      value: `y` in the row graph.
      fused: the terms, and the constant beside them.
    """

    name = "fused"
    is_taped_rightly = True

    y: tf.Tensor
    x: tf.Tensor
    value: Value
    fused: FusedTerms

    @classmethod
    def match(cls, reading: Reading) -> FusedRoute:
        if reading.reader is None or isinstance(reading.value, Unproven):
            raise NotFused(reading.value.reason)
        fused = terms_of_value(reading.value, int(reading.x.shape[-1]), reading.reader.dtype)
        checks = reading.reader.checks
        with tf.control_dependencies(checks):
            x = tf.identity(reading.x) if checks else reading.x
        return cls(reading.y, x, reading.value, fused)

    @property
    def terms(self) -> tuple[ops.Term, ...]:
        return self.fused.terms

    @functools.cached_property
    def rows(self) -> tf.Tensor:
        """x as (N, K), in the type of the terms: float32 for an x of 16 bits."""
        return self.as_rows(self.x)

    def as_rows(self, tensor: tf.Tensor) -> tf.Tensor:
        """A tensor of the shape of x as (N, K), in the type of the terms."""
        rows = tf.cast(tensor, self.fused.leaves.dtype)
        if self.x.shape.rank == 2:
            return rows
        number = tf.reduce_prod(tf.shape(self.x)[:-1])
        return tf.reshape(rows, tf.stack([number, int(self.x.shape[-1])]))

    def derivatives(self, *, layout: str, value: bool, gradient: bool) -> Derivatives:
        outputs = ops.terms(
            self.rows, self.terms, layout=layout, want_value=value, want_gradient=gradient
        )
        return Derivatives(
            self.value_of_f(outputs.value) if value else None,
            self.as_x(outputs.gradient) if gradient else None,
            self.as_x(outputs.hessian),
        )

    def hvp(self, v: tf.Tensor) -> tf.Tensor:
        return self.as_x(ops.terms_hvp(self.rows, self.terms, self.as_rows(v)))

    def operator(self) -> tf.linalg.LinearOperator:
        """The blocks as a linear operator of the structure that the terms have."""
        return operator_of_terms(self, self.rows, self.terms)

    def newton(
        self, damping: tf.Tensor, on_indefinite: str, *, with_value_and_gradient: bool = False
    ) -> ops.NewtonOutputs:
        outputs = ops.newton(
            self.rows,
            self.terms,
            tf.cast(damping, self.rows.dtype),
            on_indefinite=on_indefinite,
            want_value=with_value_and_gradient,
            want_gradient=with_value_and_gradient,
        )
        if not with_value_and_gradient:
            return outputs
        return outputs._replace(value=tf.reshape(self.value_of_f(outputs.value), [-1]))

    def value_of_f(self, rows: tf.Tensor) -> tf.Tensor:
        """The value in the shape and type of f's result, from the op's: one number a row.

        Where f's result is not one number a row, or one in all, it is the value itself.
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
            self.name,
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
