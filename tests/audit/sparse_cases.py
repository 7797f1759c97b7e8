"""Sparse tensors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from case import Case
from points import MATRICES_2, SIGNED
from reasons import (
    GRADIENT_NOT_DIFFERENTIABLE,
    GRADIENT_REFUSES,
    NO_ENTRY,
    NO_ENTRY_OF_GRADIENT,
    NOT_DIFFERENTIABLE,
)
from row_functions import MIX, W, curved, weighted

INDICES = [[0, 0], [0, 2], [1, 1]]


def cells_of(x: tf.Tensor) -> np.ndarray:
    """The indices of all cells of x, row by row."""
    return np.argwhere(np.ones(x.shape))


def sparse_rows(x: tf.Tensor) -> tf.SparseTensor:
    return tf.SparseTensor(cells_of(x), tf.reshape(x, [-1]), x.shape)


CASES = [
    Case(
        "sparse_dense_matmul by values",
        "SparseTensorDenseMatMul",
        lambda x: curved(tf.sparse.sparse_dense_matmul(sparse_rows(x), W)),
        SIGNED,
    ),
    Case(
        "sparse_dense_matmul by the dense",
        "SparseTensorDenseMatMul",
        lambda x: curved(
            tf.transpose(
                tf.sparse.sparse_dense_matmul(
                    tf.SparseTensor(INDICES, np.array([0.3, 0.5, 0.7]), (2, 3)), tf.transpose(x)
                )
            )
        ),
        SIGNED,
    ),
    Case(
        "sparse.softmax",
        "SparseSoftmax",
        lambda x: weighted(tf.reshape(tf.sparse.softmax(sparse_rows(x)).values, x.shape) ** 2),
        SIGNED,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
    ),
    Case(
        "sparse.add of two sparse",
        "SparseAdd",
        lambda x: weighted(
            tf.reshape(tf.sparse.add(sparse_rows(x), sparse_rows(tf.sin(x))).values, x.shape) ** 3
        ),
        SIGNED,
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="wrong",
    ),
    Case(
        "sparse.add of sparse and dense",
        "SparseTensorDenseAdd",
        lambda x: curved(tf.sparse.add(sparse_rows(x), tf.sin(x))),
        SIGNED,
    ),
    Case(
        "sparse.concat",
        "SparseConcat",
        lambda x: weighted(
            tf.sparse.to_dense(tf.sparse.concat(1, [sparse_rows(x), sparse_rows(tf.sin(x))])) ** 3
        ),
        SIGNED,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
    ),
    Case(
        "sparse.reduce_sum",
        "SparseReduceSum",
        lambda x: tf.sin(tf.reshape(tf.sparse.reduce_sum(sparse_rows(x * x), 1), [-1])),
        SIGNED,
    ),
    Case(
        "sparse.reduce_max",
        "SparseReduceMax",
        lambda x: tf.sin(tf.reshape(tf.sparse.reduce_max(sparse_rows(x), 1), [-1])),
        SIGNED,
        outcome="refused",
        refusal="SparseReduceMax",
        reason=NO_ENTRY,
    ),
    Case(
        "sparse.reduce_max, a sparse result",
        "SparseReduceMaxSparse",
        lambda x: tf.sin(
            tf.reshape(
                tf.sparse.reduce_max(sparse_rows(x), 1, output_is_sparse=True).values, x.shape[:1]
            )
        ),
        SIGNED,
        outcome="refused",
        refusal="SparseReduceMaxSparse",
        reason=NO_ENTRY,
    ),
    Case(
        "sparse.slice",
        "SparseSlice",
        lambda x: curved(
            tf.sparse.to_dense(tf.sparse.slice(sparse_rows(x), [0, 1], [x.shape[0], 2]))
        ),
        SIGNED,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
    ),
    Case(
        "sparse.reorder, to_dense",
        "SparseReorder",
        lambda x: curved(tf.sparse.to_dense(tf.sparse.reorder(sparse_rows(x)))),
        SIGNED,
    ),
    Case(
        "sparse.reshape, transpose",
        "SparseReorder",
        lambda x: curved(tf.transpose(tf.sparse.to_dense(tf.sparse.transpose(sparse_rows(x))))),
        SIGNED,
    ),
    Case(
        "sparse * dense",
        "SparseDenseCwiseMul",
        lambda x: weighted(tf.reshape((sparse_rows(x) * tf.sin(x)).values, x.shape) ** 2),
        SIGNED,
    ),
    Case(
        "sparse / dense",
        "SparseDenseCwiseDiv",
        lambda x: weighted(tf.reshape((sparse_rows(x) / tf.exp(x)).values, x.shape) ** 2),
        SIGNED,
    ),
    *(
        Case(
            f"sparse.{kind}",
            f"SparseSparse{kind.title()}",
            lambda x, kind=kind: weighted(
                tf.sparse.to_dense(
                    getattr(tf.sparse, kind)(sparse_rows(x), sparse_rows(tf.sin(2 * x)))
                )
                ** 2
            ),
            SIGNED,
            outcome="refused",
            refusal=f"SparseSparse{kind.title()}",
            reason=GRADIENT_REFUSES,
        )
        for kind in ("maximum", "minimum")
    ),
    Case(
        "sparse.fill_empty_rows",
        "SparseFillEmptyRows",
        lambda x: weighted(
            tf.sparse.to_dense(
                tf.sparse.fill_empty_rows(sparse_rows(x), tf.constant(0.1, tf.float64))[0]
            )
            ** 3
        ),
        SIGNED,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
    ),
    Case(
        "sparse.split",
        "SparseSplit",
        lambda x: weighted(
            tf.sparse.to_dense(tf.sparse.split(sp_input=sparse_rows(x), num_split=3, axis=1)[0])
            ** 3
        ),
        SIGNED,
        outcome="refused",
        refusal="SparseSplit",
        reason=NO_ENTRY,
    ),
    Case(
        "sparse.from_dense",
        "from_dense",
        lambda x: curved(tf.sparse.to_dense(tf.sparse.from_dense(x))),
        SIGNED,
    ),
    Case(
        "sparse.map_values",
        "map_values",
        lambda x: weighted(tf.sparse.to_dense(tf.sparse.map_values(tf.sin, sparse_rows(x)))),
        SIGNED,
    ),
    Case(
        "embedding_lookup_sparse, table from x, by map_fn",
        "SparseSegmentMean",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.nn.embedding_lookup_sparse(
                        tf.reshape(r, (3, 1)),
                        tf.SparseTensor(INDICES, [0, 1, 2], (2, 3)),
                        None,
                        combiner="mean",
                    )
                )
            ),
            x,
        ),
        SIGNED,
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
    ),
    Case(
        "CSR: dense to CSR matmul, by map_fn",
        "SparseMatrixMatMul",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.raw_ops.SparseMatrixMatMul(
                        a=tf.raw_ops.DenseToCSRSparseMatrix(
                            dense_input=tf.reshape(r, (2, 2)),
                            indices=tf.constant([[0, 0], [0, 1], [1, 0], [1, 1]], tf.int64),
                        ),
                        b=tf.constant(MIX[:2, :2]),
                    )
                )
            ),
            x,
        ),
        MATRICES_2,
        outcome="refused",
        refusal="SparseMatrix",
        reason=GRADIENT_REFUSES,
    ),
    Case(
        "embedding_lookup_sparse, weights from x",
        "SegmentSum",
        lambda x: curved(
            tf.nn.embedding_lookup_sparse(
                W,
                tf.SparseTensor(cells_of(x), np.tile([0, 2, 1], x.shape[0]), x.shape),
                sparse_rows(tf.exp(x)),
                combiner="mean",
            )
        ),
        SIGNED,
    ),
]
