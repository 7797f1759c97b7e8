"""Layers, activations and operations of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from case import Case, RowFunction, both
from layers import layer
from points import A_ZERO, MATRICES_2, SIGNED, X4, X6, rows, single
from reasons import NO_ENTRY, NO_ENTRY_OF_GRADIENT, TIES
from row_functions import MIX, curved, kernel, matrices, mixed, positive_definite, weighted

XY = rows([0.4, -0.7], [0.3, 0.9])
EQUAL = rows([0.4, 0.4], [0.3, 0.9])


def pair(u: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> RowFunction:
    """A function of two arguments at the two columns of x."""
    return lambda x: mixed(u(x[:, :1], x[:, 1:]))


def logaddexp(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(tf.stack([a, b]), 0)


def causal_attention(q: tf.Tensor) -> tf.Tensor:
    return keras.ops.dot_product_attention(q, tf.sin(q), q * q, is_causal=True)


def self_attention() -> keras.Layer:
    inputs = keras.Input((3, 2), dtype="float64")
    attended = keras.layers.MultiHeadAttention(2, 3, dtype="float64")(inputs, inputs)
    return keras.Model(inputs, attended)


def dense_and_softmax() -> keras.Layer:
    return keras.Sequential(
        [
            keras.layers.EinsumDense("ab,bc->ac", 4, dtype="float64"),
            keras.layers.ELU(dtype="float64"),
            keras.layers.Softmax(dtype="float64"),
        ]
    )


def block_lstm(operation: str, x: tf.Tensor) -> tf.Tensor:
    """The outputs of two steps of two cells."""
    outputs = getattr(tf.raw_ops, operation)(
        seq_len_max=tf.constant(2, tf.int64),
        x=tf.transpose(tf.reshape(x, (-1, 2, 2)), (1, 0, 2)),
        cell_clip=0.0,
        **lstm(x.shape[0], 4),
    )
    return tf.transpose(outputs.h, (1, 0, 2))


def lstm(count: int, inputs: int) -> dict[str, Any]:
    """The states and weights of two cells."""
    return {
        "cs_prev": tf.zeros((count, 2)),
        "h_prev": tf.zeros((count, 2)),
        "w": tf.constant(kernel(inputs, 8), tf.float32),
        "wci": tf.zeros(2),
        "wcf": tf.zeros(2),
        "wco": tf.zeros(2),
        "b": tf.zeros(8),
        "use_peephole": False,
    }


def gru_block_cell(x: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.GRUBlockCell(
        x=x,
        h_prev=tf.zeros((x.shape[0], 2)),
        w_ru=tf.constant(MIX[:6, :4], tf.float32),
        w_c=tf.constant(MIX[:6, :2], tf.float32),
        b_ru=tf.zeros(4),
        b_c=tf.zeros(2),
    ).h


CASES = [
    Case("MultiHeadAttention", "MultiHeadAttention", layer(self_attention, (3, 2)), X6),
    Case("ops.logaddexp", "logaddexp", pair(keras.ops.logaddexp), XY),
    Case(
        "ops.logaddexp, equal arguments",
        "logaddexp",
        pair(keras.ops.logaddexp),
        EQUAL,
        reason=TIES,
        tensorflow="wrong",
        reference=pair(logaddexp),
    ),
    Case(
        "ops.logaddexp2, equal arguments",
        "logaddexp2",
        pair(keras.ops.logaddexp2),
        EQUAL,
        reason=TIES,
        tensorflow="wrong",
    ),
    Case(
        "numpy.logaddexp, equal arguments",
        "logaddexp",
        pair(tf.experimental.numpy.logaddexp),
        EQUAL,
        reason=TIES,
        tensorflow="wrong",
    ),
    Case("ops.hypot", "hypot", pair(keras.ops.hypot), XY),
    Case(
        "ops.hypot, equal arguments",
        "hypot",
        pair(keras.ops.hypot),
        EQUAL,
        reason=TIES,
        tensorflow="wrong",
    ),
    Case(
        "ops.hypot on an axis",
        "hypot",
        pair(keras.ops.hypot),
        rows([0.0, 0.9], [0.7, 0.0]),
        reason=TIES,
        tensorflow="wrong",
    ),
    *both("ops.cbrt", "cbrt", keras.ops.cbrt, SIGNED, fused=True, step=0.005),
    *both("activations.celu", "celu", keras.activations.celu, SIGNED, fused=True),
    *both(
        "activations.squareplus at 0",
        "squareplus",
        keras.activations.squareplus,
        A_ZERO,
        fused=True,
    ),
    *both("activations.mish at 0", "Softplus, Tanh", keras.activations.mish, A_ZERO, fused=True),
    *both(
        "activations.tanh_shrink, sparse_plus",
        "Tanh, SelectV2",
        lambda x: keras.activations.tanh_shrink(x) * keras.activations.sparse_plus(x),
        SIGNED,
        fused=True,
    ),
    Case(
        "activations.sparsemax",
        "sparsemax",
        lambda x: curved(keras.activations.sparsemax(x)),
        rows([0.3, 0.5, -0.9, 0.2], [0.9, 0.7, 0.6, 0.5]),
        step=0.005,
    ),
    Case("activations.glu", "glu", lambda x: curved(keras.activations.glu(x)), X6),
    Case(
        "ops.std, var, median, quantile",
        "std",
        lambda x: (
            tf.sin(keras.ops.std(x, 1))
            + keras.ops.var(x, 1) * keras.ops.median(x, 1)
            + keras.ops.quantile(x, 0.3, 1) ** 2
        ),
        X6,
        step=0.003,
        tolerance=1e-3,
    ),
    Case("ops.norm ord 3", "norm", lambda x: mixed(keras.ops.norm(x, 3, 1, True)), SIGNED),
    Case(
        "ops.slogdet, ops.det",
        "MatrixDeterminant",
        lambda x: keras.ops.slogdet(matrices(x))[1] * keras.ops.det(matrices(x)),
        MATRICES_2,
        step=0.01,
    ),
    Case(
        "ops.trapezoid, diff",
        "trapezoid",
        lambda x: (
            tf.sin(keras.ops.trapezoid(x * x, tf.cumsum(tf.exp(x), 1)))
            + tf.reduce_sum(keras.ops.diff(x) ** 3, 1)
        ),
        X6,
    ),
    Case(
        "ops.nanmean, nanvar",
        "nanmean",
        lambda x: tf.sin(keras.ops.nanmean(x, 1)) * keras.ops.nanvar(x, 1),
        X6,
    ),
    Case("ops.nan_to_num", "nan_to_num", lambda x: mixed(keras.ops.nan_to_num(x)), SIGNED),
    *(
        Case(
            f"{operation}, the raw operation",
            operation,
            lambda x, operation=operation: curved(block_lstm(operation, x)),
            single(X4),
            "refused",
            NO_ENTRY_OF_GRADIENT,
            refusal=f"{operation} ",
        )
        for operation in ("BlockLSTM", "BlockLSTMV2")
    ),
    Case(
        "LSTMBlockCell, the raw operation",
        "LSTMBlockCell",
        lambda x: curved(tf.raw_ops.LSTMBlockCell(x=x, **lstm(x.shape[0], 6)).h),
        single(X4),
        "refused",
        NO_ENTRY,
        refusal="LSTMBlockCell",
    ),
    Case(
        "GRUBlockCell, the raw operation",
        "GRUBlockCell",
        lambda x: curved(gru_block_cell(x)),
        single(X4),
        "refused",
        NO_ENTRY,
        refusal="GRUBlockCell",
    ),
    Case(
        "ops.erfinv, ops.logdet",
        "Erfinv",
        lambda x: (
            weighted(keras.ops.erfinv(0.5 * x[:, :4]))
            + keras.ops.logdet(positive_definite(x[:, :4]))
        ),
        MATRICES_2 * 0.7,
        step=0.005,
        tolerance=1e-4,
    ),
    Case(
        "ops.dot_product_attention, causal",
        "dot_product_attention",
        lambda x: curved(causal_attention(tf.reshape(x, (-1, 3, 1, 2)))),
        X6,
    ),
    Case("GRU", "While", layer(lambda: keras.layers.GRU(3, dtype="float64"), (3, 2)), X6),
    Case(
        "LSTM",
        "While",
        layer(lambda: keras.layers.LSTM(3, return_sequences=True, dtype="float64"), (3, 2)),
        X6,
    ),
    Case(
        "Bidirectional(SimpleRNN)",
        "While",
        layer(
            lambda: keras.layers.Bidirectional(
                keras.layers.SimpleRNN(2, dtype="float64"), dtype="float64"
            ),
            (3, 2),
        ),
        X6,
    ),
    Case(
        "EinsumDense, ELU, Softmax",
        "Einsum, Elu, Softmax",
        layer(dense_and_softmax),
        X6,
        step=0.003,
    ),
]
