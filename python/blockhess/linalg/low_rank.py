"""Diagonal matrices plus a few symmetric matrices of rank one, as a linear operator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import make_composite_tensor
from blockhess.linalg.elimination import Eliminated, eliminated


class _Reduced(NamedTuple):
    """What is left of D x + U y = B, y = C U'x, when all but r of the x are eliminated.

    picked: (..., r, K), each row with a one at one of the r cells that were kept.
    inverse: (..., K), 1 / D where cells were eliminated, 0 where they were kept.
    """

    picked: tf.Tensor
    inverse: tf.Tensor
    eliminated: Eliminated


@make_composite_tensor
class LinearOperatorDiagonalPlusLowRank(tf.linalg.LinearOperator):
    """The symmetric matrices D + U C U', with D and C diagonal.

    `tf.linalg.LinearOperatorLowRankUpdate` divides by all of D and of C, so it loses the answer
    where D has a zero, or an entry that is small against what U C U' adds to it, though the matrix
    is regular. Here the r entries of D that are smallest in that sense are not divided by: their
    unknowns stay, with y = C U'x, in a system of size 2 r that is solved with pivoting. A matrix
    that is well conditioned has no more than r such entries (by the interlacing of eigenvalues:
    Golub and Van Loan, Matrix Computations, section 8.5.3). So the error is that of a
    dense solver, for O(K r) numbers a matrix. For r = 1 it is the formula of Sherman and Morrison
    with one cell taken out. A matrix that is singular has solutions that are not finite.

    Args:
      diagonal: (..., K), D.
      vectors: (..., K, r), U; r is known, and small.
      weights: (..., r), the diagonal of C.
      is_non_singular: as in `tf.linalg.LinearOperator`.
      is_self_adjoint: True.
      is_positive_definite: as in `tf.linalg.LinearOperator`.
      is_square: True.
      name: of the operator.
    """

    def __init__(
        self,
        diagonal: tf.Tensor,
        vectors: tf.Tensor,
        weights: tf.Tensor,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool = True,
        is_positive_definite: bool | None = None,
        is_square: bool = True,
        name: str = "LinearOperatorDiagonalPlusLowRank",
    ) -> None:
        parameters = {
            "diagonal": diagonal,
            "vectors": vectors,
            "weights": weights,
            "is_non_singular": is_non_singular,
            "is_self_adjoint": is_self_adjoint,
            "is_positive_definite": is_positive_definite,
            "is_square": is_square,
            "name": name,
        }
        with tf.name_scope(name):
            self._diagonal = tf.convert_to_tensor(diagonal)
            self._vectors = tf.convert_to_tensor(vectors)
            self._weights = tf.convert_to_tensor(weights)
        super().__init__(
            dtype=self._diagonal.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=is_square,
            name=name,
            parameters=parameters,
        )

    @property
    def diagonal(self) -> tf.Tensor:
        return self._diagonal

    @property
    def vectors(self) -> tf.Tensor:
        return self._vectors

    @property
    def weights(self) -> tf.Tensor:
        return self._weights

    def _shape(self) -> tf.TensorShape:
        return self.diagonal.shape.concatenate(self.diagonal.shape[-1:])

    def _shape_tensor(self) -> tf.Tensor:
        shape = tf.shape(self.diagonal)
        return tf.concat([shape, shape[-1:]], 0)

    def _diag_part(self) -> tf.Tensor:
        return self.diagonal + tf.linalg.matvec(tf.square(self.vectors), self.weights)

    def _to_dense(self) -> tf.Tensor:
        weighted = self.vectors * self.weights[..., tf.newaxis, :]
        update = tf.matmul(weighted, self.vectors, transpose_b=True)
        return tf.linalg.set_diag(update, self._diag_part())

    def _matmul(self, x: tf.Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> tf.Tensor:
        x = tf.linalg.adjoint(x) if adjoint_arg else x
        y = self.weights[..., tf.newaxis] * tf.matmul(self.vectors, x, transpose_a=True)
        return self.diagonal[..., tf.newaxis] * x + tf.matmul(self.vectors, y)

    def _solve(self, rhs: tf.Tensor, adjoint: bool = False, adjoint_arg: bool = False) -> tf.Tensor:
        rhs = tf.linalg.adjoint(rhs) if adjoint_arg else rhs
        picked, inverse, (solution, _, _) = self._reduced(rhs)
        r = self.weights.shape[-1]
        kept, y = solution[..., :r, :], solution[..., r:, :]
        others = inverse[..., tf.newaxis] * (rhs - tf.matmul(self.vectors, y))
        return others + tf.matmul(picked, kept, transpose_a=True)

    def _log_abs_determinant(self) -> tf.Tensor:
        picked, _, (_, logarithm, _) = self._reduced(self.vectors[..., :0])
        eliminated = self._eliminated(picked)
        result = logarithm + tf.reduce_sum(tf.math.log(tf.abs(eliminated)), -1)
        return tf.where(_any_zero(eliminated), tf.cast(-np.inf, self.dtype), result)

    def _determinant(self) -> tf.Tensor:
        picked, _, (_, logarithm, sign) = self._reduced(self.vectors[..., :0])
        eliminated = self._eliminated(picked)
        kept = tf.reduce_prod(eliminated, -1)
        result = (-1.0) ** self.weights.shape[-1] * sign * tf.exp(logarithm) * kept
        return tf.where(_any_zero(eliminated), tf.zeros_like(result), result)

    def _eliminated(self, picked: tf.Tensor) -> tf.Tensor:
        """D where cells are eliminated, 1 where they are kept."""
        return tf.where(_any(picked), tf.ones_like(self.diagonal), self.diagonal)

    def _reduced(self, rhs: tf.Tensor) -> _Reduced:
        """The system [[D_J, U_J], [C U_J', -1 - C Q]] of the kept cells J and y, solved.

        Q = sum of u_k u_k' / D_k over the cells k that are eliminated. Its determinant times the
        product of their D_k is (-1)^r times that of the matrix.
        """
        U, C = self.vectors, self.weights
        r = C.shape[-1]
        picked = self._picked()
        inverse = 1.0 / self._eliminated(picked)
        inverse = tf.where(_any(picked), tf.zeros_like(inverse), inverse)[..., tf.newaxis]
        kept_U = tf.matmul(picked, U)
        kept_D = picked * self.diagonal[..., tf.newaxis, :]
        kept_D = tf.matmul(kept_D, picked, transpose_b=True)
        scaled_U, C = inverse * U, C[..., tf.newaxis]
        border = -tf.eye(r, dtype=C.dtype) - C * tf.matmul(U, scaled_U, transpose_a=True)
        matrix = tf.concat(
            [
                tf.concat([kept_D, kept_U], -1),
                tf.concat([C * tf.linalg.adjoint(kept_U), border], -1),
            ],
            -2,
        )
        right = tf.concat(
            [tf.matmul(picked, rhs), -C * tf.matmul(scaled_U, rhs, transpose_a=True)], -2
        )
        return _Reduced(picked, inverse[..., 0], eliminated(matrix, right))

    def _picked(self) -> tf.Tensor:
        """The r cells to which U C U' adds the most in units of D, as one-hot rows (..., r, K).

        The choice does not change when rows and columns of the matrix are scaled.
        """
        U, C, D = (tf.stop_gradient(t) for t in (self.vectors, self.weights, self.diagonal))
        added = tf.linalg.matvec(tf.square(U), tf.abs(C))
        relative = tf.where(added > 0, added / tf.abs(D), tf.zeros_like(D))
        _, cells = tf.math.top_k(relative, C.shape[-1])
        return tf.one_hot(cells, tf.shape(D)[-1], dtype=D.dtype)

    @property
    def _composite_tensor_fields(self) -> tuple[str, ...]:
        return ("diagonal", "vectors", "weights")

    @property
    def _experimental_parameter_ndims_to_matrix_ndims(self) -> dict[str, int]:
        return {"diagonal": 1, "vectors": 2, "weights": 1}


def _any_zero(eliminated: tf.Tensor) -> tf.Tensor:
    """Whether D has more zeros than cells are kept, so that the matrix is singular."""
    return tf.reduce_any(tf.equal(eliminated, 0), -1)


def _any(picked: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(picked > 0, -2)
