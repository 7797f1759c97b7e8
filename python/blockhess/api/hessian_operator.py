"""The blocks as a linear operator, which keeps to the structure of the plan's terms."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f
from blockhess.routes.route import Route


@converting_only_f
def hessian_operator(
    f: RowFunction, x: Any, *, route: str = "auto", coupling: str = "check"
) -> tf.linalg.LinearOperator:
    """The blocks as a `tf.linalg.LinearOperator`: for solve, matvec, log_abs_determinant, trace.

    On the fused route the operator keeps to the structure of the terms, and the blocks are never
    formed: solve, log_abs_determinant and the like take O(K) numbers a row. Gradients flow through
    all of it, to x and to what f captures.

    Args:
      f: as in `hessian`.
      x: as in `hessian`.
      route: as in `hessian`.
      coupling: as in `hessian`.

    Returns:
      A self-adjoint operator with the batch shape (...) of the rows of x: (..., K, K). Its dtype is
      that of x, float32 for an x of 16 bits. Its class is

      - `tf.linalg.LinearOperatorDiag` where no term has a quadratic part or a nonlinear link;
      - `blockhess.linalg.LinearOperatorDiagonalPlusLowRank` where such links are few (up to K / 4
        and 4) and no term has a quadratic part;
      - `blockhess.linalg.LinearOperatorScaledPlusRankOne` for one function of one quadratic form
        x'Sx/2 + b'x, with S the same in all rows;
      - `tf.linalg.LinearOperatorFullMatrix` of the blocks for all else, and on the autodiff route.

      `is_positive_definite` is True only where it is proved from the terms for every x, in exact
      arithmetic: in float32 an exponential, say, can be zero all the same. `is_non_singular` is
      True where the blocks are proved to be positive or negative definite. Both are None elsewhere,
      never False. As with any operator, solving with a singular block gives what is not finite, or
      an error of TensorFlow's solver.

    Raises:
      TypeError, ValueError, tf.errors.InvalidArgumentError: as `hessian` does.

    Examples:
      >>> f = lambda x: tf.reduce_sum(tf.exp(x)) + tf.reduce_sum(x**2)
      >>> operator = blockhess.hessian_operator(f, tf.zeros((1, 2)))
      >>> operator.is_positive_definite, operator.diag_part().numpy().tolist()
      (True, [[3.0, 3.0]])
    """
    return call.computed(f, checked_x(x), _request(route, coupling)).operator


@interned
def _request(route: str, coupling: str) -> Request:
    return Request(_operator, route, coupling)


class Operator(NamedTuple):
    """The operator, in a tuple like the results of every request."""

    operator: tf.linalg.LinearOperator


def _operator(route: Route) -> Operator:
    return Operator(route.operator())
