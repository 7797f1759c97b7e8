"""blockhess."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

import blockhess as bh
from task import LAYOUTS, Task

from .peer import Call, Peer


def row_function(task: Task):
    """The case in TensorFlow, with its matrix as a constant."""
    A = tf.constant(task.A)
    return lambda x: task.case.tensorflow(tf, x, A)


def _build(task: Task) -> Call:
    """The public call as it stands; a gradient in a tf.function, where training steps are."""
    f, x = row_function(task), tf.constant(task.x)
    if task.quantity == "trace":
        return lambda: tf.reduce_sum(bh.hessian(f, x, layout="diag"), 1)
    if task.quantity == "hessian":
        return lambda: bh.hessian(f, x, layout=task.layout)

    @tf.function(autograph=False)
    def vjp(x: tf.Tensor, G: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            blocks = bh.hessian(f, x)
        return tape.gradient(blocks, x, output_gradients=G)

    G = tf.constant(task.G)
    return lambda: vjp(x, G)


def _in_function(xla: bool) -> Callable[[Task], Call]:
    def build(task: Task) -> Call:
        f, x = row_function(task), tf.constant(task.x)

        @tf.function(autograph=False, jit_compile=xla)
        def call(x: tf.Tensor) -> tf.Tensor:
            return bh.hessian(f, x, layout=task.layout)

        return lambda: call(x)

    return build


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
IN_FUNCTION = Peer("blockhess: in a tf.function", "blockhess", _in_function(xla=False))
VARIANTS = [
    IN_FUNCTION,
    Peer("blockhess: in a tf.function, XLA", "blockhess", _in_function(xla=True)),
    Peer("blockhess: bh.ops.terms, eager", "blockhess", _op),
]
