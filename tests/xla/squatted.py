"""A process in which another library has the name of a custom call first."""

from __future__ import annotations

import ctypes

import tensorflow as tf


def cubes(x):
    return tf.reduce_sum(x**3)


def error_beside(library: str) -> tuple[str, str]:
    assert ctypes.CDLL(library).squat()
    import blockhess as bh  # loads the library, which must come second

    blocks = tf.function(bh.hessian, jit_compile=True, autograph=False)
    try:
        blocks(cubes, tf.ones((2, 3)))
    except tf.errors.OpError as error:
        return type(error).__name__, error.message
    return "none", ""
