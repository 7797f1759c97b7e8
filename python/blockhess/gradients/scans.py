"""Parallel prefix scans along an axis in log2 K steps, made of operations that TensorFlow
differentiates to any order.

Tensors have the shape (before, K, after), and the axis of K may be of unknown size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from blockhess._tensorflow import while_v2

# An axis of unknown size takes as many steps as the longest axis there can be.
_STEPS = 31

Shift = int | tf.Tensor
Step = Callable[..., Sequence[tf.Tensor]]


def laid_out(x: tf.Tensor, axis: tf.Tensor, reverse: bool) -> tf.Tensor:
    """`x` as (before, K, after), K being that of `axis`, from its end on where `reverse`."""
    shape, known = tf.shape(x), tf.get_static_value(axis)
    axis = axis if known is None else int(known)
    axis = tf.where(axis < 0, axis + tf.rank(x), axis) if known is None else axis % x.shape.rank
    K = None if known is None else x.shape[axis]
    K = shape[axis] if K is None else K
    sizes = [tf.reduce_prod(shape[:axis]), K, tf.reduce_prod(shape[axis + 1 :])]
    result = tf.reshape(x, sizes)
    return tf.reverse(result, [1]) if reverse else result


def restored(laid: tf.Tensor, x: tf.Tensor, reverse: bool) -> tf.Tensor:
    """What `laid_out` made, in the shape of `x` again."""
    return tf.reshape(tf.reverse(laid, [1]) if reverse else laid, tf.shape(x))


def ahead(t: tf.Tensor, shift: Shift) -> tf.Tensor:
    """t_(i + shift) at place i of the axis, and zeros where there is none."""
    if isinstance(shift, int):
        return tf.pad(t[:, shift:], [[0, 0], [0, shift], [0, 0]])
    K = tf.shape(t)[1]
    places = tf.range(K) + shift
    inside = (places < K)[:, tf.newaxis]
    moved = tf.gather(t, tf.minimum(places, K - 1), axis=1)
    return tf.where(inside, moved, tf.zeros([], t.dtype))


def doubled(step: Step, state: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
    """`step(shift, *state)`, which returns the next state, for shift 1, 2, 4, ... below K."""
    K = state[0].shape[1]
    if K is not None:
        shift = 1
        while shift < K:
            state, shift = step(shift, *state), 2 * shift
        return state
    K = tf.shape(state[0])[1]
    result = while_v2.while_loop(
        lambda shift, *_: tf.logical_and(0 < shift, shift < K),
        lambda shift, *now: (2 * shift, *step(shift, *now)),
        (tf.ones([], tf.int32), *state),
        maximum_iterations=_STEPS,
    )
    return result[1:]


def recurrence(factor: tf.Tensor, summand: tf.Tensor) -> tf.Tensor:
    """G with G_i = summand_i + factor_i G_(i + 1), from the end of the axis on."""

    def step(shift: Shift, factor: tf.Tensor, G: tf.Tensor) -> Sequence[tf.Tensor]:
        return factor * ahead(factor, shift), G + factor * ahead(G, shift)

    return doubled(step, (factor, summand))[1]
