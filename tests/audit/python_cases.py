"""Functions of Python and NumPy, and gradients that their author defines."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from case import Case
from points import SIGNED
from reasons import AUTHOR, NO_GRADIENT, NUMPY, NUMPY_GRADIENT, PYTHON, RECOMPUTE, STOPPED
from row_functions import W, curvature, curved, mixed
from truths import differences_of, differences_of_gradient


@tf.custom_gradient
def log1pexp(x: tf.Tensor) -> tuple:
    e = tf.exp(x)
    return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))


@tf.custom_gradient
def by_numpy(x: tf.Tensor) -> tuple:
    sine = tf.ensure_shape(tf.numpy_function(np.sin, [x], x.dtype), x.shape)
    cosine = tf.ensure_shape(tf.numpy_function(np.cos, [x], x.dtype), x.shape)
    return sine, lambda upstream: upstream * cosine


@tf.custom_gradient
def clipped(x: tf.Tensor) -> tuple:
    return tf.identity(x), lambda upstream: tf.clip_by_value(upstream, -0.5, 0.5)


@tf.custom_gradient
def implicit(x: tf.Tensor) -> tuple:
    """y with y + y^3 = x, its gradient by the implicit function theorem."""
    y = tf.stop_gradient(solved(x))
    return y, lambda upstream: upstream / (1 + 3 * y * y)


def solved(x: np.ndarray | tf.Tensor) -> np.ndarray | tf.Tensor:
    """By Newton's method."""
    y = x
    for _ in range(30):
        y = y - (y + y**3 - x) / (1 + 3 * y * y)
    return y


def of_implicit_stopped(x: np.ndarray) -> np.ndarray:
    """Without the derivative of 1 / (1 + 3 y^2)."""
    y = solved(x)
    return (curvature(y) / (1 + 3 * y * y) ** 2)[:, None] * np.eye(x.shape[1])


CASES = [
    Case(
        "tf.py_function",
        "EagerPyFunc",
        lambda x: tf.reduce_sum(
            tf.ensure_shape(tf.py_function(lambda t: t**3, [x], tf.float64), x.shape), 1
        ),
        SIGNED,
        outcome="refused",
        refusal="EagerPyFunc",
        reason=PYTHON,
    ),
    Case(
        "tf.py_function of sin behind a network",
        "EagerPyFunc",
        lambda x: tf.reduce_sum(
            tf.ensure_shape(tf.py_function(tf.sin, [tf.tanh(x @ W)], tf.float64), (x.shape[0], 4)),
            1,
        ),
        SIGNED,
        outcome="refused",
        refusal="EagerPyFunc",
        reason=PYTHON,
    ),
    Case(
        "x^2 + tf.py_function",
        "EagerPyFunc",
        lambda x: tf.reduce_sum(
            x * x + tf.ensure_shape(tf.py_function(lambda t: t**3, [x], tf.float64), x.shape), 1
        ),
        SIGNED,
        outcome="refused",
        refusal="EagerPyFunc",
        reason=PYTHON,
    ),
    Case(
        "tf.numpy_function",
        "PyFunc",
        lambda x: tf.reduce_sum(
            tf.ensure_shape(tf.numpy_function(lambda t: t**3, [x], tf.float64), x.shape), 1
        ),
        SIGNED,
        outcome="refused",
        refusal="PyFunc",
        reason=NUMPY,
    ),
    Case(
        "x^2 + tf.numpy_function",
        "PyFunc",
        lambda x: tf.reduce_sum(
            x * x + tf.ensure_shape(tf.numpy_function(lambda t: t**3, [x], tf.float64), x.shape), 1
        ),
        SIGNED,
        outcome="refused",
        refusal="PyFunc",
        reason=NUMPY,
    ),
    Case(
        "tf.numpy_function, stateful=False",
        "PyFuncStateless",
        lambda x: mixed(
            tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float64, stateful=False), x.shape)
        ),
        SIGNED,
        outcome="refused",
        refusal="PyFuncStateless",
        reason=NUMPY,
    ),
    Case(
        "tf.recompute_grad",
        "recompute_grad",
        lambda x: mixed(tf.recompute_grad(lambda t: tf.sin(t) * t)(x)),
        SIGNED,
        reason=RECOMPUTE,
        tensorflow="raises",
        reference=lambda x: mixed(tf.sin(x) * x),
    ),
    Case(
        "custom_gradient: log1pexp of TensorFlow's documentation",
        "custom_gradient",
        lambda x: mixed(log1pexp(x)),
        SIGNED,
    ),
    Case(
        "custom_gradient around numpy_function",
        "custom_gradient",
        lambda x: tf.reduce_sum(by_numpy(x), 1),
        SIGNED,
        outcome="refused",
        refusal="PyFunc",
        reason=NUMPY_GRADIENT,
    ),
    Case(
        "custom_gradient around numpy_function, inside",
        "custom_gradient",
        lambda x: mixed(by_numpy(x)),
        SIGNED,
        outcome="refused",
        refusal="PyFunc",
        reason=NUMPY_GRADIENT,
    ),
    Case(
        "custom_gradient that clips gradients of mixed cells",
        "custom_gradient",
        lambda x: mixed(clipped(x)),
        SIGNED,
        outcome="refused",
        refusal="not symmetric",
        reason=NO_GRADIENT,
    ),
    Case(
        "custom_gradient that clips each cell's gradient",
        "custom_gradient",
        lambda x: curved(clipped(x)),
        SIGNED,
        outcome="convention",
        reason=AUTHOR,
        truth=differences_of_gradient(lambda x: curved(clipped(x))),
    ),
    Case(
        "grad_pass_through(round)",
        "grad_pass_through",
        lambda x: mixed(tf.grad_pass_through(tf.round)(x)),
        SIGNED,
        outcome="convention",
        reason=AUTHOR,
        truth=lambda x: differences_of(mixed)(np.round(x)),
    ),
    Case(
        "custom_gradient of an implicit function, stopped",
        "custom_gradient",
        lambda x: curved(implicit(x)),
        SIGNED,
        "convention",
        STOPPED,
        truth=of_implicit_stopped,
    ),
]
