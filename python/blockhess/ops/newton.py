"""Newton directions: the typed wrappers of BlockhessNewton and BlockhessNewtonSolve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ..formula.term_programs import Parts
from .library import library
from .terms import Term, text_and_operands

ON_INDEFINITE = ("modify", "nan", "error")


class NewtonOutputs(NamedTuple):
    """What was asked for of a sum of terms, None for what was not, and the directions."""

    value: tf.Tensor | None
    gradient: tf.Tensor | None
    direction: tf.Tensor


@tf.autograph.experimental.do_not_convert
def newton(
    x: tf.Tensor,
    terms: Sequence[Term],
    damping: Any = 0.0,
    *,
    on_indefinite: str = "modify",
    want_value: bool = False,
    want_gradient: bool = False,
) -> NewtonOutputs:
    """The Newton direction of each row of a sum of terms, in one pass that writes no blocks.

    Differentiable to any order, with respect to x, damping and every tensor of the terms; by how
    much a block is modified counts as constant.

    Args:
      x: (N, K), floating; 16-bit types are computed in float32.
      terms: at least one; their tensors have the dtype of x.
      damping: scalar or (N,), added to the diagonal of the blocks.
      on_indefinite: as in `blockhess.newton_direction`.
      want_value: whether to return the value, (N,).
      want_gradient: whether to return the gradient, (N, K).

    Raises:
      ValueError: no terms, or another `on_indefinite`.
      InvalidArgumentError: shapes disagree, or a block is not positive definite under "error".

    Examples:
      >>> s = bh.expressions.Variable("s")
      >>> x = tf.constant([[3.0, 4.0]])
      >>> squares = bh.ops.Term(None, (), 2 * tf.eye(2), None, s, ())
      >>> bh.ops.newton(x, [squares]).direction.numpy()
      array([[-3., -4.]], dtype=float32)
    """
    _check(on_indefinite)
    if not isinstance(x, tf.Tensor):
        x = tf.convert_to_tensor(x)
    text, operands = text_and_operands(terms, Parts(want_value, True, True), x.dtype)
    value, gradient, direction = library.blockhess_newton(
        x=x,
        operands=operands,
        damping=tf.convert_to_tensor(damping, x.dtype),
        terms=text,
        on_indefinite=on_indefinite,
        want_value=want_value,
        want_gradient=want_gradient,
    )
    return NewtonOutputs(
        value if want_value else None, gradient if want_gradient else None, direction
    )


@tf.autograph.experimental.do_not_convert
def newton_solve(
    gradient: tf.Tensor, hessian: tf.Tensor, damping: Any = 0.0, *, on_indefinite: str = "modify"
) -> tf.Tensor:
    """The Newton direction of each row, from its gradient and its block.

    Differentiable like `newton`.

    Args:
      gradient: (N, K), floating; 16-bit types are computed in float32.
      hessian: (N, K, K), symmetric, of the dtype of `gradient`; the upper triangles are read.
      damping: as in `newton`.
      on_indefinite: as in `newton`.

    Raises:
      ValueError: another `on_indefinite`.
      InvalidArgumentError: shapes disagree, or a block is not positive definite under "error".

    Examples:
      >>> bh.ops.newton_solve(tf.constant([[2.0]]), tf.constant([[[4.0]]])).numpy()
      array([[-0.5]], dtype=float32)
    """
    _check(on_indefinite)
    gradient = tf.convert_to_tensor(gradient)
    return library.blockhess_newton_solve(
        gradient=gradient,
        hessian=tf.convert_to_tensor(hessian, gradient.dtype),
        damping=tf.convert_to_tensor(damping, gradient.dtype),
        on_indefinite=on_indefinite,
    )


def _check(on_indefinite: str) -> None:
    if on_indefinite not in ON_INDEFINITE:
        expected = ", ".join(map(repr, ON_INDEFINITE))
        raise ValueError(f"on_indefinite is {on_indefinite!r}; expected {expected}")
