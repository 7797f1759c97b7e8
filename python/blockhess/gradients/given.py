"""Values whose derivatives are given, not taken from how they were computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def with_derivative(
    value: tf.Tensor,
    sources: Sequence[tf.Tensor],
    pull: Callable[[tf.Tensor], Sequence[tf.Tensor]],
) -> tf.Tensor:
    """`value`, with another formula for its derivative than the one that TensorFlow would derive.

    Args:
      value: a function of the sources.
      sources: what it is to be differentiated by.
      pull: the cotangents of the sources, given that of the value.
    """
    result = tf.identity_n([value, *sources])[0]
    result.op._gradient_function = lambda _, cotangent, *rest: (  # noqa: SLF001
        None,
        *pull(cotangent),
    )
    return result


def is_unused(cotangent: tf.Tensor | None) -> bool:
    """Whether it stands for an output on which nothing depends, so that it is zero."""
    if cotangent is None or cotangent.op.type == "ZerosLike":
        return True
    source = cotangent.op.inputs[1] if cotangent.op.type == "Fill" else cotangent
    known = tf.get_static_value(source)
    return known is not None and not known.any()
