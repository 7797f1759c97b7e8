"""blockhess."""

from __future__ import annotations

import tensorflow as tf

import blockhess as bh
from task import LAYOUTS, Task

from .peer import Call, Peer


def row_function(task: Task):
    """The case in TensorFlow, with its matrix as a constant."""
    A = tf.constant(task.A)
    return lambda x: task.case.tensorflow(tf, x, A)


def _build(task: Task) -> Call:
    f, x = row_function(task), tf.constant(task.x)

    def hessian(x: tf.Tensor) -> tf.Tensor:
        return bh.hessian(f, x, layout=task.layout)

    def trace(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(bh.hessian(f, x, layout="diag"), 1)

    def vjp(x: tf.Tensor, G: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            blocks = bh.hessian(f, x)
        return tape.gradient(blocks, x, output_gradients=G)

    compute = {"hessian": hessian, "trace": trace, "vjp": vjp}[task.quantity]
    call = tf.function(compute, autograph=False)
    if task.quantity == "vjp":
        G = tf.constant(task.G)
        return lambda: call(x, G)
    return lambda: call(x)


OURS = Peer(
    "blockhess",
    "blockhess",
    _build,
    frozenset({*(("hessian", layout) for layout in LAYOUTS), ("trace", "dense"), ("vjp", "dense")}),
    most_output_bytes=None,
)
