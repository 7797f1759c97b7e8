"""Squares of absolute values, which are smooth where the absolute value is not."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess.gradients.ends import is_end
from blockhess.gradients.paths import consumers


def _of_modulus(op: tf.Operation) -> Callable | None:
    """|x| of which only the square is wanted hands on x times what the squares give it.

    By its own derivative, sign(x) or x / |x|, which TensorFlow has as 0 at zero, the second
    derivative of the square would be 0 there instead of 2.
    """
    squares = consumers(op.outputs[0])
    is_squared = squares and not is_end(op.outputs[0])
    is_squared = is_squared and all(_is_square(square, op.outputs[0]) for square in squares)
    return _times_x if is_squared else None


def _times_x(op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
    x = op.inputs[0]
    if x.dtype.is_complex:
        cotangent = tf.complex(cotangent, tf.zeros_like(cotangent))
    return cotangent * x


def _of_square(op: tf.Operation) -> Callable | None:
    """The square of a modulus leaves the factor |x| out: `_of_modulus` has x in its place."""
    modulus = op.inputs[0].op
    if modulus.type not in ("Abs", "ComplexAbs") or _of_modulus(modulus) is None:
        return None

    def gradient(op: tf.Operation, cotangent: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        modulus = op.inputs[0]
        # The modulus itself may be what is differentiated by.
        slope = 1 if modulus.op._gradient_function is _times_x else modulus  # noqa: SLF001
        if op.type == "Mul":
            return cotangent * slope, cotangent * slope
        return 2 * cotangent * slope, *[None] * (len(op.inputs) - 1)

    return gradient


def _is_square(op: tf.Operation, of: tf.Tensor) -> bool:
    if op.inputs[0] is not of:
        return False
    if op.type == "Pow":
        exponent = tf.get_static_value(op.inputs[1])
        return exponent is not None and exponent.ndim == 0 and exponent == 2
    return op.type == "Square" or (op.type == "Mul" and op.inputs[1] is of)


PATTERNS = {
    "Abs": _of_modulus,
    "ComplexAbs": _of_modulus,
    **dict.fromkeys(("Square", "Pow", "Mul"), _of_square),
}
