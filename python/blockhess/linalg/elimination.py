"""The solution of many small systems of linear equations at once."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Eliminated(NamedTuple):
    """solution (..., n, R); log_abs_determinant and sign of the determinant, each (...)."""

    solution: tf.Tensor
    log_abs_determinant: tf.Tensor
    sign: tf.Tensor


def eliminated(A: tf.Tensor, B: tf.Tensor) -> Eliminated:
    """Solves A X = B by Gauss-Jordan elimination with partial pivoting, column by column.

    `tf.linalg.solve` fails as a whole where one matrix of the batch is singular or NaN, and XLA has
    no `tf.linalg.slogdet`. Here a singular system has a solution that is not finite, and the others
    are untouched.

    Args:
      A: (..., n, n), n a small number.
      B: (..., n, R); its batch is broadcast with that of A.
    """
    n = int(A.shape[-1])
    batch = tf.broadcast_dynamic_shape(tf.shape(A)[:-2], tf.shape(B)[:-2])
    rows = tf.concat(
        [tf.broadcast_to(t, tf.concat([batch, tf.shape(t)[-2:]], 0)) for t in (A, B)], -1
    )
    logarithm, sign = tf.zeros_like(A[..., 0, 0]), tf.ones_like(A[..., 0, 0])
    for i in range(n):
        chosen = i + tf.argmax(tf.abs(rows[..., i:, i]), -1, tf.int32)
        is_chosen = tf.equal(chosen[..., tf.newaxis], tf.range(n))[..., tf.newaxis]
        pivot_row = tf.reduce_sum(tf.where(is_chosen, rows, tf.zeros_like(rows)), -2, keepdims=True)
        rows = tf.where(is_chosen, rows[..., i : i + 1, :], rows)
        pivot = pivot_row[..., i]
        pivot_row /= pivot[..., tf.newaxis]
        is_own = tf.reshape(tf.equal(tf.range(n), i), [n, 1])
        rows = tf.where(is_own, pivot_row, rows - rows[..., i : i + 1] * pivot_row)
        logarithm += tf.math.log(tf.abs(pivot[..., 0]))
        swapped = tf.not_equal(chosen, i)
        sign *= tf.sign(pivot[..., 0]) * tf.where(swapped, -tf.ones_like(sign), 1)
    return Eliminated(rows[..., n:], logarithm, sign)
