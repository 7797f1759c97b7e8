"""What one call costs beside the arithmetic: N = 1, against the least that TensorFlow can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

import blockhess as bh
from compare import timing
from measure import interleave

K = 3
_BUDGET = 1.0


def pairs() -> dict[str, tuple[Callable[[], object], str, Callable[[], object]]]:
    """(ours, the name of the reference, the reference) by what is called."""
    x = tf.constant([[0.5, -1.0, 2.0]])
    cell, s = bh.expressions.Variable("x"), bh.expressions.Variable("s")
    squares = [bh.ops.Term(cell * cell, (), None, None, s, ())]

    def raw(x: tf.Tensor) -> tf.Tensor:
        return bh.ops.terms(x, squares).hessian

    def f(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(x * x)

    in_a_graph = tf.function(raw, autograph=False)
    square = tf.function(tf.square, autograph=False)
    empty = tf.function(lambda x: x, [tf.TensorSpec((1, K))], autograph=False)
    return {
        "bh.ops.terms, eager": (lambda: raw(x), "tf.square, eager", lambda: tf.square(x)),
        "bh.ops.terms, tf.function": (
            lambda: in_a_graph(x),
            "tf.square, tf.function",
            lambda: square(x),
        ),
        "bh.hessian, eager, known f": (
            lambda: bh.hessian(f, x),
            "empty tf.function",
            lambda: empty(x),
        ),
    }


def compared(rounds: int) -> list[dict[str, Any]]:
    records = []
    for name, (ours, reference, call) in pairs().items():
        for either in (ours, call):
            either()
        pairs_of, failed = interleave(ours, {reference: call}, _BUDGET, rounds)
        if failed:
            raise failed[reference]
        about = {"section": "one call", "case": name, "N": 1, "K": K, "dtype": "float32"}
        records.append({**about, "peer": reference, "status": "ok", **timing(pairs_of[reference])})
    return records
