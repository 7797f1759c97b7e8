"""Gradients of operations by way of others that compute the same."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess.gradients.paths import carries_derivatives


def written_out(function: Callable[..., object]) -> Callable[..., list[tf.Tensor | None]]:
    """The gradient function of an operation that `function` writes in other operations.

    Args:
      function: takes the operation and its inputs, and returns its first results, one or a tuple;
        what it uses has right gradients in TensorFlow.
    """

    def gradient(op: tf.Operation, *cotangents: tf.Tensor | None) -> list[tf.Tensor | None]:
        inputs = [tf.identity(i) if carries_derivatives(i) else i for i in op.inputs]
        results = function(op, *inputs)
        results = results if isinstance(results, tuple) else (results,)
        pairs = [p for p in zip(results, cotangents, strict=False) if p[1] is not None]
        sources = [i for i in inputs if carries_derivatives(i)]
        parts = iter(tf.gradients([r for r, _ in pairs], sources, [c for _, c in pairs]))
        found = [next(parts) if carries_derivatives(i) else None for i in inputs]
        return [part if part is None else tf.convert_to_tensor(part) for part in found]

    return gradient
