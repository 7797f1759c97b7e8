"""Convolutions and biases."""

from __future__ import annotations

import tensorflow as tf
from case import Case
from points import SIGNED, X4, X16
from reasons import GRADIENT_REFUSES, NO_ENTRY
from row_functions import MIX, W, curved, images, kernel

KERNEL = kernel(3, 3, 1, 2)


CASES = [
    Case(
        "conv1d",
        "Conv2D",
        lambda x: curved(tf.nn.conv1d(tf.reshape(x, (-1, 8, 2)), kernel(3, 2, 2), 2, "SAME")),
        X16,
    ),
    Case(
        "conv2d SAME", "Conv2D", lambda x: curved(tf.nn.conv2d(images(x), KERNEL, 1, "SAME")), X16
    ),
    Case(
        "conv2d strides 2, explicit padding",
        "Conv2D",
        lambda x: curved(tf.nn.conv2d(images(x), KERNEL, 2, [[0, 0], [1, 2], [0, 1], [0, 0]])),
        X16,
    ),
    Case(
        "conv2d dilated",
        "Conv2D",
        lambda x: curved(tf.nn.conv2d(images(x), KERNEL[:2, :2], 1, "VALID", dilations=2)),
        X16,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
    ),
    Case(
        "conv2d, x makes the filter",
        "Conv2D",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.nn.conv2d(
                        X16[:1].reshape(1, 4, 4, 1), tf.reshape(r, (2, 2, 1, 1)), 1, "VALID"
                    )
                )
            ),
            x,
        ),
        X4,
    ),
    Case(
        "atrous_conv2d",
        "SpaceToBatchND",
        lambda x: curved(tf.nn.atrous_conv2d(images(x), KERNEL[:2, :2], 2, "SAME")),
        X16,
    ),
    Case(
        "conv2d_transpose",
        "Conv2DBackpropInput",
        lambda x: curved(
            tf.nn.conv2d_transpose(
                tf.reshape(x, (-1, 2, 2, 4)), kernel(2, 2, 1, 4), (x.shape[0], 4, 4, 1), 2
            )
        ),
        X16,
    ),
    Case(
        "depthwise_conv2d",
        "DepthwiseConv2dNative",
        lambda x: curved(
            tf.nn.depthwise_conv2d(
                tf.reshape(x, (-1, 4, 2, 2)), kernel(2, 2, 2, 2), [1, 1, 1, 1], "SAME"
            )
        ),
        X16,
    ),
    Case(
        "separable_conv2d",
        "DepthwiseConv2dNative",
        lambda x: curved(
            tf.nn.separable_conv2d(
                tf.reshape(x, (-1, 4, 2, 2)),
                kernel(2, 2, 2, 1),
                MIX[:2, :2][None, None],
                [1, 1, 1, 1],
                "SAME",
            )
        ),
        X16,
    ),
    Case(
        "conv3d",
        "Conv3D",
        lambda x: curved(
            tf.nn.conv3d(tf.reshape(x, (-1, 2, 4, 2, 1)), kernel(2, 2, 2, 1, 1), [1] * 5, "SAME")
        ),
        X16,
    ),
    Case(
        "conv3d_transpose",
        "Conv3DBackpropInputV2",
        lambda x: curved(
            tf.nn.conv3d_transpose(
                tf.reshape(x, (-1, 2, 2, 2, 2)), kernel(2, 2, 2, 1, 2), (x.shape[0], 4, 4, 4, 1), 2
            )
        ),
        X16,
    ),
    Case(
        "Conv, the raw operation",
        "Conv",
        lambda x: curved(
            tf.raw_ops.Conv(input=images(x), filter=KERNEL, strides=[1, 1, 1, 1], padding="SAME")
        ),
        X16,
        outcome="refused",
        refusal="Conv",
        reason=NO_ENTRY,
    ),
    Case(
        "nn.crelu, bias_add",
        "BiasAdd",
        lambda x: curved(tf.nn.bias_add(tf.nn.crelu(x @ W), MIX.reshape(-1)[:8])),
        SIGNED,
        step=0.005,
    ),
    Case(
        "bias from x by map_fn",
        "BiasAdd",
        lambda x: tf.map_fn(lambda r: tf.reduce_sum(tf.sin(tf.nn.bias_add(MIX[:2, :3], r))), x),
        SIGNED,
    ),
]
