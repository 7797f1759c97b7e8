"""Determinants, inverses, solutions, products and parts of matrices."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from case import Case
from points import MATRICES_2, MATRICES_3, SIGNED, X6, rows, single
from reasons import GRADIENT_REFUSES, ONE_INPUT, SINGULAR
from row_functions import MIX, curved, kernel, matrices, repeated

MIDDLE_OF_3 = np.array([[0.0] * 3, [3.0] * 3, [0.0] * 3])
FIRST_OF_2 = np.array([[3.0] * 3, [0.0] * 3])
LAST_OF_2 = FIRST_OF_2[::-1]
"""What makes bands dominate."""


def determinant(x: tf.Tensor) -> tf.Tensor:
    """The determinants of matrices of three rows, without a division."""
    a, b, c = tf.unstack(matrices(x, 3), axis=1)
    return tf.reduce_sum(a * tf.linalg.cross(b, c), 1)


def kronecker(*factors: tf.Tensor) -> tf.Tensor:
    operators = [tf.linalg.LinearOperatorFullMatrix(factor) for factor in factors]
    return tf.linalg.LinearOperatorKronecker(operators).to_dense()


def circulant(spectrum: tf.Tensor) -> tf.linalg.LinearOperatorCirculant:
    return tf.linalg.LinearOperatorCirculant(
        tf.complex(spectrum, 0 * spectrum), input_output_dtype=tf.complex128
    )


CASES = [
    Case(
        "slogdet",
        "LogMatrixDeterminant",
        lambda x: tf.linalg.slogdet(matrices(x, 3))[1],
        MATRICES_3,
        step=0.01,
    ),
    Case("det", "MatrixDeterminant", lambda x: tf.linalg.det(matrices(x, 3)), MATRICES_3),
    Case(
        "det, one row singular",
        "MatrixDeterminant",
        lambda x: tf.linalg.det(matrices(x)),
        rows([1.0, 2.0, 2.0, 4.0], [1.3, 0.2, -0.4, 0.8]),
        reason=SINGULAR,
        tensorflow="raises",
    ),
    Case(
        "det, singular 3x3 of rank 2",
        "MatrixDeterminant",
        lambda x: tf.linalg.det(matrices(x, 3)),
        rows([1.0, 2, 3, 2, 4, 6, 0.5, 0.1, 0.3]),
        reason=SINGULAR,
        tensorflow="raises",
    ),
    Case(
        "det, singular but for rounding",
        "MatrixDeterminant",
        lambda x: tf.linalg.det(matrices(x, 3)),
        np.arange(1.0, 10.0)[None] / 5,
        reason=SINGULAR,
        tensorflow="wrong",
        reference=determinant,
    ),
    Case(
        "inv",
        "MatrixInverse",
        lambda x: curved(tf.linalg.inv(matrices(x, 3))),
        MATRICES_3,
        step=0.005,
    ),
    Case(
        "inv adjoint",
        "MatrixInverse",
        lambda x: curved(tf.linalg.inv(matrices(x), adjoint=True)),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "solve",
        "MatrixSolve",
        lambda x: curved(tf.linalg.solve(matrices(x), matrices(tf.sin(x)))),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "lstsq",
        "MatrixSolveLs",
        lambda x: curved(tf.linalg.lstsq(tf.reshape(x, (-1, 3, 2)), repeated(x, MIX[:3, :1]))),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "MatrixSolveLs, the raw operation",
        "MatrixSolveLs",
        lambda x: curved(
            tf.raw_ops.MatrixSolveLs(
                matrix=tf.reshape(x, (-1, 3, 2)),
                rhs=repeated(x, MIX[:3, :1]),
                l2_regularizer=tf.constant(0.1, tf.float64),
                fast=True,
            )
        ),
        X6,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "MatrixSolveLs, the raw operation, underdetermined",
        "MatrixSolveLs",
        lambda x: curved(
            tf.raw_ops.MatrixSolveLs(
                matrix=tf.reshape(x, (-1, 2, 3)),
                rhs=repeated(x, MIX[:2, :1]),
                l2_regularizer=tf.constant(0.1, tf.float64),
                fast=True,
            )
        ),
        X6,
        step=0.01,
        tolerance=1e-4,
    ),
    Case(
        "lstsq, fast=False",
        "MatrixSolveLs",
        lambda x: curved(
            tf.linalg.lstsq(tf.reshape(x, (-1, 3, 2)), repeated(x, MIX[:3, :1]), fast=False)
        ),
        X6,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "MatrixSolveLs, the raw operation, by the regularizer",
        "MatrixSolveLs",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.raw_ops.MatrixSolveLs(
                        matrix=MIX[:3, :2], rhs=MIX[:3, :1], l2_regularizer=tf.exp(r[0]), fast=True
                    )
                )
            ),
            x,
        ),
        SIGNED,
        outcome="refused",
        refusal="l2_regularizer",
        reason=ONE_INPUT,
    ),
    Case(
        "triangular_solve, upper adjoint",
        "MatrixTriangularSolve",
        lambda x: curved(
            tf.linalg.triangular_solve(
                matrices(x) + 2 * tf.eye(2, dtype=tf.float64),
                matrices(tf.cos(x)),
                lower=False,
                adjoint=True,
            )
        ),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "tridiagonal_solve",
        "TridiagonalSolve",
        lambda x: curved(
            tf.linalg.tridiagonal_solve(
                tf.reshape(x, (-1, 3, 3)) + MIDDLE_OF_3, repeated(x, MIX[:3, :2])
            )
        ),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "tridiagonal_solve, no pivoting",
        "TridiagonalSolve",
        lambda x: curved(
            tf.linalg.tridiagonal_solve(
                tf.reshape(x, (-1, 3, 3)) + MIDDLE_OF_3,
                repeated(x, MIX[:3, :2]),
                partial_pivoting=False,
            )
        ),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "tridiagonal_matmul",
        "TridiagonalMatMul",
        lambda x: curved(
            tf.linalg.tridiagonal_matmul(
                tf.reshape(x, (-1, 3, 3)),
                tf.reshape(tf.sin(x), (-1, 3, 3)),
                diagonals_format="compact",
            )
        ),
        MATRICES_3,
    ),
    Case(
        "banded_triangular_solve",
        "BandedTriangularSolve",
        lambda x: curved(
            tf.linalg.banded_triangular_solve(
                tf.reshape(x[:, :6], (-1, 2, 3)) + FIRST_OF_2, tf.reshape(x[:, 6:], (-1, 3, 1))
            )
        ),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "banded_triangular_solve, upper adjoint",
        "BandedTriangularSolve",
        lambda x: curved(
            tf.linalg.banded_triangular_solve(
                tf.reshape(x[:, :6], (-1, 2, 3)) + LAST_OF_2,
                tf.reshape(x[:, 6:], (-1, 3, 1)),
                lower=False,
                adjoint=True,
            )
        ),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "banded_triangular_solve, lower adjoint",
        "BandedTriangularSolve",
        lambda x: curved(
            tf.linalg.banded_triangular_solve(
                tf.reshape(x[:, :6], (-1, 2, 3)) + FIRST_OF_2,
                tf.reshape(x[:, 6:], (-1, 3, 1)),
                adjoint=True,
            )
        ),
        MATRICES_3,
        step=0.01,
    ),
    Case(
        "trace, band_part, set_diag, diag_part",
        "MatrixSetDiagV3",
        lambda x: (
            curved(
                tf.linalg.set_diag(
                    tf.linalg.band_part(matrices(x, 3) @ matrices(x, 3), 1, 0),
                    tf.linalg.diag_part(matrices(tf.sin(x), 3)),
                )
            )
            + tf.linalg.trace(matrices(x, 3))
        ),
        MATRICES_3,
    ),
    Case(
        "linalg.diag of bands",
        "MatrixDiagV3",
        lambda x: curved(
            tf.linalg.diag(
                tf.reshape(x[:, :6], (-1, 2, 3)), k=(0, 1), num_cols=3, align="LEFT_RIGHT"
            )
        ),
        MATRICES_3,
    ),
    Case("linalg.cross", "Cross", lambda x: curved(tf.linalg.cross(x, tf.sin(x[:, ::-1]))), SIGNED),
    Case(
        "linalg.normalize",
        "norm",
        lambda x: curved(tf.linalg.normalize(matrices(x), axis=[-2, -1])[0]),
        MATRICES_2,
    ),
    Case(
        "global_norm",
        "L2Loss",
        lambda x: tf.map_fn(lambda r: tf.linalg.global_norm([r[:2], r[2:]]), x),
        MATRICES_2,
    ),
    Case(
        "einsum of three",
        "Einsum",
        lambda x: curved(tf.einsum("ni,nj,ijk->nk", x, tf.sin(x), kernel(3, 3, 2))),
        SIGNED,
    ),
    Case(
        "LinearOperatorCirculant, solvevec",
        "FFT",
        lambda x: curved(tf.math.real(circulant(tf.exp(x)).solvevec(tf.complex(tf.sin(x), 0 * x)))),
        SIGNED,
    ),
    Case(
        "LinearOperatorHouseholder",
        "LinearOperator",
        lambda x: curved(tf.linalg.LinearOperatorHouseholder(x).matvec(tf.sin(x[:, ::-1]))),
        SIGNED,
    ),
    Case(
        "LinearOperatorToeplitz matvec",
        "LinearOperator",
        lambda x: curved(
            tf.linalg.LinearOperatorToeplitz(x, tf.concat([x[:, :1], tf.sin(x[:, 1:])], 1)).matvec(
                tf.cos(x)
            )
        ),
        SIGNED,
    ),
    Case(
        "LinearOperatorFullMatrix determinant",
        "LinearOperator",
        lambda x: tf.linalg.LinearOperatorFullMatrix(matrices(x, 3)).determinant(),
        MATRICES_3,
    ),
    Case(
        "matmul of matrices",
        "BatchMatMulV2",
        lambda x: curved(matrices(x, 3) @ matrices(x, 3)),
        MATRICES_3,
    ),
    Case(
        "det next to singular, float32",
        "MatrixDeterminant",
        lambda x: tf.linalg.det(matrices(x)),
        single(rows([1.0, 2.0, 2.0, 4.0 + 1e-05])),
        tensorflow="wrong",
        reason=SINGULAR,
        reference=lambda x: x[:, 0] * x[:, 3] - x[:, 1] * x[:, 2],
    ),
    Case(
        "Kronecker product by broadcasting",
        "BroadcastTo",
        lambda x: curved(
            matrices(x)[:, :, None, :, None] * matrices(tf.sin(x))[:, None, :, None, :]
        ),
        MATRICES_2,
    ),
    Case(
        "LinearOperatorKronecker",
        "LinearOperator",
        lambda x: curved(kronecker(matrices(x), matrices(tf.sin(x)))),
        MATRICES_2,
    ),
    Case(
        "outer product of four vectors",
        "BroadcastTo",
        lambda x: curved(
            x[:, :, None, None, None]
            * tf.sin(x)[:, None, :, None, None]
            * tf.cos(x)[:, None, None, :, None]
            * tf.exp(x)[:, None, None, None, :]
        ),
        SIGNED,
    ),
    *(
        Case(
            f"einsum {equation}",
            "Einsum",
            lambda x, equation=equation: curved(tf.einsum(equation, tf.sin(matrices(x, 3)))),
            MATRICES_3,
            "fused" if equation == "nij->n" else "autodiff",
        )
        for equation in ("nii->n", "nii->ni", "nij->n", "nij->nji")
    ),
    *(
        Case(
            f"einsum {equation}",
            "Einsum",
            lambda x, equation=equation: curved(
                tf.einsum(equation, matrices(x, 3), tf.sin(matrices(x, 3)))
            ),
            MATRICES_3,
            "fused" if equation == "nij,nij->n" else "autodiff",
        )
        for equation in (
            "nij,njk->nik",
            "nii,nij->nj",
            "nij,nij->n",
            "nij,nkl->nil",
            "nij,njj->ni",
            "...ij,...jk->...ki",
            "nij,nkj->n",
        )
    ),
]
