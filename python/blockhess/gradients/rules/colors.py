"""Colours: conversions and adjustments, whose kernels are written in arithmetic here."""

from __future__ import annotations

import tensorflow as tf

from blockhess.gradients.written_out import written_out


def _to_hsv(_: tf.Operation, rgb: tf.Tensor) -> tf.Tensor:
    """RGB to HSV; TensorFlow's gradient is wrong where a channel is 0.

    At greys and at black, where hue and saturation have no derivative, it is zero as TensorFlow's.
    """
    red, green, blue = tf.unstack(rgb, 3, -1)
    is_red = (red >= green) & (red >= blue)
    is_green = ~is_red & (green >= blue)
    value = tf.where(is_red, red, tf.where(is_green, green, blue))
    spread = value - tf.where(
        (red < green) & (red < blue), red, tf.where(green < blue, green, blue)
    )
    one = tf.ones_like(value)
    saturation = tf.where(value > 0, spread / tf.where(value > 0, value, one), 0 * one)
    difference = tf.where(
        is_red, green - blue, tf.where(is_green, blue - red, red - green)
    ) / tf.where(spread > 0, spread, one)
    hue = (difference + tf.where(is_red, 0 * one, tf.where(is_green, 2 * one, 4 * one))) / 6
    hue = tf.where(spread > 0, hue, 0 * one)
    return tf.stack([tf.where(hue < 0, hue + 1, hue), saturation, value], -1)


def _to_rgb(_: tf.Operation, hsv: tf.Tensor) -> tf.Tensor:
    """HSV to RGB; TensorFlow has no gradient."""
    hue, saturation, value = tf.unstack(6 * hsv, 3, -1)
    saturation, value = saturation / 6, value / 6
    red = tf.abs(hue - 3) - 1
    green, blue = 2 - tf.abs(hue - 2), 2 - tf.abs(hue - 4)
    channels = [tf.clip_by_value(channel, 0, 1) for channel in (red, green, blue)]
    return tf.stack([(1 - saturation + saturation * c) * value for c in channels], -1)


def _adjust_contrast(_: tf.Operation, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The adjusted image; TensorFlow has no gradient of this and of the following adjustments."""
    mean = tf.reduce_mean(images, [-3, -2], keepdims=True)
    return mean + tf.cast(factor, images.dtype) * (images - mean)


def _adjust_saturation(op: tf.Operation, images: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    hue, saturation, value = tf.unstack(_to_hsv(op, images), 3, -1)
    saturation = tf.clip_by_value(saturation * tf.cast(scale, images.dtype), 0, 1)
    return _to_rgb(op, tf.stack([hue, saturation, value], -1))


def _adjust_hue(op: tf.Operation, images: tf.Tensor, delta: tf.Tensor) -> tf.Tensor:
    """The adjusted image; the hue is periodic."""
    hsv = _to_hsv(op, images)
    hue = hsv[..., :1] + tf.cast(delta, images.dtype)
    return _to_rgb(op, tf.concat([hue - tf.floor(hue), hsv[..., 1:]], -1))


GRADIENTS = {
    "RGBToHSV": written_out(_to_hsv),
    "HSVToRGB": written_out(_to_rgb),
    "AdjustContrastv2": written_out(_adjust_contrast),
    "AdjustSaturation": written_out(_adjust_saturation),
    "AdjustHue": written_out(_adjust_hue),
}
