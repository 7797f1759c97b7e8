"""Images read at places between pixels: crops and projective transforms.

TensorFlow has no second derivatives of the crop, and instead of the gradient of a transform by the
image the transform by the inverse, which is another function.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess.gradients.written_out import written_out

# (row numbers, column numbers) -> the pixels there, of shape (..., channels).
Read = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _size(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    shape = tf.shape(images)
    return shape[1], shape[2]


def _pixels(images: tf.Tensor, number: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """The nearest pixels of the images of these numbers; all three of one shape."""
    height, width = _size(images)
    y, x = tf.clip_by_value(y, 0, height - 1), tf.clip_by_value(x, 0, width - 1)
    return tf.gather_nd(images, tf.stack([number, y, x], -1))


def _interpolated(read: Read, y: tf.Tensor, x: tf.Tensor, following: Callable) -> tf.Tensor:
    """Bilinear between the four pixels about each place."""
    top, left = tf.floor(y), tf.floor(x)
    rows = [tf.cast(top, tf.int32), tf.cast(following(y), tf.int32)]
    columns = [tf.cast(left, tf.int32), tf.cast(following(x), tf.int32)]
    down, right = (y - top)[..., tf.newaxis], (x - left)[..., tf.newaxis]
    upper, lower = (
        (1 - right) * read(row, columns[0]) + right * read(row, columns[1]) for row in rows
    )
    return (1 - down) * upper + down * lower


def _nearest(read: Read, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Halves are rounded away from zero, as by std::round."""
    y, x = (tf.sign(c) * tf.floor(tf.abs(c) + 0.5) for c in (y, x))
    return read(tf.cast(y, tf.int32), tf.cast(x, tf.int32))


def _places(start: tf.Tensor, end: tf.Tensor, count: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """(boxes, count) places from `start` to `end`, where 1 is the last pixel; one: the middle."""
    steps = tf.cast(tf.range(count), tf.float32) / tf.cast(tf.maximum(count - 1, 1), tf.float32)
    steps = tf.where(count > 1, steps, 0.5)
    places = start[:, tf.newaxis] + steps * (end - start)[:, tf.newaxis]
    return places * tf.cast(length - 1, tf.float32)


def _crop_and_resize(
    op: tf.Operation, image: tf.Tensor, boxes: tf.Tensor, number: tf.Tensor, crop_size: tf.Tensor
) -> tf.Tensor:
    image = tf.cast(image, tf.float32)
    height, width = _size(image)
    y = _places(boxes[:, 0], boxes[:, 2], crop_size[0], height)[:, :, tf.newaxis]
    x = _places(boxes[:, 1], boxes[:, 3], crop_size[1], width)[:, tf.newaxis, :]
    y, x = y + tf.zeros_like(x), x + tf.zeros_like(y)
    number = number[:, tf.newaxis, tf.newaxis] + tf.zeros(tf.shape(y), tf.int32)

    def read(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return _pixels(image, number, row, column)

    if op.get_attr("method") == b"bilinear":
        values = _interpolated(read, y, x, tf.math.ceil)
    else:
        values = _nearest(read, y, x)
    last = tf.cast(height - 1, y.dtype), tf.cast(width - 1, x.dtype)
    inside = (y >= 0) & (y <= last[0]) & (x >= 0) & (x <= last[1])
    return tf.where(inside[..., tf.newaxis], values, op.get_attr("extrapolation_value"))


def _within(place: tf.Tensor, length: tf.Tensor, mode: bytes) -> tf.Tensor:
    """Where a place outside the image is read: tensorflow/core/kernels/image/image_ops.h."""
    length = tf.cast(length, place.dtype)
    if mode == b"CONSTANT":
        return place
    if mode == b"REFLECT":
        place = tf.math.floormod(place, 2 * length)
        place = tf.where(place >= length, 2 * length - place - 1, place)
    elif mode == b"WRAP":
        turns = tf.floor(tf.abs(place) / tf.maximum(length - 1, 1))
        turns = tf.where(place < 0, turns + 1, tf.where(place > length - 1, -turns, 0.0))
        place += length * turns
    return tf.clip_by_value(place, 0.0, length - 1)


def _projective(
    op: tf.Operation,
    images: tf.Tensor,
    transforms: tf.Tensor,
    size: tf.Tensor,
    fill: tf.Tensor | float = 0.0,
) -> tf.Tensor:
    dtype, mode = images.dtype, op.get_attr("fill_mode")
    images = tf.cast(images, tf.float32)
    height, width = _size(images)
    v = tf.cast(tf.range(size[0]), tf.float32)[:, tf.newaxis]
    u = tf.cast(tf.range(size[1]), tf.float32)
    a = [t[:, tf.newaxis, tf.newaxis] for t in tf.unstack(transforms, 8, 1)]
    scale = a[6] * u + a[7] * v + 1
    is_far = tf.equal(scale, 0)
    scale = tf.where(is_far, tf.ones_like(scale), scale)
    # One transform may serve all images.
    zeros = tf.zeros([tf.shape(images)[0], 1, 1])
    x = zeros + _within((a[0] * u + a[1] * v + a[2]) / scale, width, mode)
    y = zeros + _within((a[3] * u + a[4] * v + a[5]) / scale, height, mode)
    number = tf.range(tf.shape(images)[0])[:, tf.newaxis, tf.newaxis]
    number += tf.zeros(tf.shape(y), tf.int32)

    def read(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return tf.where(inside[..., tf.newaxis], _pixels(images, number, row, column), fill)

    if op.get_attr("interpolation") == b"BILINEAR":
        values = _interpolated(read, y, x, lambda place: tf.floor(place) + 1)
    else:
        values = _nearest(read, y, x)
    return tf.cast(tf.where(is_far[..., tf.newaxis], fill, values), dtype)


GRADIENTS = {
    "CropAndResize": written_out(_crop_and_resize),
    "ImageProjectiveTransformV2": written_out(_projective),
    "ImageProjectiveTransformV3": written_out(_projective),
}
