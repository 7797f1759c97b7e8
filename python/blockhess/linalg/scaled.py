"""Multiples of one matrix plus matrices of rank one, as a linear operator."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import make_composite_tensor


@make_composite_tensor
class LinearOperatorScaledPlusRankOne(tf.linalg.LinearOperator):
    """The symmetric matrices a S + c u u', with one S for all of the batch.

    S is factorised once, and each matrix is solved by the formula of Sherman and Morrison, in
    O(K^2) operations and O(K) memory; its determinant is a^(K-1) det(S) (a + c u'S^-1 u). That
    formula is only as accurate as S is well conditioned, though the matrices may be regular where S
    is not. So where the condition number of S exceeds 1 / sqrt(eps) of the dtype, the matrices are
    formed and solved one by one.

    Args:
      base: (K, K), S, symmetric.
      scale: (...), a.
      vector: (..., K), u.
      weight: (...), c.
      is_non_singular: as in `tf.linalg.LinearOperator`.
      is_self_adjoint: True.
      is_positive_definite: as in `tf.linalg.LinearOperator`.
      is_square: True.
      name: of the operator.
    """

    def __init__(
        self,
        base: tf.Tensor,
        scale: tf.Tensor,
        vector: tf.Tensor,
        weight: tf.Tensor,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool = True,
        is_positive_definite: bool | None = None,
        is_square: bool = True,
        name: str = "LinearOperatorScaledPlusRankOne",
    ) -> None:
        parameters = {
            "base": base,
            "scale": scale,
            "vector": vector,
            "weight": weight,
            "is_non_singular": is_non_singular,
            "is_self_adjoint": is_self_adjoint,
            "is_positive_definite": is_positive_definite,
            "is_square": is_square,
            "name": name,
        }
        with tf.name_scope(name):
            self._base = tf.convert_to_tensor(base)
            self._scale = tf.convert_to_tensor(scale)
            self._vector = tf.convert_to_tensor(vector)
            self._weight = tf.convert_to_tensor(weight)
        super().__init__(
            dtype=self._base.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=is_square,
            name=name,
            parameters=parameters,
        )

    @property
    def base(self) -> tf.Tensor:
        return self._base

    @property
    def scale(self) -> tf.Tensor:
        return self._scale

    @property
    def vector(self) -> tf.Tensor:
        return self._vector

    @property
    def weight(self) -> tf.Tensor:
        return self._weight

    def _shape(self) -> tf.TensorShape:
        return self.vector.shape.concatenate(self.vector.shape[-1:])

    def _shape_tensor(self) -> tf.Tensor:
        shape = tf.shape(self.vector)
        return tf.concat([shape, shape[-1:]], 0)

    def _diag_part(self) -> tf.Tensor:
        a, c = self.scale[..., tf.newaxis], self.weight[..., tf.newaxis]
        return a * tf.linalg.diag_part(self.base) + c * tf.square(self.vector)

    def _to_dense(self) -> tf.Tensor:
        a, c, u = self._columns()
        return a * self.base + tf.matmul(c * u, u, transpose_b=True)

    def _matmul(self, x: tf.Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> tf.Tensor:
        x = tf.linalg.adjoint(x) if adjoint_arg else x
        a, c, u = self._columns()
        return a * self._base_times(x) + u * (c * tf.matmul(u, x, transpose_a=True))

    def _solve(self, rhs: tf.Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> tf.Tensor:
        rhs = tf.linalg.adjoint(rhs) if adjoint_arg else rhs

        def structured() -> tf.Tensor:
            a, c, u = self._columns()
            S_rhs, S_u = self._base_solve(rhs), self._base_solve(u)
            along = c * tf.matmul(u, S_rhs, transpose_a=True)
            return (S_rhs - S_u * along / self._capacitance(S_u)) / a

        def dense() -> tf.Tensor:
            matrix = self._to_dense()
            batch = tf.broadcast_dynamic_shape(tf.shape(matrix)[:-2], tf.shape(rhs)[:-2])
            return tf.linalg.solve(*(_broadcast(t, batch) for t in (matrix, rhs)))

        return tf.cond(self._is_well_conditioned(), structured, dense)

    def _log_abs_determinant(self) -> tf.Tensor:
        def structured() -> tf.Tensor:
            _, _, u = self._columns()
            capacitance = self._capacitance(self._base_solve(u))[..., 0, 0]
            others = tf.cast(tf.shape(self.base)[-1] - 1, self.dtype)
            of_base = _log_abs_determinant(self.base)
            return others * _log_abs(self.scale) + _log_abs(capacitance) + of_base

        def dense() -> tf.Tensor:
            return _log_abs_determinant(self._to_dense())

        result = tf.cond(self._is_well_conditioned(), structured, dense)
        return tf.ensure_shape(result, self.batch_shape)

    def _columns(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """a and c as (..., 1, 1), u as (..., K, 1)."""
        one = (..., tf.newaxis, tf.newaxis)
        return self.scale[one], self.weight[one], self.vector[..., tf.newaxis]

    def _capacitance(self, S_u: tf.Tensor) -> tf.Tensor:
        a, c, u = self._columns()
        return a + c * tf.matmul(u, S_u, transpose_a=True)

    def _base_times(self, x: tf.Tensor) -> tf.Tensor:
        """S x as one product of two matrices."""
        return _from_rows(tf.matmul(_as_rows(x), self.base), x)

    def _base_solve(self, x: tf.Tensor) -> tf.Tensor:
        """S^-1 x from one factorisation."""
        solved = tf.linalg.solve(self.base, tf.transpose(_as_rows(x)))
        return _from_rows(tf.transpose(solved), x)

    def _is_well_conditioned(self) -> tf.Tensor:
        sizes = tf.abs(tf.linalg.eigvalsh(tf.stop_gradient(self.base)))
        root = np.sqrt(np.finfo(self.dtype.as_numpy_dtype).eps)
        return tf.reduce_min(sizes) > root * tf.reduce_max(sizes)

    @property
    def _composite_tensor_fields(self) -> tuple[str, ...]:
        return ("base", "scale", "vector", "weight")


def _as_rows(x: tf.Tensor) -> tf.Tensor:
    """The columns of (..., K, R) as the rows of one matrix."""
    return tf.reshape(tf.linalg.adjoint(x), [-1, tf.shape(x)[-2]])


def _from_rows(rows: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    adjoint = tf.linalg.adjoint(x)
    return tf.linalg.adjoint(tf.ensure_shape(tf.reshape(rows, tf.shape(adjoint)), adjoint.shape))


def _broadcast(matrix: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    return tf.broadcast_to(matrix, tf.concat([batch, tf.shape(matrix)[-2:]], 0))


def _log_abs(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.abs(x))


def _log_abs_determinant(matrix: tf.Tensor) -> tf.Tensor:
    """log |det| of symmetric matrices. XLA has no tf.linalg.slogdet."""
    return tf.reduce_sum(_log_abs(tf.linalg.eigvalsh(matrix)), -1)
