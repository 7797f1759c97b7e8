"""Newton directions, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from blockhess.api.arguments import RowFunction, check_option, checked_x
from blockhess.api.request import Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f
from blockhess.ops.newton import ON_INDEFINITE
from blockhess.routes.route import Route


class Newton(NamedTuple):
    """direction (..., K), in a tuple like the results of every request."""

    direction: tf.Tensor


@dataclass(frozen=True, eq=False)
class Direction:
    """Takes a route and damping, a scalar or one value a row, to Newton directions."""

    on_indefinite: str

    def __post_init__(self) -> None:
        check_option("on_indefinite", self.on_indefinite, ON_INDEFINITE)

    def __call__(self, route: Route, damping: tf.Tensor) -> Newton:
        damping = _by_row(damping, route.x)
        return Newton(route.as_x(route.newton(damping, self.on_indefinite).direction))


@converting_only_f
def newton_direction(
    f: RowFunction,
    x: Any,
    *,
    damping: Any = 0.0,
    on_indefinite: str = "modify",
    route: str = "auto",
    coupling: str = "check",
) -> tf.Tensor:
    """The Newton direction of each row: p_i that solves (H_i + damping_i I) p_i = -g_i.

    g_i is the gradient of f by row i of x and H_i its block. Where f takes the fused route blocks
    are composed and factorised in the caches, and never written to memory; a block that is a
    diagonal plus a matrix of rank one (elementwise functions, logsumexp, links of b'x, and sums of
    elementwise ones and one of these) takes O(K) operations.

    A block that is not positive definite, damping included, has no descent direction of its own.
    "modify" solves with H_i + damping_i I + E_i in its place, with a diagonal E_i >= 0 from the
    modified Cholesky factorisation of Gill, Murray and Wright, Practical Optimization (1981),
    section 4.4.2.2, so that p_i' g_i < 0 wherever g_i is not zero. Where a block is positive
    definite by more than rounding (no pivot below eps times the size of its entries) E_i is zero.
    There are no interchanges, so that rows take the same steps; a bound beta^2 that is 3/2 of the
    book's makes up for them. Sizes are relative to those of the block: p is the same for f and for
    any positive multiple of f. A block of zeros counts as the identity.

    Differentiable with respect to x, damping and what f captures, with E_i held constant.

    Args:
      f: as in `blockhess.hessian`.
      x: as in `blockhess.hessian`.
      route: as in `blockhess.hessian`.
      coupling: as in `blockhess.hessian`.
      damping: a scalar, or one value a row, shape (...).
      on_indefinite: "modify"; "nan": NaN in the rows whose block is not positive definite; "error":
        the run fails and names the first of them.

    Returns:
      Tensor of the shape and dtype of x. A row where x, f's derivatives or damping are not finite
      is NaN, whatever `on_indefinite` says; the other rows are untouched.

    Raises:
      TypeError: x or damping is not floating.
      ValueError: as `blockhess.hessian`; damping is neither a scalar nor one value a row.
      tf.errors.InvalidArgumentError: as `blockhess.hessian`; a block is not positive definite,
        under "error".

    Examples:
      >>> x = tf.constant([[1.0, 2.0]])
      >>> blockhess.newton_direction(lambda x: tf.reduce_sum(x**4), x).numpy()
      array([[-0.33333334, -0.6666667 ]], dtype=float32)
    """
    tensor = checked_x(x)
    request = _request(on_indefinite, route, coupling)
    return call.computed(f, tensor, request, _checked_damping(damping, tensor)).direction


@interned
def _request(on_indefinite: str, route: str, coupling: str) -> Request:
    return Request(Direction(on_indefinite), route, coupling)


def _checked_damping(damping: Any, x: tf.Tensor) -> tf.Tensor:
    """damping as a tensor of the type of the computation, float32 for an x of 16 bits."""
    dtype = _wide(x.dtype)
    try:
        if not hasattr(damping, "dtype") or not tf.as_dtype(damping.dtype).is_floating:
            tensor = tf.convert_to_tensor(damping, dtype)
        else:
            tensor = tf.cast(tf.convert_to_tensor(damping), dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"damping cannot be made a tensor of {dtype.name}: {error}") from error
    rows = x.shape[:-1]
    is_scalar = tensor.shape.rank == 0
    if not is_scalar and (tensor.shape.rank is None or not tensor.shape.is_compatible_with(rows)):
        raise ValueError(
            f"damping has shape {tensor.shape}; expected a scalar or {rows}, one value a row of x, "
            f"which has shape {x.shape}"
        )
    return tensor


def _by_row(damping: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """damping as a scalar or (N,)."""
    if damping.shape.rank == 0:
        return damping
    message = "damping is neither a scalar nor one value a row of x"
    same = tf.debugging.assert_equal(tf.shape(damping), tf.shape(x)[:-1], message)
    with tf.control_dependencies([same]):
        return tf.reshape(damping, [-1])


def _wide(dtype: tf.DType) -> tf.DType:
    return tf.float32 if dtype.size == 2 else dtype
