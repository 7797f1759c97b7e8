"""Quantization: step functions with the gradient of a line (straight-through estimators).

The blocks are those of the gradient as it is declared: the cotangent where the argument is within
the range, nothing where it is not. It is linear in the cotangent, and does not depend on x.
TensorFlow has no derivative of it, or one that raises.
"""

from __future__ import annotations

import tensorflow as tf

raw = tf.raw_ops


def _by_attributes(op: tf.Operation, cotangent: tf.Tensor):
    attributes = {name: op.get_attr(name) for name in ("min", "max", "num_bits", "narrow_range")}
    again = raw.FakeQuantWithMinMaxArgsGradient
    return again(gradients=cotangent, inputs=op.inputs[1], **attributes), None


def _by_inputs(op: tf.Operation, of_x: tf.Tensor, of_min: tf.Tensor, of_max: tf.Tensor):
    """An argument outside of the range is taken for the range's end."""
    gradients, x, low, high = op.inputs
    attributes = {name: op.get_attr(name) for name in ("num_bits", "narrow_range")}
    channels = "PerChannel" if "PerChannel" in op.type else ""
    again = getattr(raw, f"FakeQuantWithMinMaxVars{channels}Gradient")
    quantize = getattr(raw, f"FakeQuantWithMinMaxVars{channels}")
    quantized = quantize(inputs=x, min=low, max=high, **attributes)
    ones = tf.ones_like(gradients)
    inside = again(gradients=ones, inputs=x, min=low, max=high, **attributes)[0]
    below = (1 - inside) * tf.cast(x < quantized, x.dtype)
    return inside * of_x + below * of_min + (1 - inside - below) * of_max, None, None, None


def _quantize_and_dequantize(op: tf.Operation, of_x: tf.Tensor, *_: tf.Tensor):
    """The gradients by the ends of the range are zero."""
    _, x, low, high = op.inputs
    again = raw.QuantizeAndDequantizeV4Grad(
        gradients=of_x, input=x, input_min=low, input_max=high, axis=op.get_attr("axis")
    )
    return again.input_backprop, None, None, None


GRADIENTS = {
    "FakeQuantWithMinMaxArgsGradient": _by_attributes,
    "FakeQuantWithMinMaxVarsGradient": _by_inputs,
    "FakeQuantWithMinMaxVarsPerChannelGradient": _by_inputs,
    "QuantizeAndDequantizeV4Grad": _quantize_and_dequantize,
}
