"""Sums, products, norms, orders and other functions of all cells of a row."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from case import Case
from points import A_ZERO, APART, SIGNED, ZEROS, rows, single
from reasons import CUMPROD, EUCLIDEAN_NORM, NORM_AT_ZERO, PROD, UPSTREAM_LOGARITHM
from row_functions import MIX, W, curved, mixed, weighted


def norm(x: tf.Tensor) -> tf.Tensor:
    return tf.math.reduce_euclidean_norm(tf.tanh(x @ MIX[:2, :2]), 1)


def twice_the_square_of_its_slope(x: np.ndarray) -> np.ndarray:
    """The blocks of (norm - c)^2 where the norm is c."""
    y = np.tanh(x @ MIX[:2, :2])
    slopes = ((1 - y**2) * y / np.linalg.norm(y, axis=1, keepdims=True)) @ MIX[:2, :2].T
    return 2 * slopes[:, :, None] * slopes[:, None]


CASES = [
    Case(
        "isotonic_regression",
        "IsotonicRegression",
        lambda x: curved(tf.nn.isotonic_regression(x)[0]),
        rows([0.2, 0.5, 0.9, 0.1], [0.9, 0.5, 0.2, 0.1]),
        step=0.01,
    ),
    Case(
        "x'x times the norm of a row of zeros",
        "Sqrt",
        lambda x: tf.reduce_sum(x * x, 1) * tf.norm(x, axis=1),
        rows([0.0, 0.0], [0.3, 0.4]),
        "convention",
        NORM_AT_ZERO,
        autodiff="right",
        nan_rows=(0,),
    ),
    Case(
        "reduce_euclidean_norm times zero",
        "EuclideanNorm",
        lambda x: (
            tf.math.reduce_euclidean_norm(tf.sin(x[:, :2] * x[:, 1:]), 1) * tf.nn.relu(x[:, 0])
        ),
        rows([-0.3, 0.4, 0.5], [0.3, 0.4, 0.5]),
        reason=EUCLIDEAN_NORM,
        tensorflow="NaN",
    ),
    Case("reduce_prod", "Prod", lambda x: tf.reduce_prod(x, 1), ZEROS[:1]),
    Case(
        "reduce_prod, one zero",
        "Prod",
        lambda x: tf.reduce_prod(x, 1),
        ZEROS[1:2],
        reason=PROD,
        tensorflow="wrong",
    ),
    Case(
        "reduce_prod, two zeros",
        "Prod",
        lambda x: tf.reduce_prod(x, 1),
        ZEROS[2:3],
        reason=PROD,
        tensorflow="zero",
    ),
    Case(
        "sin of reduce_prod, rows with 0 to 3 zeros",
        "Prod",
        lambda x: tf.sin(tf.reduce_prod(x, 1) + 0.3),
        ZEROS,
        reason=PROD,
        tensorflow="zero",
    ),
    Case(
        "reduce_prod of 2, zeros",
        "Prod",
        lambda x: tf.reduce_prod(x, 1),
        rows([0.0, 0.0], [0.0, 0.4]),
        reason=PROD,
        tensorflow="zero",
    ),
    Case("cumprod", "Cumprod", lambda x: curved(tf.math.cumprod(x, 1)), ZEROS[:1]),
    Case(
        "cumprod, zeros",
        "Cumprod",
        lambda x: curved(tf.math.cumprod(x, 1)),
        ZEROS[1:3],
        reason=CUMPROD,
        tensorflow="zero",
    ),
    Case(
        "cumprod, zero in the middle",
        "Cumprod",
        lambda x: weighted(tf.math.cumprod(x, 1)),
        rows([0.5, 0.0, 1.1, 0.9]),
        reason=CUMPROD,
        tensorflow="zero",
    ),
    Case(
        "cumprod exclusive, zeros",
        "Cumprod",
        lambda x: curved(tf.math.cumprod(x, 1, exclusive=True)),
        ZEROS[1:3],
        reason=CUMPROD,
        tensorflow="zero",
    ),
    Case(
        "cumprod reverse, zeros",
        "Cumprod",
        lambda x: curved(tf.math.cumprod(x, 1, reverse=True)),
        ZEROS[1:3],
        reason=CUMPROD,
        tensorflow="wrong",
    ),
    Case(
        "cumsum, exclusive, reverse",
        "Cumsum",
        lambda x: curved(tf.cumsum(x, 1, exclusive=True, reverse=True)),
        SIGNED,
    ),
    Case(
        "cumulative_logsumexp",
        "CumulativeLogsumexp",
        lambda x: curved(tf.math.cumulative_logsumexp(x, 1)),
        SIGNED,
    ),
    Case(
        "cumulative_logsumexp, last cell",
        "CumulativeLogsumexp",
        lambda x: tf.sin(tf.math.cumulative_logsumexp(x, 1)[:, -1]),
        SIGNED,
    ),
    Case(
        "cumulative_logsumexp squared where it is 0",
        "CumulativeLogsumexp",
        lambda x: tf.reduce_sum(tf.math.cumulative_logsumexp(x, 1) ** 2, 1),
        rows([0.0, 0.4, -0.7], [0.3, 0.5, -0.2]),
        reason=UPSTREAM_LOGARITHM,
        tensorflow="wrong",
    ),
    Case(
        "cumulative_logsumexp, relu behind",
        "CumulativeLogsumexp",
        lambda x: tf.reduce_sum(tf.nn.relu(tf.math.cumulative_logsumexp(x, 1)) ** 2, 1),
        rows([-0.9, 0.4, -0.7], [0.3, 0.5, -0.2]),
        step=0.01,
    ),
    Case("reduce_logsumexp", "logsumexp", lambda x: tf.reduce_logsumexp(x, 1), SIGNED, "fused"),
    Case(
        "reduce_logsumexp, masked by -inf",
        "logsumexp",
        lambda x: tf.sin(tf.reduce_logsumexp(tf.where([True, False, True], x, -np.inf), 1)),
        SIGNED,
        "fused",
    ),
    Case(
        "reduce_max, reduce_min",
        "Max",
        lambda x: tf.sin(tf.reduce_max(x, 1)) * tf.reduce_min(x, 1),
        SIGNED,
    ),
    Case(
        "reduce_euclidean_norm",
        "EuclideanNorm",
        lambda x: tf.math.reduce_euclidean_norm(x, 1),
        SIGNED,
        "fused",
    ),
    Case(
        "(reduce_euclidean_norm - c)^2 at c",
        "EuclideanNorm",
        lambda x: (norm(x) - tf.stop_gradient(norm(x))) ** 2,
        rows([0.3, 0.4]),
        reason=EUCLIDEAN_NORM,
        tensorflow="NaN",
        truth=twice_the_square_of_its_slope,
    ),
    Case(
        "reduce_euclidean_norm below relu's bend",
        "EuclideanNorm",
        lambda x: (
            tf.nn.relu(tf.math.reduce_euclidean_norm(tf.sin(x[:, :2] * x[:, 1:]), 1) - 5.0)
            + tf.sin(x[:, 0])
        ),
        SIGNED,
        reason=EUCLIDEAN_NORM,
        tensorflow="NaN",
    ),
    Case(
        "norm, ord 4, a zero",
        "norm",
        lambda x: mixed(tf.norm(x, ord=4, axis=1, keepdims=True)),
        A_ZERO,
    ),
    Case(
        "norm, ord 3, a zero",
        "norm",
        lambda x: mixed(tf.norm(x, ord=3, axis=1, keepdims=True)),
        A_ZERO,
        step=0.001,
        tolerance=0.003,
    ),
    Case("norm, ord 2, a zero", "norm", lambda x: mixed(tf.norm(x, axis=1, keepdims=True)), A_ZERO),
    Case(
        "reduce_variance",
        "reduce_variance",
        lambda x: tf.sin(tf.math.reduce_variance(x, 1)),
        SIGNED,
    ),
    Case("reduce_std", "reduce_std", lambda x: tf.sin(tf.math.reduce_std(x, 1)), SIGNED),
    Case("top_k", "TopKV2", lambda x: curved(tf.math.top_k(x, 2)[0]), SIGNED),
    Case("sort", "TopKV2", lambda x: curved(tf.sort(x, axis=1)), SIGNED),
    Case(
        "sort descending, of x @ W",
        "TopKV2",
        lambda x: curved(tf.sort(tf.tanh(x @ W), axis=1, direction="DESCENDING")),
        APART,
        step=0.002,
    ),
    Case(
        "nth_element", "NthElement", lambda x: tf.sin(tf.raw_ops.NthElement(input=x, n=1)), SIGNED
    ),
    Case(
        "approx_max_k",
        "ApproxTopK",
        lambda x: curved(tf.math.approx_max_k(x, 2)[0]),
        single(SIGNED),
        reference=lambda x: curved(tf.math.top_k(x, 2)[0]),
    ),
    Case(
        "gather at argmax",
        "ArgMax",
        lambda x: tf.sin(tf.gather(x, tf.argmax(x, 1), batch_dims=1)),
        SIGNED,
    ),
    Case(
        "count_nonzero",
        "count_nonzero",
        lambda x: weighted(x * x) * (1 - tf.cast(tf.math.count_nonzero(x > 0.5, 1), tf.float64)),
        SIGNED,
        "fused",
    ),
    Case(
        "ops.prod, a zero",
        "Prod",
        lambda x: keras.ops.prod(x, 1),
        ZEROS[2:3],
        reason=PROD,
        tensorflow="zero",
    ),
    Case(
        "ops.cumprod, a zero",
        "Cumprod",
        lambda x: curved(keras.ops.cumprod(x, 1)),
        ZEROS[1:2],
        reason=CUMPROD,
        tensorflow="zero",
    ),
    Case(
        "reduce_prod, one zero, float32",
        "Prod",
        lambda x: tf.reduce_prod(x, 1),
        single(ZEROS[1:2]),
        reason=PROD,
        tensorflow="wrong",
    ),
    Case(
        "sin(reduce_euclidean_norm(tanh(x @ W)))",
        "EuclideanNorm",
        lambda x: tf.sin(tf.math.reduce_euclidean_norm(tf.tanh(x @ W), 1)),
        SIGNED,
    ),
    Case(
        "reduce_euclidean_norm of products, times x",
        "EuclideanNorm",
        lambda x: tf.math.reduce_euclidean_norm(tf.sin(x[:, :2] * x[:, 1:]), 1) * (2 + x[:, 0]),
        SIGNED,
    ),
]
