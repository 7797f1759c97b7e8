"""Hessian-vector products: each block times a vector of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f
from blockhess.routes.route import Route


class Product(NamedTuple):
    """The blocks times the rows of v, shape of x."""

    product: tf.Tensor


def _product(route: Route, v: tf.Tensor) -> Product:
    return Product(route.hvp(v))


@converting_only_f
def hvp(
    f: RowFunction, x: Any, v: Any, *, route: str = "auto", coupling: str = "check"
) -> tf.Tensor:
    """Each diagonal block of the Hessian of f times its row of v, without the blocks.

    On the fused route the product with a term's block is

        psi'(s) (S + diag(phi''(x))) v + psi''(s) (u'v) u,    u = phi'(x) + S x + b

    which is the formula of `ops.terms` times v, in one pass over x and v. On the autodiff route it
    is one product of TensorFlow's derivatives, as in forward over reverse (Pearlmutter, "Fast exact
    multiplication by the Hessian", 1994).

    Args:
      f: as in `hessian`.
      x: tensor, variable or array of shape (..., K), floating.
      v: the vectors: tensor, variable or array with the shape and dtype of x.
      route: as in `hessian`.
      coupling: as in `hessian`. "check" costs two more products, with the rows of v scaled;
        "exact" takes one product a row.

    Returns:
      Tensor with the shape and dtype of x. Differentiable any number of times, with respect to x, v
      and all that f captures.

    Raises:
      TypeError: x is not floating, or the dtype of v is another.
      ValueError: as in `hessian`; or v has another shape than x.
      tf.errors.InvalidArgumentError: at run time, as in `hessian`; or v has another shape than x.

    Examples:
      >>> x, v = tf.constant([[1.0, 2.0]]), tf.constant([[1.0, 10.0]])
      >>> blockhess.hvp(lambda x: tf.reduce_sum(x**3), x, v).numpy().tolist()
      [[6.0, 120.0]]
    """
    tensor = checked_x(x)
    return call.computed(f, tensor, _request(route, coupling), _checked_v(v, tensor)).product


@interned
def _request(route: str, coupling: str) -> Request:
    return Request(_product, route, coupling)


def _checked_v(v: Any, x: tf.Tensor) -> tf.Tensor:
    """v as a tensor with the shape and dtype of x."""
    try:
        tensor = v if isinstance(v, tf.Tensor) else tf.convert_to_tensor(v)
    except (TypeError, ValueError) as error:
        raise TypeError(f"v cannot be made a tensor: {error}") from error
    if tensor.dtype != x.dtype:
        raise TypeError(f"v has dtype {tensor.dtype.name}; expected {x.dtype.name}, that of x")
    if not tensor.shape.is_compatible_with(x.shape):
        raise ValueError(f"v has shape {tensor.shape}; expected {x.shape}, that of x")
    if tensor.shape.is_fully_defined() and x.shape.is_fully_defined():
        return tensor
    # Without the check TensorFlow would broadcast a single row, or accept other row axes.
    same = tf.debugging.assert_equal(
        tf.shape(tensor), tf.shape(x), "v has another shape than x, which is expected"
    )
    with tf.control_dependencies([same]):
        return tf.ensure_shape(tensor, x.shape)
