"""Even functions of absolute values, as squares, which are smooth where the absolute value is not.

TensorFlow has the slope of |x| as 0 at zero, which is right once: the second derivative of |x|**2
would be 0 there instead of 2.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess._tensorflow import own_gradient
from blockhess.gradients.ends import ends, is_end
from blockhess.gradients.paths import consumers


class SlopeOfAbs:
    """The slope of |x|. Where the cotangent of |x| is zero at zero, the function is smooth there,
    and the slope 1 does as well as -1; else there is a kink, whose slope is 0.

    Attributes:
      slope: that of the first derivative, in the graph of the absolute value. It is kept, as the
        cotangents of later derivatives say nothing about kinks.
      ends: references of the results that it is differentiated for.
    """

    def __init__(self) -> None:
        self.slope: tf.Tensor | None = None
        self.ends = ends()

    def __call__(self, op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
        if self.slope is None or self.slope.graph is not op.graph:
            x = op.inputs[0]
            is_smooth = tf.logical_and(tf.equal(x, 0), tf.equal(cotangent, 0))
            self.slope = tf.where(is_smooth, tf.ones_like(x), tf.sign(x))
        return cotangent * self.slope


# Operations that only move the cells of their first input.
_MOVES = frozenset(
    {
        *("Reshape", "StridedSlice", "Slice", "GatherV2", "GatherNd", "Transpose", "ExpandDims"),
        *("Squeeze", "Identity", "Tile"),
    }
)


def _of_complex_modulus(op: tf.Operation) -> Callable | None:
    """The gradient of |z| where it is only squared: z times the cotangent from the squares."""
    return _times_z if _is_only_squared(op.outputs[0]) else None


def _is_only_squared(modulus: tf.Tensor) -> bool:
    """Whether a modulus is only squared, with its cells moved before or not."""
    uses = consumers(modulus)
    return bool(uses) and not is_end(modulus) and all(_squares(use, modulus) for use in uses)


def _squares(op: tf.Operation, of: tf.Tensor) -> bool:
    if op.type in _MOVES and op.inputs[0] is of:
        return _is_only_squared(op.outputs[0])
    return _is_square(op, of)


def _times_z(op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
    return tf.complex(cotangent, tf.zeros_like(cotangent)) * op.inputs[0]


def _of_square(op: tf.Operation) -> Callable | None:
    """The square of a modulus leaves the factor |z| out: the modulus has z in its place."""
    modulus = op.inputs[0].op
    while modulus.type in _MOVES:
        modulus = modulus.inputs[0].op
    if modulus.type != "ComplexAbs" or _of_complex_modulus(modulus) is None:
        return None

    def gradient(op: tf.Operation, cotangent: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        # The modulus itself may be what is differentiated by.
        slope = 1 if own_gradient(modulus) is _times_z else op.inputs[0]
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
    "Abs": lambda _: SlopeOfAbs(),
    "ComplexAbs": _of_complex_modulus,
    **dict.fromkeys(("Square", "Pow", "Mul"), _of_square),
}
