"""The protocol of a route: how it is matched with f, and what every route gives of f at x."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf

from blockhess import ops
from blockhess.routes.plan import Plan
from blockhess.row_graph import Reader, Value


class DoesNotFit(Exception):
    """f does not take a route; the message says why."""


class Derivatives(NamedTuple):
    """value as f gave it, or None; gradient (..., K), or None; hessian in its layout."""

    value: tf.Tensor | None
    gradient: tf.Tensor | None
    hessian: tf.Tensor


@dataclass(frozen=True, eq=False)
class Reading:
    """f as it was read: what routes are matched with.

    Attributes:
      y: the result of f, a scalar or one value a row, in the graph that is being built.
      sources: the tensor that f took, shape (..., K), and further reads of it.
      reader: has read `y`; None where K is not known, and nothing could be read.
      value: `y` in the row graph.
      coupling: what the caller asked for where rows are not proved independent.
      refused: (route, reason) for each route before this that did not fit.
    """

    y: tf.Tensor
    sources: tuple[tf.Tensor, ...]
    reader: Reader | None
    value: Value
    coupling: str
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def x(self) -> tf.Tensor:
        return self.sources[0]


class Route(abc.ABC):
    """f at x on a route. Methods that are not abstract here are made from the blocks.

    Attributes:
      name: what callers know the route by.
      is_taped_rightly: whether a tape that records the operations of the route, one by one,
        differentiates them rightly.
      x: the tensor that f took, shape (..., K).
    """

    name: ClassVar[str]
    is_taped_rightly: ClassVar[bool] = False
    x: tf.Tensor

    @classmethod
    @abc.abstractmethod
    def match(cls, reading: Reading) -> Route:
        """f on this route; raises DoesNotFit."""

    @abc.abstractmethod
    def derivatives(self, *, layout: str, value: bool, gradient: bool) -> Derivatives:
        """The blocks, with the value and the gradient where they are asked for."""

    @abc.abstractmethod
    def plan(self, layout: str) -> Plan:
        """How the blocks in this layout are computed, and why so."""

    def blocks(self) -> tf.Tensor:
        return self.derivatives(layout="dense", value=False, gradient=False).hessian

    def hvp(self, v: tf.Tensor) -> tf.Tensor:
        """Each block times its row of v, which has the shape of x."""
        return tf.linalg.matvec(self.blocks(), v)

    def operator(self) -> tf.linalg.LinearOperator:
        """The blocks as a linear operator."""
        return full_operator(self.blocks())

    def newton(
        self, damping: tf.Tensor, on_indefinite: str, *, with_value_and_gradient: bool = False
    ) -> ops.NewtonOutputs:
        """The Newton direction of each row, (N, K), in the type of damping, a scalar or (N,).

        With the value of each row, (N,), and its gradient, (N, K), where they are wanted; f then
        has one value a row.
        """
        x = self.x
        value, gradient, hessian = self.derivatives(
            layout="dense", value=with_value_and_gradient, gradient=True
        )
        K = tf.shape(x)[-1]
        N = tf.reduce_prod(tf.shape(x)[:-1])  # -1 would be ambiguous where there are no columns.
        gradient = tf.cast(tf.reshape(gradient, [N, K]), damping.dtype)
        hessian = tf.cast(tf.reshape(hessian, [N, K, K]), damping.dtype)
        direction = ops.newton_solve(gradient, hessian, damping, on_indefinite=on_indefinite)
        direction = tf.ensure_shape(direction, [x.shape[:-1].num_elements(), x.shape[-1]])
        return ops.NewtonOutputs(
            tf.reshape(value, [-1]) if with_value_and_gradient else None, gradient, direction
        )

    def in_order(self, gradient: tf.Tensor) -> tf.Tensor:
        """The gradient; the run fails where value i of f depends on another row than row i."""
        return gradient

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


def full_operator(blocks: tf.Tensor, **proved: bool | None) -> tf.linalg.LinearOperatorFullMatrix:
    """The blocks as a full matrix, of float32 for 16 bits, in which TensorFlow cannot solve."""
    if blocks.dtype.size < tf.float32.size:
        blocks = tf.cast(blocks, tf.float32)
    return tf.linalg.LinearOperatorFullMatrix(blocks, is_self_adjoint=True, **proved)
