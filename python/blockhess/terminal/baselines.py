"""TensorFlow's own ways to the same blocks, for the demo and the benchmarks to compare with."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

RowFunction = Callable[[tf.Tensor], tf.Tensor]


def batch_jacobian(f: RowFunction, x: tf.Tensor) -> tf.Tensor:
    """The Jacobian of the gradient, all columns at once by `GradientTape.batch_jacobian`."""
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            total = tf.reduce_sum(f(x))
        gradient = inner.gradient(total, x)
    return outer.batch_jacobian(gradient, x)


def column_gradients(f: RowFunction, x: tf.Tensor) -> tf.Tensor:
    """One `tf.gradients` for each column of the gradient."""
    gradient = tf.gradients(tf.reduce_sum(f(x)), x)[0]
    columns = [tf.gradients(gradient[:, k], x)[0] for k in range(x.shape[-1])]
    return tf.stack(columns, 1)


def forward_over_reverse(f: RowFunction, x: tf.Tensor) -> tf.Tensor:
    """One forward-mode pass over the gradient for each column."""
    columns = []
    for k in range(x.shape[-1]):
        tangent = tf.one_hot(k, x.shape[-1], dtype=x.dtype) + tf.zeros_like(x)
        with tf.autodiff.ForwardAccumulator(x, tangent) as accumulator:
            with tf.GradientTape() as tape:
                tape.watch(x)
                total = tf.reduce_sum(f(x))
            gradient = tape.gradient(total, x)
        columns.append(accumulator.jvp(gradient))
    return tf.stack(columns, 1)


WAYS = {
    "batch_jacobian": batch_jacobian,
    "gradients per column": column_gradients,
    "forward over reverse": forward_over_reverse,
}


def compiled(way: Callable[[RowFunction, tf.Tensor], tf.Tensor], f: RowFunction, xla: bool):
    """The way as a tf.function of x, with or without XLA."""

    def call(x: tf.Tensor) -> tf.Tensor:
        return way(f, x)

    return tf.function(call, autograph=False, jit_compile=xla)
