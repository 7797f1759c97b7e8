"""Values whose derivatives are given, not taken from how they were computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import set_own_gradient


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
    set_own_gradient(result.op, lambda _, cotangent, *rest: (None, *pull(cotangent)))
    return result


def is_unused(cotangent: tf.Tensor | None) -> bool:
    """Whether a cotangent is that of an output on which nothing depends, so that it is zero."""
    if cotangent is None or cotangent.op.type == "ZerosLike":
        return True
    source = cotangent.op.inputs[1] if cotangent.op.type == "Fill" else cotangent
    known = tf.get_static_value(source)
    return known is not None and not known.any()


def one_or_nan(known: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A factor that leaves what is known and makes NaN of the rest.

    A derivative has to be multiplied by it: what a `where` puts in for a number is not linear in
    the cotangent, and is lost when the derivative is transposed.
    """
    return tf.where(known, tf.ones([], dtype), tf.constant(np.nan, dtype))
