"""Images: colours, sizes, patches, transformations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from case import Case
from layers import layer
from points import MATRICES_2, X6, X9, X16, rows, single
from reasons import (
    GRADIENT_NOT_DIFFERENTIABLE,
    NO_16_BITS,
    NO_ENTRY,
    NO_ENTRY_OF_GRADIENT,
    NOT_DIFFERENTIABLE,
    NOT_THE_ADJOINT,
    ONE_INPUT,
    PURE_COLOUR,
)
from row_functions import MIX, curved, images, repeated
from truths import curved_of_linear

COLOURS = rows([0.3, 0.7, 0.5], [0.8, 0.2, 0.4])
HSV = rows([0.25, 0.6, 0.7], [0.55, 0.4, 0.9])
PICTURE = MIX[:4, :4]
ROTATION = [np.cos(0.5), -np.sin(0.5), 0.6, np.sin(0.5), np.cos(0.5), -0.4, 0.0, 0.0]


def of_linear(name: str, operations: str, op: Any, reason: str, tensorflow: str) -> Case:
    """`curved` of what an operation that is linear makes of images in float32."""
    return Case(
        name,
        operations,
        lambda x: curved(op(x)),
        single(X9),
        reason=reason,
        tensorflow=tensorflow,
        truth=curved_of_linear(op),
    )


def resized(method: str) -> Any:
    return lambda x: tf.image.resize(images(x, 3), (5, 4), method=method)


def resized_16(x: tf.Tensor) -> tf.Tensor:
    return resized("bicubic")(tf.cast(x, tf.float16))


def resized_64(x: tf.Tensor) -> tf.Tensor:
    return resized("bilinear")(tf.cast(x, tf.float32))


def doubled(x: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(images(x, 3), (6, 6))


def doubling() -> np.ndarray:
    """The matrix of `doubled`."""
    return doubled(tf.eye(9)).numpy().reshape(9, -1).astype(np.float64)


def of_squared_error(x: np.ndarray) -> np.ndarray:
    return np.repeat(2 * (doubling() @ doubling().T)[None], len(x), 0)


def of_softplus_of_tanh(x: np.ndarray) -> np.ndarray:
    """The blocks of sum softplus(B tanh(x)), B the matrix of `doubled`."""
    B, y = doubling(), np.tanh(x)
    s = 1 / (1 + np.exp(-y @ B))
    J = B * (1 - y**2)[:, :, None]
    second = -2 * y * (1 - y**2) * (s @ B.T)
    return np.einsum("nkm,nm,nlm->nkl", J, s * (1 - s), J) + second[:, None] * np.eye(9)


def cropped(x: tf.Tensor) -> tf.Tensor:
    boxes = repeated(x, np.array([0.1, 0.2, 0.8, 0.9]))
    return tf.image.crop_and_resize(images(x, 3), boxes, tf.range(x.shape[0]), (4, 4))


def transformed(x: tf.Tensor, transforms: Any, size: int) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=tf.convert_to_tensor(transforms, tf.float32),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
    )


def between_pixels(y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """PICTURE at places within, linearly between the four pixels about each."""
    top, left = (tf.cast(tf.floor(place), tf.int32) for place in (y, x))
    down, right = y - tf.floor(y), x - tf.floor(x)

    def pixels(i: int, j: int) -> tf.Tensor:
        places = tf.stack([tf.minimum(top + i, 3), tf.minimum(left + j, 3)], -1)
        return tf.gather_nd(tf.constant(PICTURE, x.dtype), places)

    upper = (1 - right) * pixels(0, 0) + right * pixels(0, 1)
    lower = (1 - right) * pixels(1, 0) + right * pixels(1, 1)
    return (1 - down) * upper + down * lower


def by_boxes(x: tf.Tensor) -> tf.Tensor:
    """Crops of three by three of PICTURE, written out."""
    steps = tf.constant([0.0, 0.5, 1.0], x.dtype)
    y, u = (3 * (x[:, i, None] + steps * (x[:, i + 2] - x[:, i])[:, None]) for i in (0, 1))
    y, u = y[:, :, None] + 0 * u[:, None, :], u[:, None, :] + 0 * y[:, :, None]
    return between_pixels(y, u)


def by_transforms(x: tf.Tensor) -> tf.Tensor:
    """PICTURE transformed to two by two pixels by six numbers, written out."""
    v, u = (tf.constant(c, x.dtype) for c in np.mgrid[:2, :2].astype(float))
    a = [c[:, None, None] for c in tf.unstack(x, 6, 1)]
    return between_pixels(a[3] * u + a[4] * v + a[5], a[0] * u + a[1] * v + a[2])


def in_hsv(x: tf.Tensor, hue: float, saturation: float) -> tf.Tensor:
    """Colours whose hue is turned and whose saturation is scaled, by way of both conversions."""
    h, s, v = tf.unstack(tf.image.rgb_to_hsv(x), 3, -1)
    h = h + hue
    return tf.image.hsv_to_rgb(tf.stack([h - tf.floor(h), s * saturation, v], -1))


def standardized_image(x: tf.Tensor) -> tf.Tensor:
    deviation = tf.maximum(tf.math.reduce_std(x, 1, keepdims=True), 1 / 3)
    return curved((x - tf.reduce_mean(x, 1, keepdims=True)) / deviation)


def similarity(x: tf.Tensor) -> tf.Tensor:
    """The structural similarity of x and 0.8 sin(x), by its definition."""
    distances = np.arange(3) - 1
    gaussian = np.exp(-(distances[:, None] ** 2 + distances**2) / (2 * 1.5**2))
    window = (gaussian / gaussian.sum())[:, :, None, None]

    def mean(image: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(image, tf.constant(window, x.dtype), 1, "VALID")

    a, b = images(x), images(tf.sin(x)) * 0.8
    luminance = (2 * mean(a) * mean(b) + 1e-4) / (mean(a) ** 2 + mean(b) ** 2 + 1e-4)
    covariance = 2 * (mean(a * b) - mean(a) * mean(b)) + 9e-4
    variances = mean(a * a + b * b) - mean(a) ** 2 - mean(b) ** 2 + 9e-4
    return tf.reduce_mean(luminance * covariance / variances, [1, 2, 3])


CASES = [
    of_linear(
        "image.resize bilinear",
        "ResizeBilinear",
        resized("bilinear"),
        GRADIENT_NOT_DIFFERENTIABLE,
        "zero",
    ),
    of_linear(
        "image.resize nearest",
        "ResizeNearestNeighbor",
        resized("nearest"),
        NO_ENTRY_OF_GRADIENT,
        "raises",
    ),
    of_linear(
        "image.resize bicubic", "ResizeBicubic", resized("bicubic"), NO_ENTRY_OF_GRADIENT, "raises"
    ),
    *(
        of_linear(
            f"image.resize {method}",
            "ScaleAndTranslate",
            resized(method),
            NO_ENTRY_OF_GRADIENT,
            "raises",
        )
        for method in ("lanczos3", "lanczos5", "gaussian", "mitchellcubic")
    ),
    of_linear("image.resize area", "ResizeArea", resized("area"), NO_ENTRY, "raises"),
    of_linear(
        "image.resize bilinear, antialias",
        "ScaleAndTranslate",
        lambda x: tf.image.resize(images(x, 3), (2, 2), antialias=True),
        NO_ENTRY_OF_GRADIENT,
        "raises",
    ),
    Case(
        "image.resize bilinear, float64",
        "ResizeBilinear",
        lambda x: tf.cast(curved(resized_64(x)), x.dtype),
        X9,
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="zero",
        tolerance=4e-3,
        truth=curved_of_linear(resized_64, "float64"),
    ),
    of_linear(
        "resize_bilinear of version 1, align_corners",
        "ResizeBilinear",
        lambda x: tf.compat.v1.image.resize_bilinear(images(x, 3), (6, 6), align_corners=True),
        GRADIENT_NOT_DIFFERENTIABLE,
        "zero",
    ),
    Case(
        "image.resize bilinear, squared error",
        "ResizeBilinear",
        lambda x: tf.reduce_sum((doubled(x) - 0.3) ** 2, [1, 2, 3]),
        single(X9),
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="zero",
        truth=of_squared_error,
    ),
    of_linear(
        "crop_and_resize by the image", "CropAndResize", cropped, NO_ENTRY_OF_GRADIENT, "raises"
    ),
    Case(
        "crop_and_resize by the boxes",
        "CropAndResize",
        lambda x: curved(
            tf.image.crop_and_resize(
                repeated(x, MIX[:4, :4, None]), x, tf.range(x.shape[0]), (3, 3)
            )
        ),
        single(rows([0.1, 0.2, 0.8, 0.9], [0.05, 0.1, 0.95, 0.7])),
        reason=NO_ENTRY_OF_GRADIENT,
        tensorflow="raises",
        reference=lambda x: curved(by_boxes(x)),
        step=0.005,
    ),
    Case(
        "extract_glimpse",
        "ExtractGlimpseV2",
        lambda x: curved(
            tf.image.extract_glimpse(images(x, 3), (2, 2), tf.zeros((x.shape[0], 2)), noise="zero")
        ),
        single(X9),
        "refused",
        NO_ENTRY,
        refusal="ExtractGlimpseV2",
    ),
    Case(
        "ExtractGlimpse, the raw operation",
        "ExtractGlimpse",
        lambda x: curved(
            tf.raw_ops.ExtractGlimpse(
                input=images(x, 3), size=(2, 2), offsets=tf.zeros((x.shape[0], 2))
            )
        ),
        single(X9),
        "refused",
        NOT_DIFFERENTIABLE,
        refusal="ExtractGlimpse",
    ),
    Case(
        "hsv_to_rgb",
        "HSVToRGB",
        lambda x: curved(tf.image.hsv_to_rgb(x)),
        HSV,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
        step=0.01,
    ),
    Case(
        "rgb_to_hsv",
        "RGBToHSV",
        lambda x: curved(tf.image.rgb_to_hsv(x)),
        np.concatenate([COLOURS, rows([0.25, 0.45, 0.9])]),
        step=0.005,
        tolerance=1e-3,
    ),
    Case(
        "rgb_to_hsv, a channel 0",
        "RGBToHSV",
        lambda x: curved(tf.image.rgb_to_hsv(x)),
        rows([0.0, 0.7, 0.5], [0.8, 0.0, 0.4]),
        reason=PURE_COLOUR,
        tensorflow="wrong",
        step=0.005,
        tolerance=1e-3,
    ),
    Case(
        "rgb_to_hsv and back",
        "HSVToRGB",
        lambda x: curved(tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(x))),
        COLOURS,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
        reference=curved,
    ),
    Case(
        "adjust_saturation",
        "AdjustSaturation",
        lambda x: curved(tf.image.adjust_saturation(tf.reshape(x, (-1, 1, 1, 3)), 0.7)),
        single(COLOURS),
        reason=NO_ENTRY,
        tensorflow="raises",
        reference=lambda x: curved(in_hsv(x, 0.0, 0.7)),
        step=0.01,
    ),
    Case(
        "adjust_hue",
        "AdjustHue",
        lambda x: curved(tf.image.adjust_hue(tf.reshape(x, (-1, 1, 1, 3)), 0.1)),
        single(COLOURS),
        reason=NO_ENTRY,
        tensorflow="raises",
        reference=lambda x: curved(in_hsv(x, 0.1, 1.0)),
        step=0.005,
    ),
    of_linear(
        "adjust_contrast",
        "AdjustContrastv2",
        lambda x: tf.image.adjust_contrast(images(x, 3), 1.7),
        NO_ENTRY,
        "raises",
    ),
    Case(
        "adjust_gamma",
        "Pow",
        lambda x: curved(tf.image.adjust_gamma(images(x, 3), 1.7)),
        single(0.3 + 0.5 * np.abs(X9)),
        "fused",
        reference=lambda x: curved(x**1.7),
        step=0.01,
    ),
    of_linear(
        "ImageProjectiveTransformV3, a rotation",
        "ImageProjectiveTransformV3",
        lambda x: transformed(images(x, 3), [ROTATION], 3),
        NOT_THE_ADJOINT,
        "wrong",
    ),
    of_linear(
        "ImageProjectiveTransformV2, zooming out",
        "ImageProjectiveTransformV2",
        lambda x: tf.raw_ops.ImageProjectiveTransformV2(
            images=images(x, 3),
            transforms=[[2.0, 0, 0, 0, 2, 0, 0, 0]],
            output_shape=[2, 2],
            interpolation="BILINEAR",
        ),
        NOT_THE_ADJOINT,
        "wrong",
    ),
    Case(
        "ImageProjectiveTransformV3 by the transform",
        "ImageProjectiveTransformV3",
        lambda x: curved(
            transformed(
                repeated(x, MIX[:4, :4, None]), tf.concat([x, tf.zeros((x.shape[0], 2))], 1), 2
            )
        ),
        single(rows([1.1, 0.3, 0.45, 0.2, 0.9, 0.6], [0.9, -0.1, 1.3, 0.1, 1.2, 0.4])),
        reason=ONE_INPUT,
        tensorflow="wrong",
        reference=lambda x: curved(by_transforms(x)),
        step=0.01,
    ),
    Case(
        "extract_patches",
        "ExtractImagePatches",
        lambda x: curved(
            tf.image.extract_patches(images(x), [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
        ),
        X16,
    ),
    Case(
        "extract_volume_patches",
        "ExtractVolumePatches",
        lambda x: curved(
            tf.extract_volume_patches(
                tf.reshape(x, (-1, 2, 4, 2, 1)), [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "SAME"
            )
        ),
        X16,
    ),
    Case(
        "ssim",
        "DepthwiseConv2dNative",
        lambda x: tf.image.ssim(images(x), images(tf.sin(x)) * 0.8, 1.0, filter_size=3),
        single(np.abs(X16)),
        reference=similarity,
    ),
    Case(
        "total_variation",
        "Abs",
        lambda x: tf.sin(tf.image.total_variation(images(x, 3))),
        X9,
        step=0.005,
    ),
    Case(
        "per_image_standardization",
        "reduce_std",
        lambda x: tf.cast(curved(tf.image.per_image_standardization(images(x, 3))), x.dtype),
        X9,
        reference=standardized_image,
        tolerance=4e-3,
    ),
    Case(
        "sobel_edges",
        "DepthwiseConv2dNative",
        lambda x: curved(tf.image.sobel_edges(images(x, 3))),
        X9,
    ),
    Case(
        "image_gradients, flip_left_right, rot90",
        "ReverseV2, Transpose",
        lambda x: curved(
            tf.image.image_gradients(tf.image.rot90(tf.image.flip_left_right(images(x, 3))))[0] ** 2
        ),
        X9,
    ),
    Case(
        "draw_bounding_boxes",
        "DrawBoundingBoxesV2",
        lambda x: curved(
            tf.image.draw_bounding_boxes(images(x, 3), repeated(x, [[0.0, 0.0, 0.3, 0.3]]), [[0.5]])
        ),
        single(X9),
        "refused",
        NO_ENTRY,
        refusal="DrawBoundingBoxesV2",
    ),
    Case(
        "DrawBoundingBoxes, the raw operation",
        "DrawBoundingBoxes",
        lambda x: curved(
            tf.raw_ops.DrawBoundingBoxes(
                images=images(x, 3), boxes=repeated(x, np.array([[0.0, 0.0, 0.3, 0.3]]))
            )
        ),
        single(X9),
        "refused",
        NO_ENTRY,
        refusal="DrawBoundingBoxes",
    ),
    Case(
        "ScaleAndTranslate by the scale",
        "ScaleAndTranslate",
        lambda x: curved(
            tf.map_fn(
                lambda r: tf.raw_ops.ScaleAndTranslate(
                    images=tf.constant(MIX[None, :4, :4, None], tf.float32),
                    size=[4, 4],
                    scale=r[:2],
                    translation=r[2:],
                )[0],
                x,
            )
        ),
        single(rows([1.3, 0.8, 0.2, 0.3], [0.9, 1.2, -0.2, 0.1])),
        "refused",
        ONE_INPUT,
        refusal="ScaleAndTranslate",
    ),
    Case(
        "combined_non_max_suppression by the scores",
        "CombinedNonMaxSuppression",
        lambda x: tf.reduce_sum(
            tf.image.combined_non_max_suppression(
                repeated(x, [[[0.0, 0, 1, 1]], [[2.0, 2, 3, 3]]]), x[:, :, None], 2, 2
            ).nmsed_scores,
            1,
        ),
        single(rows([0.4, 0.8], [0.7, 0.3])),
        "refused",
        NO_ENTRY,
        refusal="CombinedNonMaxSuppression",
    ),
    Case(
        "ops.image.map_coordinates by coordinates",
        "map_coordinates",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    keras.ops.image.map_coordinates(
                        MIX[:4], tf.reshape(r, (2, 2)), 1, fill_mode="nearest"
                    )
                )
            ),
            x,
        ),
        rows([0.4, 1.3, 2.2, 0.6]),
        step=0.01,
    ),
    Case(
        "ops.image.map_coordinates by the image",
        "map_coordinates",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    keras.ops.image.map_coordinates(
                        tf.reshape(r, (2, 2)), tf.constant([[0.4, 0.8], [0.1, 0.5]], tf.float64), 1
                    )
                )
            ),
            x,
        ),
        MATRICES_2,
    ),
    of_linear(
        "ops.image.affine_transform",
        "ImageProjectiveTransformV3",
        lambda x: keras.ops.image.affine_transform(
            images(x, 3), tf.constant([ROTATION], tf.float32), data_format="channels_last"
        ),
        NOT_THE_ADJOINT,
        "wrong",
    ),
    Case(
        "ops.image.gaussian_blur",
        "DepthwiseConv2dNative",
        lambda x: curved(keras.ops.image.gaussian_blur(images(x, 3), data_format="channels_last")),
        X9,
    ),
    Case(
        "ops.image.scale_and_translate by scale",
        "scale_and_translate",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    keras.ops.image.scale_and_translate(
                        tf.constant(MIX[:4, :4, None]),
                        (4, 4, 1),
                        r[:2],
                        r[2:],
                        (0, 1),
                        "linear",
                        antialias=False,
                    )
                )
            ),
            x,
        ),
        rows([1.3, 0.9, 0.4, 0.3]),
        step=0.003,
        tolerance=1e-3,
    ),
    Case(
        "image.resize bilinear in a network",
        "ResizeBilinear",
        lambda x: tf.reduce_sum(tf.nn.softplus(doubled(tf.tanh(x))), [1, 2, 3]),
        single(X9),
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="wrong",
        truth=of_softplus_of_tanh,
    ),
    Case(
        "hsv_to_rgb beside x^2",
        "HSVToRGB",
        lambda x: tf.reduce_sum(x * x, 1) + curved(tf.image.hsv_to_rgb(x)),
        HSV,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="wrong",
        step=0.01,
    ),
    Case(
        "image.resize bicubic, float16",
        "ResizeBicubic",
        lambda x: curved(resized_16(x)),
        single(X9),
        reason=NO_16_BITS,
        tensorflow="zero",
        tolerance=3e-2,
        truth=curved_of_linear(resized_16),
    ),
    Case(
        "UpSampling2D nearest",
        "Repeat",
        layer(lambda: keras.layers.UpSampling2D(2, dtype="float64"), (2, 3, 1)),
        X6,
    ),
    Case(
        "UpSampling2D bilinear",
        "ResizeBilinear",
        layer(
            lambda: keras.layers.UpSampling2D(2, interpolation="bilinear", dtype="float64"),
            (2, 3, 1),
        ),
        X6,
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="zero",
        tolerance=4e-3,
        truth=curved_of_linear(
            lambda x: tf.image.resize(tf.reshape(x, (-1, 2, 3, 1)), (4, 6)), "float64"
        ),
    ),
    Case(
        "Resizing",
        "ResizeBilinear",
        layer(lambda: keras.layers.Resizing(4, 5, dtype="float64"), (2, 3, 1)),
        X6,
        reason=GRADIENT_NOT_DIFFERENTIABLE,
        tensorflow="zero",
        tolerance=4e-3,
        truth=curved_of_linear(
            lambda x: tf.image.resize(tf.reshape(x, (-1, 2, 3, 1)), (4, 5)), "float64"
        ),
    ),
]
