"""The checks of x, of f's result and of options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

RowFunction = Callable[[tf.Tensor], Any]
# The one that is looked for most comes first.
DTYPES = (tf.float32, tf.float64, tf.float16, tf.bfloat16)


def check_option(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise ValueError(f"{name} is {given!r}; expected one of {', '.join(known)}")


def checked_x(x: Any) -> tf.Tensor:
    """x as a tensor: floating, of rank at least 1."""
    try:
        tensor = x if isinstance(x, tf.Tensor) else tf.convert_to_tensor(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"x cannot be made a tensor: {error}") from error
    check_x(tensor)
    return tensor


def check_x(x: Any) -> None:
    """Raises TypeError or ValueError, naming what x has and what was expected."""
    if x.dtype not in DTYPES:
        expected = ", ".join(dtype.name for dtype in DTYPES)
        raise TypeError(f"x has dtype {x.dtype.name}; expected one of {expected}")
    if x.shape.rank is None:
        raise ValueError("x has an unknown rank; expected shape (..., K)")
    if x.shape.rank == 0:
        raise ValueError("x is a scalar, shape (); expected shape (..., K)")


def checked_result(y: Any, x: tf.Tensor) -> tf.Tensor:
    """f's result as a tensor: floating, a scalar or one value a row of x."""
    y = _floating(y)
    if y.shape.rank is None:
        raise ValueError("f's result has an unknown rank; expected a scalar or one value a row")
    rows = x.shape[:-1]
    allowed = [tf.TensorShape([]), rows, rows.concatenate(1)]
    if not any(_fits(y.shape, shape) for shape in allowed):
        raise ValueError(
            f"f's result has shape {y.shape}; expected a scalar, {rows} or {rows.concatenate(1)}: "
            f"one value a row of x, which has shape {x.shape}"
        )
    return y


def checked_outputs(y: Any, x: tf.Tensor, outputs: int) -> tf.Tensor:
    """f's result as a tensor: floating, with that many values a row of x."""
    y = _floating(y)
    expected = x.shape[:-1].concatenate(outputs)
    if not _fits(y.shape, expected):
        raise ValueError(
            f"f's result has shape {y.shape}; expected {expected}: outputs={outputs} values a row "
            f"of x, which has shape {x.shape}"
        )
    return tf.ensure_shape(y, expected)


def _floating(y: Any) -> tf.Tensor:
    if y is None or isinstance(y, (list, tuple, dict)):
        raise ValueError(f"f's result is {type(y).__name__}; expected one tensor")
    try:
        y = tf.convert_to_tensor(y)
    except (TypeError, ValueError) as error:
        raise ValueError(f"f's result cannot be made a tensor: {error}") from error
    if not y.dtype.is_floating:
        raise ValueError(f"f's result has dtype {y.dtype.name}; expected a floating type")
    return y


def _fits(shape: tf.TensorShape, allowed: tf.TensorShape) -> bool:
    return shape.rank == allowed.rank and shape.is_compatible_with(allowed)
