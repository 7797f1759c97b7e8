"""Factors and roots of matrices: Cholesky, QR and the square root."""

from __future__ import annotations

from types import SimpleNamespace

import tensorflow as tf

from blockhess._tensorflow import ops
from blockhess.gradients.given import one_or_nan


def onto_lower_triangle(cotangent: tf.Tensor) -> tf.Tensor:
    """The cotangent where only the lower triangle is read, given that of the symmetric matrix."""
    both = cotangent + tf.linalg.adjoint(cotangent)
    return tf.linalg.set_diag(tf.linalg.band_part(both, -1, 0), tf.linalg.diag_part(cotangent))


def _cholesky(op: tf.Operation, cotangent: tf.Tensor):
    """The derivative by the lower triangle, which is all that the operation reads; TensorFlow
    gives half of it to the upper one."""
    return onto_lower_triangle(ops.gradient_registry.lookup(op.type)(op, cotangent))


def _qr(op: tf.Operation, q: tf.Tensor, r: tf.Tensor):
    """The gradient, NaN where R has a zero on its diagonal; TensorFlow's fails the batch there."""
    (a,), (factor, triangle) = op.inputs, op.outputs
    usable = tf.reduce_all(tf.not_equal(tf.linalg.diag_part(triangle), 0), -1)[..., None, None]
    rows, columns = tf.unstack(tf.shape(triangle)[-2:])
    safe = tf.where(usable, triangle, tf.eye(rows, columns, dtype=triangle.dtype))
    safe.set_shape(triangle.shape)
    registered = ops.gradient_registry.lookup(op.type)
    gradient = registered(SimpleNamespace(inputs=[a], outputs=[factor, safe]), q, r)
    return gradient * one_or_nan(usable, a.dtype)


def _square_root(op: tf.Operation, cotangent: tf.Tensor):
    """X of R' X + X R' = the cotangent, NaN where no single X solves it: where eigenvalues of R
    are zero or add up to zero. TensorFlow's fails the whole batch there."""
    (root,) = op.outputs
    shape = tf.shape(root)
    n = shape[-1]
    adjoint = tf.reshape(tf.linalg.adjoint(root), [-1, n, n])
    eye = tf.eye(n, dtype=root.dtype)
    sums = adjoint[:, :, None, :, None] * eye[:, None, :] + (
        eye[:, None, :, None] * tf.linalg.matrix_transpose(adjoint)[:, None, :, None, :]
    )
    sums = tf.reshape(sums, [-1, n * n, n * n])
    usable = tf.math.is_finite(tf.math.real(tf.linalg.slogdet(sums)[1]))[:, None, None]
    sums = tf.where(usable, sums, tf.eye(n * n, dtype=root.dtype))
    solution = tf.linalg.solve(sums, tf.reshape(cotangent, [-1, n * n, 1]))
    return tf.reshape(solution * one_or_nan(usable, root.dtype), shape)


def _least_squares(op: tf.Operation, cotangent: tf.Tensor):
    """The gradient by the normal equations, however the solution was found; TensorFlow has none for
    fast=False, which leaves the regularizer out."""
    registered = ops.gradient_registry.lookup(op.type)
    if op.get_attr("fast"):
        return registered(op, cotangent)
    inputs = [*op.inputs[:2], tf.zeros([], tf.float64)]
    stand_in = SimpleNamespace(inputs=inputs, outputs=op.outputs, get_attr=lambda name: True)
    return registered(stand_in, cotangent)


GRADIENTS = {
    "MatrixSolveLs": _least_squares,
    "Cholesky": _cholesky,
    "Qr": _qr,
    "MatrixSquareRoot": _square_root,
}
