"""Indexing, shapes, choices, quantization."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from case import Case, Truth
from points import APART, SIGNED, X4, X6, X16, single
from reasons import (
    ALIGNED,
    AUTHOR,
    NO_ENTRY,
    NOT_DIFFERENTIABLE,
    ONE_INPUT,
    OVERWRITTEN,
    STRAIGHT,
)
from row_functions import W, curvature, curved, images, mixed, power, repeated
from truths import curved_of_linear

RANGE = (-0.5, 0.6)


def of_quantized(quantized: Callable[[np.ndarray], np.ndarray]) -> Truth:
    """The blocks of `curved` of the quantized cells, which have the slope 1 within RANGE."""

    def truth(x: np.ndarray) -> np.ndarray:
        is_within = (RANGE[0] <= x) & (x <= RANGE[1])
        return (curvature(quantized(x)) * is_within)[:, None] * np.eye(x.shape[1])

    return truth


def fake_quantized(x: np.ndarray) -> np.ndarray:
    """In 255 steps that 0 is one of."""
    step = (RANGE[1] - RANGE[0]) / 255
    low = -np.round(-RANGE[0] / step) * step
    return np.round((np.clip(x, low, low + 255 * step) - low) / step) * step + low


def quantized_and_back(x: np.ndarray) -> np.ndarray:
    """127 steps to the end of the range that is farther from 0."""
    step = max(-RANGE[0], RANGE[1]) / 127
    return np.clip(np.round(x / step), -128, 127) * step


CASES = [
    Case(
        "bincount with weights, by map_fn",
        "DenseBincount",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(tf.math.bincount(tf.constant([0, 1, 0]), weights=r, minlength=2))
            ),
            x,
        ),
        SIGNED,
        reason=NO_ENTRY,
        tensorflow="raises",
    ),
    Case(
        "Bincount, the raw operation, by map_fn",
        "Bincount",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.raw_ops.Bincount(arr=[0, 1, 0], size=2, weights=r))),
            x,
        ),
        SIGNED,
        reason=NO_ENTRY,
        tensorflow="raises",
    ),
    Case(
        "gather, repeated indices",
        "GatherV2",
        lambda x: curved(tf.gather(x, [0, 2, 2, 1], axis=1)),
        SIGNED,
    ),
    Case(
        "gather, batch_dims",
        "GatherV2",
        lambda x: curved(tf.gather(x, [[0, 2], [1, 1]], batch_dims=1)),
        SIGNED,
        by_batch=True,
    ),
    Case(
        "gather_nd",
        "GatherNd",
        lambda x: curved(tf.gather_nd(x, [[[0, 1], [0, 2]], [[1, 0], [1, 0]]])),
        SIGNED,
        by_batch=True,
    ),
    Case(
        "scatter_nd, repeated",
        "ScatterNd",
        lambda x: curved(
            tf.transpose(tf.scatter_nd([[0], [2], [0]], tf.transpose(x), (4, x.shape[0])))
        ),
        SIGNED,
    ),
    Case(
        "tensor_scatter_nd_update",
        "TensorScatterUpdate",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_update(
                    tf.transpose(tf.sin(x)), [[0], [2]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        SIGNED,
    ),
    Case(
        "tensor_scatter_nd_add, repeated",
        "TensorScatterAdd",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_add(
                    tf.transpose(tf.sin(x)), [[0], [0]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        SIGNED,
    ),
    Case(
        "tensor_scatter_nd_sub",
        "TensorScatterSub",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_sub(
                    tf.transpose(tf.sin(x)), [[0], [2]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        SIGNED,
    ),
    Case(
        "tensor_scatter_nd_max",
        "TensorScatterMax",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_max(
                    tf.transpose(tf.sin(x)), [[0], [2]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        APART,
        step=0.005,
    ),
    Case(
        "tensor_scatter_nd_min",
        "TensorScatterMin",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_min(
                    tf.transpose(tf.sin(x)), [[0], [2]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        APART,
        step=0.005,
    ),
    Case(
        "tensor_scatter_nd_update, repeated",
        "TensorScatterUpdate",
        lambda x: curved(
            tf.transpose(
                tf.tensor_scatter_nd_update(
                    tf.transpose(tf.sin(x)), [[0], [0]], tf.transpose(x[:, :2] ** 2)
                )
            )
        ),
        SIGNED,
        reason=OVERWRITTEN,
        tensorflow="wrong",
    ),
    Case(
        "dynamic_stitch",
        "DynamicStitch",
        lambda x: curved(
            tf.transpose(
                tf.dynamic_stitch([[0, 2], [1]], [tf.transpose(x[:, :2]), tf.transpose(x[:, 2:])])
            )
        ),
        SIGNED,
    ),
    Case(
        "dynamic_stitch, repeated: last wins",
        "DynamicStitch",
        lambda x: curved(
            tf.transpose(
                tf.dynamic_stitch([[0, 1], [1]], [tf.transpose(x[:, :2]), tf.transpose(x[:, 2:])])
            )
        ),
        SIGNED,
        reason=OVERWRITTEN,
        tensorflow="wrong",
    ),
    Case(
        "dynamic_partition",
        "DynamicPartition",
        lambda x: curved(tf.transpose(tf.dynamic_partition(tf.transpose(x), [0, 1, 0], 2)[0])),
        SIGNED,
    ),
    Case(
        "tensor_strided_slice_update",
        "TensorStridedSliceUpdate",
        lambda x: curved(
            tf.transpose(
                tf.raw_ops.TensorStridedSliceUpdate(
                    input=tf.transpose(tf.sin(x)),
                    begin=[0],
                    end=[2],
                    strides=[1],
                    value=tf.transpose(x[:, 1:] ** 2),
                )
            )
        ),
        SIGNED,
    ),
    Case(
        "strided slices, negative steps, newaxis",
        "StridedSlice",
        lambda x: curved(x[:, ::-2, None] * x[:, :2, None]),
        SIGNED,
    ),
    Case(
        "reverse_sequence",
        "ReverseSequence",
        lambda x: curved(tf.reverse_sequence(x, tf.repeat([2, 3], x.shape[0] // 2), seq_axis=1)),
        SIGNED,
    ),
    Case(
        "reverse, roll",
        "Roll",
        lambda x: curved(tf.roll(tf.reverse(x, [1]), 1, 1) * tf.sin(tf.roll(x, [1, 2], [1, 1]))),
        SIGNED,
    ),
    Case(
        "pad, constant_values from x, by map_fn",
        "PadV2",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.pad(r[1:], [[1, 1]], constant_values=r[0]))), x
        ),
        SIGNED,
        reason=ONE_INPUT,
        tensorflow="wrong",
    ),
    Case(
        "one_hot, on_value from x, by map_fn",
        "OneHot",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(r * tf.one_hot(1, 3, on_value=r[0] ** 2, off_value=r[2])), x
        ),
        SIGNED,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
    ),
    Case(
        "range by x, by map_fn",
        "Range",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.range(r[0], r[0] + 2.5, 1.0 + 0 * r[1]))), x
        ),
        SIGNED,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
    ),
    Case(
        "linspace by x",
        "linspace",
        lambda x: curved(tf.transpose(tf.linspace(x[:, 0], x[:, 1], 5))),
        SIGNED,
    ),
    Case(
        "LinSpace by x, the raw operation, in map_fn",
        "LinSpace",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.raw_ops.LinSpace(start=r[0], stop=r[1], num=4))), x
        ),
        SIGNED,
        reason=NOT_DIFFERENTIABLE,
        tensorflow="zero",
    ),
    Case(
        "fill by x, by map_fn",
        "Fill",
        lambda x: tf.map_fn(lambda r: tf.reduce_sum(tf.sin(r * tf.fill([3], r[0]))), x),
        SIGNED,
    ),
    Case(
        "linalg.diag, padding_value from x, by map_fn",
        "MatrixDiagV3",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(tf.sin(tf.linalg.diag(r[1:], padding_value=r[0]))), x
        ),
        SIGNED,
        reason=ONE_INPUT,
        tensorflow="wrong",
    ),
    Case(
        "linalg.diag_part, padding_value from x, by map_fn",
        "MatrixDiagPartV3",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.linalg.diag_part(
                        tf.reshape(tf.concat([r, r[1:2]], 0), (2, 2)), k=(-1, 1), padding_value=r[0]
                    )
                )
            ),
            x,
        ),
        SIGNED,
        reason=ONE_INPUT,
        tensorflow="wrong",
    ),
    Case(
        "MatrixDiagV2, the raw operation, padding_value from x, by map_fn",
        "MatrixDiagV2",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.raw_ops.MatrixDiagV2(
                        diagonal=r[1:], k=0, num_rows=-1, num_cols=-1, padding_value=r[0]
                    )
                )
            ),
            x,
        ),
        SIGNED,
        reason=ONE_INPUT,
        tensorflow="wrong",
    ),
    Case(
        "MatrixDiagPartV2, the raw operation, padding_value from x, by map_fn",
        "MatrixDiagPartV2",
        lambda x: tf.map_fn(
            lambda r: tf.reduce_sum(
                tf.sin(
                    tf.raw_ops.MatrixDiagPartV2(
                        input=tf.reshape(tf.concat([r, r[1:2]], 0), (2, 2)),
                        k=[-1, 0],
                        padding_value=r[0],
                    )
                )
            ),
            x,
        ),
        SIGNED,
        reason=ONE_INPUT,
        tensorflow="wrong",
    ),
    *(
        Case(
            f"{operation}, the raw operation, a superdiagonal",
            operation,
            lambda x, u=u: curved(u(x)),
            X6,
            reason=ALIGNED,
            tensorflow="wrong",
        )
        for operation, u in [
            (
                "MatrixDiagV2",
                lambda x: tf.raw_ops.MatrixDiagV2(
                    diagonal=tf.reshape(x, (-1, 2, 3)),
                    k=[0, 1],
                    num_rows=-1,
                    num_cols=-1,
                    padding_value=tf.constant(0, x.dtype),
                ),
            ),
            (
                "MatrixDiagPartV2",
                lambda x: tf.raw_ops.MatrixDiagPartV2(
                    input=tf.reshape(tf.repeat(x, [2, 2, 2, 1, 1, 1], 1), (-1, 3, 3)),
                    k=[0, 1],
                    padding_value=tf.constant(0, x.dtype),
                ),
            ),
            (
                "MatrixSetDiagV2",
                lambda x: tf.raw_ops.MatrixSetDiagV2(
                    input=tf.reshape(tf.repeat(x, [2, 2, 2, 1, 1, 1], 1), (-1, 3, 3)),
                    diagonal=tf.reshape(tf.sin(x), (-1, 2, 3)),
                    k=[0, 1],
                ),
            ),
        ]
    ),
    Case(
        "repeat, tile, broadcast_to",
        "Tile",
        lambda x: curved(
            tf.repeat(x, [1, 2, 1], axis=1) * tf.tile(x[:, :2], [1, 2])
            + tf.broadcast_to(x[:, :1], (x.shape[0], 4))
        ),
        SIGNED,
    ),
    Case(
        "space_to_batch, batch_to_space, space_to_depth, depth_to_space",
        "SpaceToDepth",
        lambda x: curved(
            tf.nn.depth_to_space(tf.nn.space_to_depth(images(x), 2) ** 2, 2)
            + tf.batch_to_space(
                tf.sin(tf.space_to_batch(images(x), [2, 2], [[0, 0], [0, 0]])),
                [2, 2],
                [[0, 0], [0, 0]],
            )
        ),
        X16,
    ),
    Case(
        "boolean_mask",
        "boolean_mask",
        lambda x: curved(tf.transpose(tf.boolean_mask(tf.transpose(x), [True, False, True]))),
        SIGNED,
    ),
    Case(
        "Select, the first version of where",
        "Select",
        lambda x: mixed(tf.raw_ops.Select(condition=x > 0.0, x=tf.sin(x), y=x * x)),
        SIGNED,
    ),
    *(
        Case(
            f"{name} of features, by map_fn",
            operation,
            lambda x, unique=unique: tf.map_fn(lambda r: tf.reduce_sum(tf.sin(unique(r)[0])), x),
            SIGNED,
            outcome="refused",
            refusal=operation,
            reason=NO_ENTRY,
        )
        for name, operation, unique in [
            ("unique", "Unique", tf.unique),
            ("unique_with_counts", "UniqueWithCounts", tf.unique_with_counts),
            ("UniqueV2", "UniqueV2", lambda r: tf.raw_ops.UniqueV2(x=r, axis=[0])),
            (
                "UniqueWithCountsV2",
                "UniqueWithCountsV2",
                lambda r: tf.raw_ops.UniqueWithCountsV2(x=r, axis=[0]),
            ),
        ]
    ),
    Case(
        "searchsorted and linear interpolation",
        "SearchSorted",
        lambda x: curved(
            tf.gather(
                np.array([0.1, 0.7, 0.2, 0.9]), tf.searchsorted(repeated(x, [-0.5, 0.0, 0.5]), x)
            )
            * x
        ),
        SIGNED,
        step=0.005,
    ),
    Case(
        "bitcast to complex and back",
        "Bitcast",
        lambda x: power(tf.bitcast(tf.reshape(x, (-1, 2, 2)), tf.complex128)),
        X4,
        outcome="refused",
        refusal="Bitcast",
        reason=NO_ENTRY,
    ),
    Case(
        "unstack, stack, concat, split",
        "Pack",
        lambda x: curved(
            tf.concat([tf.stack(tf.unstack(x, axis=1), 1) ** 2, tf.split(tf.sin(x), 3, 1)[1]], 1)
        ),
        SIGNED,
    ),
    Case(
        "check_numerics, ensure_shape, identity_n",
        "CheckNumerics",
        lambda x: mixed(
            tf.ensure_shape(tf.debugging.check_numerics(tf.identity_n([x, x])[1], "m"), x.shape)
        ),
        SIGNED,
    ),
    Case(
        "invert_permutation",
        "InvertPermutation",
        lambda x: curved(tf.gather(x, tf.math.invert_permutation([2, 0, 1]), axis=1)),
        SIGNED,
    ),
    *(
        Case(
            f"quantization.{name}",
            operation,
            lambda x, quantize=quantize: curved(quantize(x)),
            single(SIGNED),
            "convention",
            STRAIGHT,
            truth=of_quantized(truth),
        )
        for name, operation, quantize, truth in [
            (
                "fake_quant_with_min_max_args",
                "FakeQuantWithMinMaxArgs",
                lambda x: tf.quantization.fake_quant_with_min_max_args(x, *RANGE),
                fake_quantized,
            ),
            (
                "fake_quant_with_min_max_vars",
                "FakeQuantWithMinMaxVars",
                lambda x: tf.quantization.fake_quant_with_min_max_vars(x, *RANGE),
                fake_quantized,
            ),
            (
                "fake_quant_with_min_max_vars_per_channel",
                "FakeQuantWithMinMaxVarsPerChannel",
                lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
                    x, [RANGE[0]] * 3, [RANGE[1]] * 3
                ),
                fake_quantized,
            ),
            (
                "quantize_and_dequantize_v2",
                "QuantizeAndDequantizeV4",
                lambda x: tf.quantization.quantize_and_dequantize_v2(x, *RANGE, range_given=True),
                quantized_and_back,
            ),
        ]
    ),
    Case(
        "QuantizeAndDequantizeV2, the raw operation",
        "QuantizeAndDequantizeV2",
        lambda x: curved(
            tf.raw_ops.QuantizeAndDequantizeV2(
                input=x, input_min=-1.0, input_max=1.0, range_given=True
            )
        ),
        single(SIGNED),
        outcome="convention",
        reason=AUTHOR,
        tolerance=0.02,
        truth=curved_of_linear(lambda x: x),
    ),
    Case(
        "x + stop_gradient(round(x) - x)",
        "StopGradient",
        lambda x: curved(x + tf.stop_gradient(tf.round(x * 8) / 8 - x)),
        SIGNED,
        "convention",
        AUTHOR,
        truth=lambda x: curvature(np.round(x * 8) / 8)[:, None] * np.eye(3),
    ),
    Case(
        "matmul, a_is_sparse",
        "SparseMatMul",
        lambda x: curved(tf.matmul(x, tf.constant(W, tf.float32), a_is_sparse=True)),
        single(SIGNED),
        reference=lambda x: curved(x @ W),
    ),
    Case(
        "one_hot argmax times x",
        "OneHot",
        lambda x: curved(x * tf.one_hot(tf.argmax(x, 1), 3, dtype=tf.float64)),
        SIGNED,
        "fused",
    ),
    Case(
        "(x - stop_gradient(x))^2 + x^3",
        "StopGradient",
        lambda x: tf.reduce_sum((x - tf.stop_gradient(x)) ** 2 + x**3, 1),
        SIGNED,
        "convention",
        AUTHOR,
        truth=lambda x: (2 + 6 * x)[:, None] * np.eye(3),
    ),
    *(
        Case(
            f"pad {mode}",
            "Pad" if mode == "CONSTANT" else "MirrorPad",
            lambda x, mode=mode: curved(tf.pad(x, [[0, 0], [1, 2]], mode)),
            SIGNED,
        )
        for mode in ("CONSTANT", "REFLECT", "SYMMETRIC")
    ),
]
