"""Keras layers as row-wise functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import tensorflow as tf
from case import RowFunction
from row_functions import curved


def layer(
    build: Callable[[], keras.Layer],
    shape: tuple[int, ...] | None = None,
    then: RowFunction = curved,
    training: bool = False,
) -> RowFunction:
    """`then` of what the layer makes of x, whose rows it gets in the given shape.

    It is built at the first call, with weights that are the same in every run.
    """
    built = settled(build)

    def f(x: tf.Tensor) -> tf.Tensor:
        inputs = x if shape is None else tf.reshape(x, (-1, *shape))
        return then(built(inputs, training=training))

    return f


def settled(build: Callable[[], keras.Layer]) -> Callable[..., tf.Tensor]:
    """A layer that is built at its first call."""

    @cache
    def built(shape: tuple[int, ...]) -> keras.Layer:
        with tf.init_scope():
            made = build()
            made(tf.zeros((1, *shape), tf.float64))
            random = np.random.default_rng(1)
            for weight in made.weights:
                if keras.backend.is_float_dtype(weight.dtype):
                    weight.assign(_values(random, weight.shape))
        return made

    def call(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        made = built(tuple(inputs.shape[1:]))
        return tf.convert_to_tensor(made(inputs, training=training))

    return call


def _values(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Kernels have both signs; scales and variances, which are vectors, are positive."""
    values = random.uniform(0.2, 0.8, shape)
    return values * random.choice([-1, 1], shape) if len(shape) > 1 else values
