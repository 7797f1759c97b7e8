"""Decompositions of matrices, and functions that are computed by them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from case import Case
from points import MATRICES_2, MATRICES_3, SIGNED, X4, X6, rows, single
from reasons import (
    BISECTION,
    CHOLESKY,
    EQUAL_EIGENVALUES,
    EQUAL_SINGULAR_VALUES,
    GRADIENT_REFUSES,
    NO_ENTRY,
    ONLY_VALUES,
)
from row_functions import curved, matrices, positive_definite, symmetric


def rebuilt_by_svd(a: tf.Tensor) -> tf.Tensor:
    s, u, v = tf.linalg.svd(a)
    return tf.matmul(u * s[:, None, :], v, transpose_b=True)


def exponential_by_eigh(a: tf.Tensor) -> tf.Tensor:
    e, v = tf.linalg.eigh(a)
    return tf.matmul(v * tf.exp(e)[:, None, :], v, transpose_b=True)


def squared_by_eig(a: tf.Tensor) -> tf.Tensor:
    e, v = tf.linalg.eig(a)
    return tf.matmul(v * e[:, None, :] ** 2, tf.linalg.inv(v))


def trace_of_the_squared_gram_matrix(x: tf.Tensor) -> tf.Tensor:
    gram = tf.matmul(matrices(x), matrices(x), transpose_a=True)
    return tf.linalg.trace(gram @ gram)


def filled_below(x: tf.Tensor) -> tf.Tensor:
    """The cell above the diagonal, which is not read, does not depend on x."""
    above = 0.1 + 0 * x[:, 0]
    first, second = [x[:, 0] + 2, above], [x[:, 1], x[:, 2] + 2]
    return tf.stack([tf.stack(first, 1), tf.stack(second, 1)], 1)


def logdet_of_low_rank_update(x: tf.Tensor) -> tf.Tensor:
    diagonal = tf.linalg.LinearOperatorDiag(tf.exp(x), is_positive_definite=True)
    return tf.linalg.LinearOperatorLowRankUpdate(
        diagonal,
        tf.sin(x)[:, :, None],
        is_diag_update_positive=True,
        is_self_adjoint=True,
        is_positive_definite=True,
    ).log_abs_determinant()


CASES = [
    Case(
        "matrix norm, ord 2",
        "Svd",
        lambda x: tf.norm(tf.reshape(x, (-1, 2, 2)), ord=2, axis=[-2, -1]),
        X4,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
    ),
    Case(
        "logdet",
        "Cholesky",
        lambda x: tf.linalg.logdet(positive_definite(x, 3)),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "pinv",
        "Svd",
        lambda x: curved(tf.linalg.pinv(tf.reshape(x, (-1, 3, 2)))),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "cholesky",
        "Cholesky",
        lambda x: curved(tf.linalg.cholesky(positive_definite(x, 3))),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "cholesky of a lower triangle",
        "Cholesky",
        lambda x: curved(tf.linalg.cholesky(tf.linalg.band_part(positive_definite(x), -1, 0))),
        MATRICES_2,
        reason=CHOLESKY,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "cholesky of a matrix with x in its lower triangle",
        "Cholesky",
        lambda x: curved(tf.linalg.cholesky(filled_below(x))),
        SIGNED,
        reason=CHOLESKY,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "cholesky_solve",
        "MatrixTriangularSolve",
        lambda x: curved(
            tf.linalg.cholesky_solve(tf.linalg.cholesky(positive_definite(x)), matrices(tf.cos(x)))
        ),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "qr square",
        "Qr",
        lambda x: curved(tf.concat(tf.linalg.qr(matrices(x, 3)), 1)),
        MATRICES_3,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "qr deep",
        "Qr",
        lambda x: curved(tf.linalg.qr(tf.reshape(x, (-1, 3, 2)))[0]),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "qr wide",
        "Qr",
        lambda x: curved(tf.linalg.qr(tf.reshape(x, (-1, 2, 3)))[1]),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "qr deep, full",
        "Qr",
        lambda x: curved(tf.linalg.qr(tf.reshape(x, (-1, 3, 2)), full_matrices=True)[1]),
        X6,
        outcome="refused",
        refusal="Qr",
        reason=GRADIENT_REFUSES,
    ),
    Case(
        "lu",
        "Lu",
        lambda x: curved(tf.linalg.lu(matrices(x, 3))[0]),
        MATRICES_3,
        outcome="refused",
        refusal="Lu",
        reason=NO_ENTRY,
    ),
    Case(
        "svd values",
        "Svd",
        lambda x: curved(tf.linalg.svd(matrices(x, 3), compute_uv=False)),
        MATRICES_3,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "svd values, wide",
        "Svd",
        lambda x: curved(tf.linalg.svd(tf.reshape(x, (-1, 2, 3)), compute_uv=False)),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "svd values, deep",
        "Svd",
        lambda x: curved(tf.linalg.svd(tf.reshape(x, (-1, 3, 2)), compute_uv=False)),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "u s v' by svd",
        "Svd",
        lambda x: curved(rebuilt_by_svd(matrices(x))),
        MATRICES_2,
        reference=lambda x: curved(matrices(x)),
        tolerance=1e-4,
    ),
    Case(
        "sum of squared singular values, equal ones",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(matrices(x), compute_uv=False) ** 2, 1),
        rows([1.0, 0, 0, 1.0], [0.9, -0.5, 0.3, 1.1]),
        reason=EQUAL_SINGULAR_VALUES,
        tensorflow="wrong",
        reference=lambda x: tf.reduce_sum(x * x, 1),
    ),
    Case(
        "sum of squared singular values, one zero",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(matrices(x), compute_uv=False) ** 2, 1),
        rows([1.0, 2.0, 2.0, 4.0]),
        reference=lambda x: tf.reduce_sum(x * x, 1),
    ),
    Case(
        "sum of squared singular values, 3x2",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(tf.reshape(x, (-1, 3, 2)), compute_uv=False) ** 2, 1),
        X6,
        reference=lambda x: tf.reduce_sum(x * x, 1),
    ),
    Case(
        "sum of squared singular values, zero matrix",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(matrices(x), compute_uv=False) ** 2, 1),
        np.zeros((1, 4)),
        reason=EQUAL_SINGULAR_VALUES,
        tensorflow="wrong",
        reference=lambda x: tf.reduce_sum(x * x, 1),
    ),
    Case(
        "nuclear norm",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(matrices(x), compute_uv=False), 1),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "eigvalsh",
        "SelfAdjointEigV2",
        lambda x: curved(tf.linalg.eigvalsh(symmetric(x))),
        MATRICES_2,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "v exp(e) v' by eigh",
        "SelfAdjointEigV2",
        lambda x: curved(exponential_by_eigh(symmetric(x))),
        MATRICES_2 * 0.5,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "sum of squared eigvalsh, equal eigenvalues",
        "SelfAdjointEigV2",
        lambda x: tf.reduce_sum(tf.linalg.eigvalsh(symmetric(x)) ** 2, 1),
        rows([1.0, 0.2, -0.2, 1.0], [0.9, -0.5, 0.3, 1.1]),
        reason=EQUAL_EIGENVALUES,
        tensorflow="wrong",
        reference=lambda x: tf.reduce_sum(symmetric(x) ** 2, [1, 2]),
    ),
    Case(
        "sum of exp(eigvalsh), nearly equal (gap 1e-10)",
        "SelfAdjointEigV2",
        lambda x: tf.reduce_sum(tf.exp(tf.linalg.eigvalsh(symmetric(x))), 1),
        rows([0.5, 0.0, 0.0, 0.5 + 5e-11]),
        reason=EQUAL_EIGENVALUES,
        tensorflow="wrong",
        reference=lambda x: tf.linalg.trace(tf.linalg.expm(symmetric(x))),
    ),
    Case(
        "sum of exp(eigvalsh), gap 1e-9",
        "SelfAdjointEigV2",
        lambda x: tf.reduce_sum(tf.exp(tf.linalg.eigvalsh(symmetric(x))), 1),
        rows([0.5, 0.0, 0.0, 0.5 + 5e-10]),
        reason=EQUAL_EIGENVALUES,
        tensorflow="wrong",
        reference=lambda x: tf.linalg.trace(tf.linalg.expm(symmetric(x))),
    ),
    Case(
        "sum of exp(eigvalsh), zero matrix",
        "SelfAdjointEigV2",
        lambda x: tf.reduce_sum(tf.exp(tf.linalg.eigvalsh(symmetric(x))), 1),
        np.zeros((1, 4)),
        reason=EQUAL_EIGENVALUES,
        tensorflow="wrong",
        reference=lambda x: tf.linalg.trace(tf.linalg.expm(symmetric(x))),
    ),
    Case(
        "v exp(e) v' by eigh, equal eigenvalues",
        "SelfAdjointEigV2",
        lambda x: curved(exponential_by_eigh(symmetric(x))),
        rows([0.3, 0.2, -0.2, 0.3], [0.65, 0.1, -0.2, 0.4]),
        outcome="convention",
        nan_rows=(0,),
        reason=ONLY_VALUES,
        reference=lambda x: curved(tf.linalg.expm(symmetric(x))),
        tolerance=1e-4,
    ),
    Case(
        "sum of cubed eigvals",
        "Eig",
        lambda x: tf.reduce_sum(tf.math.real(tf.linalg.eigvals(matrices(x)) ** 3), 1),
        MATRICES_2,
        reference=lambda x: tf.linalg.trace(matrices(x) @ matrices(x) @ matrices(x)),
        tolerance=1e-4,
    ),
    Case(
        "sum of abs(eigvals)^4",
        "Eig",
        lambda x: tf.reduce_sum(tf.abs(tf.linalg.eigvals(matrices(x))) ** 4, 1),
        rows([1.3, 0.2, -0.4, 0.8], [0.9, -0.5, 0.3, 1.1], [2.0, 0.4, 0.3, 0.5]),
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "v e^2 v^-1 by eig",
        "Eig",
        lambda x: curved(tf.math.real(squared_by_eig(matrices(x)))),
        rows([2.0, 0.4, 0.3, 0.5], [0.9, -0.5, 0.3, 1.1]),
        reference=lambda x: curved(matrices(x) @ matrices(x)),
        tolerance=1e-4,
    ),
    Case(
        "sum of squared eigvals, equal eigenvalues",
        "Eig",
        lambda x: tf.reduce_sum(tf.math.real(tf.linalg.eigvals(matrices(x)) ** 2), 1),
        rows([1.0, 0.0, 0.0, 1.0], [1.3, 0.2, -0.4, 0.8]),
        outcome="convention",
        nan_rows=(0,),
        reason=ONLY_VALUES,
        reference=lambda x: tf.linalg.trace(matrices(x) @ matrices(x)),
    ),
    Case(
        "sqrtm",
        "MatrixSquareRoot",
        lambda x: curved(tf.linalg.sqrtm(positive_definite(x))),
        MATRICES_2,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "sqrtm of 3x3, equal eigenvalues",
        "MatrixSquareRoot",
        lambda x: curved(tf.linalg.sqrtm(np.eye(3) + 0.5 * matrices(x, 3))),
        np.zeros((1, 9)),
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "logm",
        "MatrixLogarithm",
        lambda x: curved(
            tf.math.real(tf.linalg.logm(tf.complex(positive_definite(x), 0 * positive_definite(x))))
        ),
        MATRICES_2,
        outcome="refused",
        refusal="MatrixLogarithm",
        reason=NO_ENTRY,
    ),
    Case(
        "expm, norm < 1",
        "matrix_exponential",
        lambda x: curved(tf.linalg.expm(0.3 * matrices(x))),
        MATRICES_2,
    ),
    Case(
        "expm, norm 3",
        "matrix_exponential",
        lambda x: curved(tf.linalg.expm(matrices(x))),
        MATRICES_2 * 1.5,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "expm, norm 15",
        "matrix_exponential",
        lambda x: tf.linalg.trace(tf.linalg.expm(matrices(x) - 8 * np.eye(2))),
        MATRICES_2 * 5,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "expm, zero matrix",
        "matrix_exponential",
        lambda x: curved(tf.linalg.expm(matrices(x))),
        np.zeros((1, 4)),
    ),
    Case(
        "eigh_tridiagonal by map_fn",
        "eigh_tridiagonal",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.linalg.eigh_tridiagonal(r[:3], r[3:]))), x
        ),
        rows([0.3, 0.9, -0.5, 0.4, 0.7]),
        outcome="refused",
        refusal="eigh_tridiagonal",
        reason=BISECTION,
    ),
    Case(
        "LinearOperatorLowRankUpdate, logdet", "LinearOperator", logdet_of_low_rank_update, SIGNED
    ),
    Case(
        "sum of exp(eigvalsh), gap 1e-9, float32",
        "SelfAdjointEigV2",
        lambda x: tf.reduce_sum(tf.exp(tf.linalg.eigvalsh(symmetric(x))), 1),
        single(rows([0.5, 1e-10, 1e-10, 0.5])),
        reason=EQUAL_EIGENVALUES,
        tensorflow="wrong",
        reference=lambda x: tf.linalg.trace(tf.linalg.expm(symmetric(x))),
    ),
    Case(
        "sum of singular values^4, diagonal, float32",
        "Svd",
        lambda x: tf.reduce_sum(tf.linalg.svd(matrices(x), compute_uv=False) ** 4, 1),
        single(rows([1.0, 0, 0, 1.0], [1.0, 0, 0, 0.5])),
        reason=EQUAL_SINGULAR_VALUES,
        tensorflow="wrong",
        reference=trace_of_the_squared_gram_matrix,
    ),
]
