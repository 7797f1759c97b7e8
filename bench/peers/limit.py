"""The limits: one warm write of the same output; for a gradient of blocks, the blocks."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from task import LAYOUTS, Task

from .ours import IN_FUNCTION
from .peer import Call, Peer


def _fill(task: Task) -> Call:
    shape, value = tf.constant(task.output_shape), tf.constant(1, task.dtype)
    return lambda: tf.fill(shape, value)


def _forward(task: Task) -> Call:
    return IN_FUNCTION.build(dataclasses.replace(task, quantity="hessian"))


FILL = Peer(
    "tf.fill",
    "tensorflow",
    _fill,
    frozenset({*(("hessian", layout) for layout in LAYOUTS), ("trace", "dense")}),
    most_output_bytes=None,
)
FORWARD = Peer(
    "blockhess: the blocks",
    "blockhess",
    _forward,
    frozenset({("vjp", "dense")}),
    most_output_bytes=None,
)
PEERS = [FILL, FORWARD]
