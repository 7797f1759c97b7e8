"""Limits and zeros: where, and operations that define 0 / 0 or 0 log 0."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from case import INSIDE, Case, both
from points import A_ZERO, SIGNED, rows
from reasons import CONSTANT_LIMIT, DIVIDE_NO_NAN, INFINITE_SLOPE, SAFE_POINT, SAME_POINT, XLOGY
from row_functions import mixed, weighted
from truths import constant_at_zero

NOT_TAKEN = rows([0.0, 0.5, -0.7], [0.3, 0.0, 0.9])
AT_ZERO = rows([0.0, 0.5], [0.4, 0.5])


def sine_of_safe(x: tf.Tensor) -> tf.Tensor:
    is_zero = tf.equal(x, 0.0)
    safe = tf.where(is_zero, tf.ones_like(x), x)
    return tf.where(is_zero, tf.ones_like(x), tf.sin(safe) / safe)


def sine_by(near: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """sin(x) / x, and `near` next to 0."""
    is_near = tf.abs(x) < 1e-4
    return tf.where(is_near, near, tf.sin(x) / tf.where(is_near, tf.ones_like(x), x))


def constant(name: str, operations: str, u: Any, reason: str) -> tuple[Case, Case]:
    """u alone and within a function that is not fused, constant at zero by convention."""
    return tuple(
        Case(
            name + ending,
            operations,
            lambda x, around=around: around(u(x)),
            A_ZERO,
            "convention",
            reason,
            truth=constant_at_zero(lambda x, around=around: around(u(x))),
        )
        for ending, around in (("", weighted), (INSIDE, mixed))
    )


CASES = [
    Case(
        "xlogy(x, y) at x = 0",
        "Xlogy",
        lambda x: tf.math.xlogy(x[:, 0], x[:, 1]),
        rows([0.0, 0.5], [0.4, 0.5]),
        reason=XLOGY,
        tensorflow="zero",
    ),
    Case(
        "xlogy(x, y) at x = 0, inside",
        "Xlogy",
        lambda x: mixed(tf.math.xlogy(x[:, :1], x[:, 1:])),
        rows([0.0, 0.5], [0.4, 0.5]),
        reason=XLOGY,
        tensorflow="zero",
    ),
    Case(
        "xlog1py(x, y) at x = 0, inside",
        "Xlog1py",
        lambda x: mixed(tf.math.xlog1py(x[:, :1], x[:, 1:])),
        rows([0.0, 0.5], [0.4, 0.5]),
        reason=XLOGY,
        tensorflow="zero",
    ),
    Case(
        "xdivy(x, y) at x = 0, inside",
        "Xdivy",
        lambda x: mixed(tf.math.xdivy(x[:, :1], x[:, 1:])),
        rows([0.0, 0.5], [0.4, 0.5]),
        reason=XLOGY,
        tensorflow="zero",
    ),
    Case(
        "multiply_no_nan(x, y) at y = 0",
        "MulNoNan",
        lambda x: mixed(tf.math.multiply_no_nan(x[:, :1], x[:, 1:])),
        rows([0.4, 0.0], [0.4, 0.5], [0.0, 0.3]),
    ),
    Case(
        "divide_no_nan",
        "DivNoNan",
        lambda x: mixed(tf.math.divide_no_nan(x[:, :1], x[:, 1:])),
        rows([0.4, 0.6], [0.0, 0.5]),
    ),
    Case(
        "x^3 log(x) by where",
        "SelectV2",
        lambda x: weighted(tf.where(x > 0, x * x * x * tf.math.log(x), 0.0 * x)),
        rows([0.4, 0.6], [0.3, 0.5]),
        "fused",
    ),
    *both(
        "ops.sinc at 0",
        "SelectV2",
        keras.ops.sinc,
        A_ZERO,
        outcome="convention",
        nan_rows=(0,),
        reason=SAME_POINT,
    ),
    *both("numpy.sinc", "SelectV2", tf.experimental.numpy.sinc, SIGNED, fused=True),
    *both(
        "sin(x) / x by where x == 0",
        "SelectV2",
        lambda x: tf.where(tf.equal(x, 0.0), tf.ones_like(x), tf.sin(x) / x),
        A_ZERO,
        outcome="convention",
        nan_rows=(0,),
        reason=SAME_POINT,
    ),
    *both(
        "expm1(x) / x by where x == 0",
        "SelectV2",
        lambda x: tf.where(tf.equal(x, 0.0), tf.ones_like(x), tf.math.expm1(x) / x),
        A_ZERO,
        outcome="convention",
        nan_rows=(0,),
        reason=SAME_POINT,
    ),
    Case(
        "sin(x) / x by where of a safe x",
        "SelectV2",
        lambda x: weighted(sine_of_safe(x)),
        A_ZERO,
        "convention",
        SAFE_POINT,
        autodiff="wrong",
        nan_rows=(0,),
    ),
    constant("sin(x) / x by where of a safe x", "SelectV2", sine_of_safe, CONSTANT_LIMIT)[1],
    *both(
        "sin(x) / x by abs(x) < 1e-4, Taylor",
        "SelectV2",
        lambda x: sine_by(1 - x * x / 6, x),
        A_ZERO,
        fused=True,
    ),
    *constant(
        "sin(x) / x by abs(x) < 1e-4, constant 1",
        "SelectV2",
        lambda x: sine_by(tf.ones_like(x), x),
        CONSTANT_LIMIT,
    ),
    *both(
        "x*log(x) by where x > 0, at 0.3",
        "SelectV2",
        lambda x: tf.where(x > 0, x * tf.math.log(x), tf.zeros_like(x)),
        rows([0.3, 0.5, 0.9]),
        fused=True,
    ),
    *constant(
        "divide_no_nan(expm1(x), x) at 0",
        "DivNoNan",
        lambda x: tf.math.divide_no_nan(tf.math.expm1(x), x) + tf.cast(tf.equal(x, 0), x.dtype),
        DIVIDE_NO_NAN,
    ),
    *(
        Case(
            f"{name} by where x > 0.1, inside",
            operation,
            lambda x, u=u: mixed(tf.where(x > 0.1, u(x), tf.sin(x))),
            NOT_TAKEN,
            reason=INFINITE_SLOPE,
            tensorflow="NaN",
            step=0.01,
        )
        for name, operation, u in [
            ("sqrt(x)", "Sqrt", tf.sqrt),
            ("log(x)", "Log", tf.math.log),
            ("x^0.5", "Pow", lambda x: x**0.5),
            ("Inv(x), the raw operation,", "Inv", lambda x: tf.raw_ops.Inv(x=x)),
            ("Div(1, x), the raw operation,", "Div", lambda x: tf.raw_ops.Div(x=1 + 0 * x, y=x)),
        ]
    ),
    Case(
        "xlogy(x, x)",
        "Xlogy",
        lambda x: tf.reduce_sum(tf.math.xlogy(x, x), 1),
        rows([0.5, 0.2], [0.4, 0.3]),
        "fused",
        step=0.01,
    ),
    Case(
        "xlogy(x^2, y) at x = 0",
        "Xlogy",
        lambda x: mixed(tf.math.xlogy(x[:, :1] ** 2, x[:, 1:])),
        rows([0.0, 0.5], [0.4, 0.5]),
        reason=XLOGY,
        tensorflow="zero",
    ),
    Case(
        "xlogy of two softmax",
        "Xlogy",
        lambda x: tf.reduce_sum(tf.math.xlogy(tf.nn.softmax(x), tf.nn.softmax(2 * x)), 1),
        SIGNED,
    ),
    Case(
        "xlogy of relu(x), x < 0",
        "Xlogy",
        lambda x: tf.reduce_sum(tf.math.xlogy(tf.nn.relu(x), 1 + x * x), 1),
        rows([-0.3, 0.5], [0.4, 0.3]),
        "fused",
        step=0.01,
    ),
    Case(
        "divide_no_nan(x^3, x) at 0",
        "DivNoNan",
        lambda x: mixed(tf.math.divide_no_nan(x**3, x)),
        A_ZERO,
        "convention",
        DIVIDE_NO_NAN,
        truth=constant_at_zero(lambda x: mixed(tf.math.divide_no_nan(x**3, x))),
    ),
]
