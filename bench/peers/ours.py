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


def _eager(task: Task) -> Call:
    """The public call as it stands, with its trace of f kept."""
    f, x = row_function(task), tf.constant(task.x)
    return lambda: bh.hessian(f, x)


def _op(task: Task) -> Call:
    """The raw op, eagerly, on a term written by hand."""
    x, s = (bh.expressions.Variable(name) for name in "xs")
    terms, x_data = [task.case.term(bh, x, s, tf.constant(task.A))], tf.constant(task.x)
    return lambda: bh.ops.terms(x_data, terms).hessian


OURS = Peer(
    "blockhess",
    "blockhess",
    _build,
    frozenset({*(("hessian", layout) for layout in LAYOUTS), ("trace", "dense"), ("vjp", "dense")}),
    most_output_bytes=None,
)
# The same computation, called in other ways: for small N these differ by what a call costs.
VARIANTS = [
    Peer("blockhess: bh.hessian, eager", "blockhess", _eager),
    Peer("blockhess: bh.ops.terms, eager", "blockhess", _op),
]
