"""Determinants and their logarithms, of singular matrices, too."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from blockhess.gradients.given import is_unused, one_or_nan, with_derivative


def _determinant(op: tf.Operation, cotangent: tf.Tensor):
    """The cofactors. TensorFlow has det(A) inv(A)', which fails the batch at a singular matrix and
    has no digit left next to one."""
    return _each_matrix(cotangent) * _cofactors(op.inputs[0])


def _logarithm_of_determinant(op: tf.Operation, sign: tf.Tensor, cotangent: tf.Tensor):
    """inv(A)'; NaN for a singular matrix, where TensorFlow's fails the whole batch."""
    (a,) = op.inputs
    if a.dtype.is_complex and not is_unused(sign):
        raise LookupError(
            f"the sign of {op.type} ('{op.name}') has no derivative for complex matrices in "
            "TensorFlow; divide the determinant by its absolute value"
        )
    return _each_matrix(cotangent) * _inverse_or_nan(a, op.outputs[1])


def _inverse_or_nan(a: tf.Tensor, logarithm: tf.Tensor) -> tf.Tensor:
    """inv(A)' where the logarithm of the determinant is finite.

    The kernel of the inverse fails at a pivot that is zero or NaN, where the logarithm is not
    finite.
    """
    usable = _each_matrix(tf.math.is_finite(tf.math.real(logarithm)))
    eye = tf.eye(tf.shape(a)[-1], dtype=a.dtype)
    inverse = tf.linalg.inv(tf.where(usable, a, eye), adjoint=True)
    return inverse * one_or_nan(usable, a.dtype)


def _each_matrix(tensor: tf.Tensor) -> tf.Tensor:
    return tf.expand_dims(tf.expand_dims(tensor, -1), -1)


def _cofactors(a: tf.Tensor) -> tf.Tensor:
    """The derivative of the determinant, (..., n, n), without a division."""
    if a.dtype.is_complex:
        determinant = _each_matrix(tf.linalg.det(a))
        inverse = _inverse_or_nan(a, tf.linalg.slogdet(a)[1])
        return tf.math.conj(determinant) * inverse
    n = a.shape[-1] if a.shape[-1] is not None else a.shape[-2]
    if n == 1:
        return tf.ones_like(a)
    if n == 2:
        return tf.reverse(a, [-2, -1]) * tf.constant([[1, -1], [-1, 1]], a.dtype)
    if n == 3:  # Each row is the cross product of the other two of `a`.
        return tf.linalg.cross(_rolled(a, 1), _rolled(a, 2))
    if n == 4:
        return _by_minors(a, 4)
    return _by_singular_values(a)


def _rolled(a: tf.Tensor, first: int) -> tf.Tensor:
    return tf.concat([a[..., first:, :], a[..., :first, :]], -2)


def _by_minors(a: tf.Tensor, n: int) -> tf.Tensor:
    """The determinants of what is left without a row and a column: n^2 smaller ones."""
    others = np.array([[k for k in range(n) if k != i] for i in range(n)])
    places = n * others[:, None, :, None] + others[None, :, None, :]
    batch = tf.shape(a)[:-2]
    flat = tf.reshape(a, tf.concat([batch, [n * n]], 0))
    minors = tf.reshape(tf.gather(flat, places.ravel(), axis=-1), [-1, n - 1, n - 1])
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    determinants = tf.reshape(_determinant_of_three(minors), tf.shape(a))
    return determinants * tf.constant(signs, a.dtype)


def _determinant_of_three(a: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a[..., 0, :] * tf.linalg.cross(a[..., 1, :], a[..., 2, :]), -1)


def _by_singular_values(a: tf.Tensor) -> tf.Tensor:
    """det(U V') U diag(products of the other singular values) V'.

    Its derivative in the direction E has the products of all singular values but two, P_ij, and
    F = U' E V: on the diagonal the sums of P_ij F_jj, off it -P_ij F_ji. No singular value needs to
    differ from another one for that, as it would for the derivatives of U and V.
    """
    s, u, v = tf.linalg.svd(a)
    sign = tf.stop_gradient(tf.sign(tf.linalg.det(tf.matmul(u, v, transpose_b=True))))
    signed = _each_matrix(sign) * u

    def pull(cotangent: tf.Tensor) -> list[tf.Tensor]:
        inner = tf.matmul(u, tf.matmul(cotangent, v), transpose_a=True)
        products = _products_of_all_but_two(s)
        diagonal = tf.linalg.matvec(products, tf.linalg.diag_part(inner))
        middle = tf.linalg.set_diag(-products * tf.linalg.matrix_transpose(inner), diagonal)
        return [tf.matmul(signed, tf.matmul(middle, v, transpose_b=True))]

    eye = tf.eye(tf.shape(s)[-1], dtype=tf.bool)
    others = tf.reduce_prod(tf.where(eye, tf.ones([], s.dtype), s[..., tf.newaxis, :]), -1)
    return with_derivative(
        tf.matmul(signed * others[..., tf.newaxis, :], v, transpose_b=True), [a], pull
    )


def _products_of_all_but_two(s: tf.Tensor) -> tf.Tensor:
    """(..., n, n), zero on the diagonal."""
    eye = tf.eye(tf.shape(s)[-1], dtype=tf.bool)
    left_out = eye[:, tf.newaxis] | eye
    each = s[..., tf.newaxis, tf.newaxis, :]
    products = tf.reduce_prod(tf.where(left_out, tf.ones([], s.dtype), each), -1)
    return tf.where(eye, tf.zeros([], s.dtype), products)


GRADIENTS = {
    "MatrixDeterminant": _determinant,
    "LogMatrixDeterminant": _logarithm_of_determinant,
}
