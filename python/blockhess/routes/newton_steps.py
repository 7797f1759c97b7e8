"""Newton directions on each route."""

from __future__ import annotations

import tensorflow as tf

from blockhess import ops
from blockhess.routes.autodiff.autodiff_route import AutodiffRoute
from blockhess.routes.choose import Route
from blockhess.routes.fused.fused_route import FusedRoute


def newton_steps(
    route: Route, damping: tf.Tensor, on_indefinite: str, *, with_value_and_gradient: bool = False
) -> ops.NewtonOutputs:
    """The direction of each row, (N, K), in the type that is computed in.

    With the value of each row, (N,), and its gradient, (N, K), where they are wanted; f then has
    one value a row.
    """
    if damping.shape.rank != 0:
        message = "damping is neither a scalar nor one value a row of x"
        rows = tf.shape(route.x)[:-1]
        with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(damping), rows, message)]):
            damping = tf.reshape(damping, [-1])
    if isinstance(route, FusedRoute):
        return _fused(route, damping, on_indefinite, with_value_and_gradient)
    return _by_autodiff(route, damping, on_indefinite, with_value_and_gradient)


def _fused(
    route: FusedRoute, damping: tf.Tensor, on_indefinite: str, with_value_and_gradient: bool
) -> ops.NewtonOutputs:
    rows = route.rows
    outputs = ops.newton(
        rows,
        route.terms,
        tf.cast(damping, rows.dtype),
        on_indefinite=on_indefinite,
        want_value=with_value_and_gradient,
        want_gradient=with_value_and_gradient,
    )
    if not with_value_and_gradient:
        return outputs
    return outputs._replace(value=tf.reshape(route.value_of_f(outputs.value), [-1]))


def _by_autodiff(
    route: AutodiffRoute, damping: tf.Tensor, on_indefinite: str, with_value_and_gradient: bool
) -> ops.NewtonOutputs:
    x = route.x
    value, gradient, hessian = route.derivatives(
        layout="dense", value=with_value_and_gradient, gradient=True
    )
    K = tf.shape(x)[-1]
    N = tf.reduce_prod(tf.shape(x)[:-1])  # Not -1: there may be no columns.
    gradient = tf.cast(tf.reshape(gradient, [N, K]), damping.dtype)
    hessian = tf.cast(tf.reshape(hessian, [N, K, K]), damping.dtype)
    direction = ops.newton_solve(gradient, hessian, damping, on_indefinite=on_indefinite)
    return ops.NewtonOutputs(
        tf.reshape(value, [-1]) if with_value_and_gradient else None, gradient, direction
    )
