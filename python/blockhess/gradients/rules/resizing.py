"""Images made larger or smaller: linear in the image, so each gradient's gradient is the resizing.

TensorFlow has no gradient of these gradients; it declares that of ResizeBilinearGrad to be none.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

raw = tf.raw_ops


def _again(resize: Callable[..., tf.Tensor]) -> Callable[..., tuple]:
    """The gradient of a resizing's gradient: the resizing of the cotangent."""

    def gradient(op: tf.Operation, cotangent: tf.Tensor):
        resized = resize(
            images=cotangent,
            size=tf.shape(op.inputs[0])[1:3],
            align_corners=op.get_attr("align_corners"),
            half_pixel_centers=op.get_attr("half_pixel_centers"),
        )
        return resized, None

    return gradient


def _resize_bicubic(op: tf.Operation, cotangent: tf.Tensor):
    """TensorFlow's gradient, which it has of 32 and of 64 bits only and drops for others."""
    image = op.inputs[0]
    gradient = raw.ResizeBicubicGrad(
        grads=cotangent,
        original_image=image if image.dtype == tf.float64 else tf.cast(image, tf.float32),
        align_corners=op.get_attr("align_corners"),
        half_pixel_centers=op.get_attr("half_pixel_centers"),
    )
    return tf.cast(gradient, image.dtype), None


def _resize_area(op: tf.Operation, cotangent: tf.Tensor):
    """A' g B, where A and B average along the columns and along the rows; TensorFlow has none.

    A single column of pixels for each row of the unit matrix, resized, holds A'.
    """
    image, size = op.inputs
    shape, align = tf.shape(image), op.get_attr("align_corners")
    along_columns = raw.ResizeArea(
        images=tf.eye(shape[1])[:, :, tf.newaxis, tf.newaxis],
        size=tf.stack([size[0], 1]),
        align_corners=align,
    )
    along_rows = raw.ResizeArea(
        images=tf.eye(shape[2])[:, tf.newaxis, :, tf.newaxis],
        size=tf.stack([1, size[1]]),
        align_corners=align,
    )
    half = tf.einsum("nabc,ya->nybc", cotangent, along_columns[:, :, 0, 0])
    gradient = tf.einsum("nybc,xb->nyxc", half, along_rows[:, 0, :, 0])
    return tf.cast(gradient, image.dtype), None


def _scale_and_translate(op: tf.Operation, cotangent: tf.Tensor):
    """TensorFlow's gradient, which it has of float32 only."""
    image, _, scale, translation = op.inputs
    gradient = raw.ScaleAndTranslateGrad(
        grads=cotangent,
        original_image=tf.cast(image, tf.float32),
        scale=scale,
        translation=translation,
        kernel_type=op.get_attr("kernel_type"),
        antialias=op.get_attr("antialias"),
    )
    return tf.cast(gradient, image.dtype), None, None, None


def _scale_and_translate_gradient(op: tf.Operation, cotangent: tf.Tensor):
    grads, _, scale, translation = op.inputs
    resized = raw.ScaleAndTranslate(
        images=cotangent,
        size=tf.shape(grads)[1:3],
        scale=scale,
        translation=translation,
        kernel_type=op.get_attr("kernel_type"),
        antialias=op.get_attr("antialias"),
    )
    return resized, None, None, None


GRADIENTS = {
    "ResizeBilinearGrad": _again(raw.ResizeBilinear),
    "ResizeNearestNeighborGrad": _again(raw.ResizeNearestNeighbor),
    "ResizeBicubic": _resize_bicubic,
    "ResizeBicubicGrad": _again(raw.ResizeBicubic),
    "ResizeArea": _resize_area,
    "ScaleAndTranslate": _scale_and_translate,
    "ScaleAndTranslateGrad": _scale_and_translate_gradient,
}
