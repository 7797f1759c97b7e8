"""TensorFlow's own ways, each with and without XLA."""

from __future__ import annotations

import tensorflow as tf

from blockhess.terminal.baselines import WAYS, RowFunction, compiled
from task import LAYOUTS, Task

from .ours import row_function
from .peer import Call, Peer

# Ways that write out every column: past this they take from half a minute to minutes to build.
_MOST_COLUMNS = {
    "gradients per column": 32,
    "forward over reverse": 32,
}
# tf.hessians runs N K backward passes, one after the other.
_MOST_CELLS = {"tf.hessians": 3000}


def hessians(f: RowFunction, x: tf.Tensor) -> tf.Tensor:
    """The diagonal blocks of what tf.hessians builds."""
    return tf.einsum("nknl->nkl", tf.hessians(tf.reduce_sum(f(x)), x)[0])


def lay_out(blocks: tf.Tensor, layout: str, K: int) -> tf.Tensor:
    if layout == "diag":
        return tf.linalg.diag_part(blocks)
    if layout == "packed":
        places = [row * K + column for row in range(K) for column in range(row, K)]
        return tf.gather(tf.reshape(blocks, (-1, K * K)), places, axis=1)
    return blocks


def _builder(way, xla: bool):
    def build(task: Task) -> Call:
        f, x = row_function(task), tf.constant(task.x)
        if task.quantity == "hessian":
            call = compiled(lambda f, x: lay_out(way(f, x), task.layout, task.K), f, xla)
            return lambda: call(x)
        G = tf.constant(task.G)

        def vjp(x: tf.Tensor, G: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                blocks = way(f, x)
            return tape.gradient(blocks, x, output_gradients=G)

        call = tf.function(vjp, autograph=False, jit_compile=xla)
        return lambda: call(x, G)

    return build


def _computes(name: str, xla: bool) -> frozenset[tuple[str, str]]:
    if name != "batch_jacobian":
        return frozenset({("hessian", "dense")})
    layouts = {("hessian", layout) for layout in LAYOUTS} if xla else {("hessian", "dense")}
    return frozenset({*layouts, ("vjp", "dense")})


PEERS = [
    Peer(
        f"{name}, XLA" if xla else name,
        "tensorflow",
        _builder(way, xla),
        _computes(name, xla),
        most_columns=_MOST_COLUMNS.get(name),
        most_cells=_MOST_CELLS.get(name),
    )
    for name, way in {"tf.hessians": hessians, **WAYS}.items()
    for xla in (False, True)
]
