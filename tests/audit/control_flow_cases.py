"""Loops, branches, maps and data sets."""

from __future__ import annotations

import tensorflow as tf
from case import Case, RowFunction
from points import SIGNED
from reasons import COMPARISONS, NO_ENTRY, NOT_DIFFERENTIABLE
from row_functions import MIX, curved, mixed
from truths import zeros


def loop(count: int, step: RowFunction, start: tf.Tensor) -> tf.Tensor:
    """`step` of `step` of ... of the start."""
    return tf.while_loop(lambda i, y: i < count, lambda i, y: (i + 1, step(y)), (0, start))[1]


def sums_along_a_loop(x: tf.Tensor) -> tf.Tensor:
    def step(i: tf.Tensor, sums: tf.TensorArray, y: tf.Tensor) -> tuple:
        return i + 1, sums.write(i, tf.reduce_sum(y, 1)), tf.sin(y) * x

    start = (tf.constant(0), tf.TensorArray(x.dtype, 3), x)
    return tf.transpose(tf.while_loop(lambda i, sums, y: i < 3, step, start)[1].stack())


def by_bisection(x: tf.Tensor) -> tf.Tensor:
    """The cube root of exp(x)."""

    def step(i: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple:
        middle = (low + high) / 2
        is_low = middle**3 < tf.exp(x)
        return i + 1, tf.where(is_low, middle, low), tf.where(is_low, high, middle)

    return tf.while_loop(lambda i, low, high: i < 40, step, (0, 0 * x, 4 + 0 * x))[1]


@tf.function(autograph=False)
def inner(x: tf.Tensor) -> tf.Tensor:
    return tf.sin(x) * x


@tf.function
def over_dataset(x: tf.Tensor) -> tf.Tensor:
    total = 0 * x[:, 0]
    for d in tf.data.Dataset.from_tensor_slices(MIX[:4, :3]):
        total += tf.reduce_sum((x - d) ** 4, 1)
    return total


CASES = [
    Case(
        "while_loop: Newton's method",
        "While",
        lambda x: curved(loop(12, lambda y: 0.5 * (y + tf.exp(x) / y), 1 + 0 * x)),
        SIGNED,
        reference=lambda x: curved(tf.exp(x / 2)),
    ),
    Case(
        "while_loop",
        "While",
        lambda x: curved(loop(3, lambda y: tf.sin(y) * x + 0.1 * y * y, x)),
        SIGNED,
    ),
    Case("while_loop, TensorArray", "While", lambda x: curved(sums_along_a_loop(x)), SIGNED),
    Case(
        "cond",
        "If",
        lambda x: curved(tf.cond(tf.constant(3) > tf.size(x), lambda: x**3, lambda: tf.sin(x) * x)),
        SIGNED,
    ),
    Case(
        "cond on all of x",
        "If",
        lambda x: curved(tf.cond(tf.reduce_sum(x) > 0, lambda: x**3, lambda: tf.sin(x) * x)),
        SIGNED,
        step=0.001,
        tolerance=0.01,
        by_batch=True,
    ),
    Case(
        "switch_case",
        "Case",
        lambda x: curved(tf.switch_case(tf.size(x) % 2, [lambda: x**3, lambda: tf.sin(x)])),
        SIGNED,
    ),
    Case(
        "map_fn", "While", lambda x: tf.map_fn(lambda r: tf.reduce_sum(tf.sin(r) * r[0]), x), SIGNED
    ),
    Case(
        "vectorized_map",
        "vectorized_map",
        lambda x: tf.vectorized_map(lambda r: tf.reduce_sum(tf.sin(r) * r[0]), x),
        SIGNED,
    ),
    Case(
        "scan over features",
        "While",
        lambda x: curved(tf.transpose(tf.scan(lambda a, b: tf.sin(a) * b + 0.2, tf.transpose(x)))),
        SIGNED,
    ),
    Case(
        "foldl",
        "While",
        lambda x: tf.foldl(lambda a, b: tf.sin(a) * b + 0.2, tf.transpose(x)),
        SIGNED,
    ),
    Case(
        "while_loop: bisection",
        "SelectV2",
        lambda x: curved(by_bisection(x)),
        SIGNED,
        "convention",
        COMPARISONS,
        truth=zeros,
    ),
    Case("nested tf.function", "PartitionedCall", lambda x: mixed(inner(x)), SIGNED),
    Case(
        "Dataset.reduce with x",
        "ReduceDataset",
        lambda x: tf.data.Dataset.from_tensor_slices(MIX[:4, :3]).reduce(
            0 * x[:, 0], lambda s, d: s + tf.reduce_sum((x - d) ** 4, 1)
        ),
        SIGNED,
        outcome="refused",
        refusal="ReduceDataset",
        reason=NOT_DIFFERENTIABLE,
    ),
    Case(
        "for d in dataset, in a tf.function",
        "ReduceDataset",
        over_dataset,
        SIGNED,
        outcome="refused",
        refusal="TensorSliceDataset",
        reason=NOT_DIFFERENTIABLE,
    ),
    Case(
        "parallel_stack",
        "ParallelConcat",
        lambda x: curved(tf.transpose(tf.parallel_stack([x[:, 0], tf.sin(x[:, 1])]))),
        SIGNED,
        outcome="refused",
        refusal="ParallelConcat",
        reason=NO_ENTRY,
    ),
    Case(
        "vectorized_map of scan",
        "TensorListPushBackBatch",
        lambda x: tf.vectorized_map(
            lambda r: tf.reduce_sum(tf.scan(lambda a, b: tf.sin(a) * b + 0.1, r)), x
        ),
        SIGNED,
    ),
    Case(
        "vectorized_map of while_loop",
        "While",
        lambda x: tf.vectorized_map(
            lambda r: tf.while_loop(
                lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) * r[0]), (0, r[1])
            )[1],
            x,
        ),
        SIGNED,
    ),
    Case(
        "map_fn of cond on the row",
        "If",
        lambda x: tf.map_fn(
            lambda r: tf.cond(
                r[0] > 0, lambda: tf.reduce_sum(r**3), lambda: tf.reduce_sum(tf.sin(r))
            ),
            x,
        ),
        SIGNED,
    ),
]
