"""Hessian-vector products of terms: of each block with a vector of its own."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..formula.term_programs import Parts
from .terms import Term, operands_of, programs_of
from .vjp import vjp


@tf.autograph.experimental.do_not_convert
def terms_hvp(x: tf.Tensor, terms: Sequence[Term], v: tf.Tensor) -> tf.Tensor:
    """Each block of a sum of terms times a vector, in one pass and without the blocks.

    With D = diag(phi''), for every term

        H v = psi' (S + D) v + psi'' (u' v) u

    which is the vector-Jacobian product of the gradient, as H is symmetric. Differentiable to any
    order, with respect to x, v and every tensor of the terms.

    Args:
      x: (N, K), floating; 16-bit types are computed in float32.
      terms: at least one; their tensors have the dtype of x.
      v: (N, K), of the dtype of x.

    Returns:
      (N, K).

    Raises:
      InvalidArgumentError: shapes disagree; it names both.

    Examples:
      >>> x, s = bh.expressions.Variable("x"), bh.expressions.Variable("s")
      >>> cubes = bh.ops.Term(x * x * x, (), None, None, s, ())
      >>> bh.ops.terms_hvp(tf.constant([[1.0, 2.0]]), [cubes], tf.constant([[1.0, 10.0]])).numpy()
      array([[  6., 120.]], dtype=float32)
    """
    x, v = tf.convert_to_tensor(x), tf.convert_to_tensor(v)
    programs = [programs_of(term, Parts(False, True, False)) for term in terms]
    operands = operands_of(terms, programs, x.dtype)
    wanted = [True] + [False] * len(operands)
    product = vjp(x, operands, programs, "none", None, v, None, wanted)[0]
    return tf.zeros_like(x) if product is None else product
