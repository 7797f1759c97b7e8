"""Images that are resized, cropped, transformed and recoloured."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import Case, check, curved, curved_values, in_numpy, linear_values

import blockhess as bh

raw = tf.raw_ops
IMAGES = np.round(np.random.default_rng(3).uniform(-1, 1, (2, 9)), 3)
PICTURE = np.round(np.random.default_rng(4).normal(size=(4, 5)), 2)
ROTATION = [0.9, -0.3, 0.35, 0.25, 1.1, -0.2, 0.04, -0.03]


def images(x):
    return tf.reshape(x, (-1, 3, 3, 1))


def together(name, *ops):
    """Operations that are linear in the image, all in one function."""

    def whole(x):
        flat = [op(images(x)) for op in ops]
        return tf.concat([tf.reshape(y, (-1, int(np.prod(y.shape[1:])))) for y in flat], 1)

    return Case(
        name,
        lambda x: curved(whole(x)),
        IMAGES,
        truth=linear_values(whole, 9),
        dtype="float32",
        h=0.1,
    )


def sized(resize, **keys):
    return lambda image: resize(images=image, size=[5, 4], **keys)


def transformed(mode, interpolation="BILINEAR", transform=ROTATION):
    return lambda image: raw.ImageProjectiveTransformV3(
        images=image,
        transforms=tf.constant([transform]),
        output_shape=[5, 4],
        fill_value=0.5,
        fill_mode=mode,
        interpolation=interpolation,
    )


METHODS = ["bilinear", "nearest", "bicubic", "area", "lanczos3", "mitchellcubic"]
MODES = ["CONSTANT", "REFLECT", "WRAP", "NEAREST"]
BOXES = tf.constant([[0.1, 0.2, 0.8, 0.9], [-0.1, 0.1, 1.2, 0.7], [0.9, 0.1, 0.2, 0.7]])


def crops(image, size=(4, 3), method="bilinear"):
    """Three boxes of each image, so that the number of images may vary."""
    count = tf.shape(image)[0]
    found = tf.image.crop_and_resize(
        image, tf.tile(BOXES, [count, 1]), tf.repeat(tf.range(count), 3), size, method, 0.3
    )
    return tf.reshape(found, (count, 3 * size[0] * size[1]))


LINEAR = [
    together("resize to more", *(lambda i, m=m: tf.image.resize(i, (5, 4), m) for m in METHODS)),
    together("resize to less", *(lambda i, m=m: tf.image.resize(i, (2, 2), m) for m in METHODS)),
    together(
        "resize by attributes",
        lambda i: tf.image.resize(i, (2, 2), antialias=True),
        sized(raw.ResizeBilinear, align_corners=True),
        sized(raw.ResizeBilinear),
        sized(raw.ResizeBicubic, align_corners=True),
        sized(raw.ResizeArea, align_corners=True),
        sized(raw.ResizeNearestNeighbor, align_corners=True),
    ),
    together(
        "crop_and_resize",
        crops,
        lambda i: crops(i, (1, 1)),
        lambda i: crops(i, method="nearest"),
    ),
    together("transform", transformed("CONSTANT")),
    together(
        "transforms that zoom out",
        transformed("CONSTANT", "NEAREST"),
        *(transformed(mode, transform=[3.3, -0.6, -9, 0.5, 2.7, -8, 0, 0]) for mode in MODES),
    ),
    together("adjust_contrast", lambda i: tf.image.adjust_contrast(i, 1.7)),
]


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=pytest.mark.full) if "zoom" in c.name else c for c in LINEAR],
    ids=str,
)
def test_what_is_linear_in_the_image_has_the_blocks_of_its_matrix(case):
    case.check(third=case.name in ("resize to more", "crop_and_resize", "transform"))


def bilinear(y, x):
    """The picture between its pixels, in NumPy."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = y - top, x - left
    read = PICTURE[np.clip(top, 0, 3), np.clip(left, 0, 4)] * (1 - down) * (1 - right)
    read += PICTURE[np.clip(top, 0, 3), np.clip(left + 1, 0, 4)] * (1 - down) * right
    read += PICTURE[np.clip(top + 1, 0, 3), np.clip(left, 0, 4)] * down * (1 - right)
    return read + PICTURE[np.clip(top + 1, 0, 3), np.clip(left + 1, 0, 4)] * down * right


def pictures(count):
    return tf.tile(tf.constant(PICTURE[None, :, :, None], tf.float32), [count, 1, 1, 1])


def crops_by_boxes(x):
    count = tf.shape(x)[0]
    return curved(tf.image.crop_and_resize(pictures(count), x, tf.range(count), (3, 3)))


def crops_in_numpy(x):
    steps = np.linspace(0, 1, 3)
    y = (x[:, :1] + steps * (x[:, 2:3] - x[:, :1])) * 3
    u = (x[:, 1:2] + steps * (x[:, 3:] - x[:, 1:2])) * 4
    return curved_values(bilinear(y[:, :, None], u[:, None, :]))


def transforms(x):
    return curved(
        raw.ImageProjectiveTransformV3(
            images=pictures(tf.shape(x)[0]),
            transforms=x,
            output_shape=[2, 2],
            fill_value=0.0,
            interpolation="BILINEAR",
        )
    )


def transforms_in_numpy(x):
    v, u = np.meshgrid(np.arange(2), np.arange(2), indexing="ij")
    a = [x[:, k, None, None] for k in range(8)]
    scale = a[6] * u + a[7] * v + 1
    y, z = (a[3] * u + a[4] * v + a[5]) / scale, (a[0] * u + a[1] * v + a[2]) / scale
    return curved_values(bilinear(y, z))


PLACES = [
    Case(
        "crop_and_resize by boxes",
        crops_by_boxes,
        np.array([[0.1, 0.2, 0.8, 0.9], [0.05, 0.1, 0.95, 0.7]]),
        in_numpy(crops_in_numpy),
        h=0.005,
        dtype="float32",
        tolerance=2e-4,
    ),
    Case(
        "transform",
        transforms,
        np.array(
            [[1.1, 0.3, 0.45, 0.2, 0.9, 0.6, 0.05, 0.02], [0.9, -0.1, 1.3, 0.1, 1.2, 0.4, 0, 0]]
        ),
        in_numpy(transforms_in_numpy),
        h=0.01,
        dtype="float32",
        tolerance=2e-4,
    ),
]
PIXELS = np.array([[0.3, 0.7, 0.5], [0.8, 0.25, 0.4], [0.25, 0.45, 0.9], [0.9, 0.2, 0.8]])


COLORS = [
    Case("rgb_to_hsv", lambda x: curved(tf.image.rgb_to_hsv(x)), PIXELS, h=0.01),
    Case(
        "rgb_to_hsv, a channel 0",
        lambda x: curved(tf.image.rgb_to_hsv(x)),
        np.array([[0.0, 0.7, 0.5], [0.8, 0.0, 0.4], [0.3, 0.6, 0.0]]),
        h=0.01,
    ),
    Case(
        "hsv_to_rgb",
        lambda x: curved(tf.image.hsv_to_rgb(x)),
        np.array([[0.1, 0.7, 0.5], [0.4, 0.3, 0.9], [0.62, 0.5, 0.3], [0.95, 0.2, 0.4]]),
        h=0.01,
    ),
    Case(
        "there and back",
        lambda x: curved(tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(x))),
        PIXELS,
        in_numpy(curved_values),
        h=0.01,
    ),
]


@pytest.mark.parametrize("case", [*PLACES, *COLORS], ids=str)
def test_curved_functions_of_places_and_colours(case):
    case.check(third=case.name != "there and back")


@pytest.mark.full
def test_saturation_and_hue_are_adjusted_by_way_of_hsv():
    """The kernels have 32 bits; the same adjustments of the conversions have 64."""

    def f(x):
        y = tf.reshape(x, (-1, 1, 1, 3))
        y = tf.image.adjust_hue(tf.image.adjust_saturation(y, 0.7), 0.2)
        return curved(y)

    def values(x):
        h, s, v = tf.unstack(tf.image.rgb_to_hsv(tf.constant(x)), 3, -1)
        return curved_values(tf.image.hsv_to_rgb(tf.stack([(h + 0.2) % 1, 0.7 * s, v], -1)).numpy())

    check(f, PIXELS, truth=in_numpy(values), h=0.01, dtype="float32", third=False)


def test_greys_and_black_spoil_nothing():
    x = tf.constant([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.3, 0.7, 0.5]], tf.float64)
    blocks = bh.hessian(lambda t: curved(tf.image.rgb_to_hsv(t)), x, route="autodiff")
    assert np.isfinite(blocks).all()


@pytest.mark.parametrize(
    "dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.full), "float64"]
)
def test_images_of_other_types(dtype):
    x = np.round(IMAGES * 64) / 64

    def resized(x):
        y = [tf.image.resize(tf.cast(images(x), dtype), (5, 4), method) for method in METHODS]
        return tf.concat([tf.cast(part, tf.float32) for part in y], -1)

    values = linear_values(resized, 9)
    case = Case(dtype, lambda t: curved(resized(t)), x, values, 0.1, "float32", 5e-2)
    case.check(third=False)


@pytest.mark.parametrize(
    "case", [LINEAR[0], pytest.param(LINEAR[3], marks=pytest.mark.full)], ids=str
)
def test_the_number_of_rows_may_be_unknown(case):
    x = tf.constant(case.x, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, x.shape[1]], tf.float32)])
    def blocks(t):
        return bh.hessian(case.f, t, route="autodiff")

    expected = bh.hessian(case.f, x, route="autodiff")
    np.testing.assert_allclose(blocks(x), expected, rtol=1e-5, atol=1e-5)
