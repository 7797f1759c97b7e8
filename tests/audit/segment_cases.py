"""Reductions of the segments of a row."""

from __future__ import annotations

import tensorflow as tf
from case import Case
from points import SIGNED, ZEROS
from reasons import NO_ENTRY_OF_GRADIENT, SEGMENT_PROD
from row_functions import curved, weighted

NO_ZERO = ZEROS[:1] * [1, -1, 1, 1]


def of_segments(kind: str, x: tf.Tensor, segments: list[int]) -> tf.Tensor:
    reduce = getattr(tf.math, f"segment_{kind}")
    return tf.transpose(reduce(tf.transpose(x), segments))


def of_unsorted_segments(kind: str, x: tf.Tensor, segments: list[int], count: int = 2) -> tf.Tensor:
    reduce = getattr(tf.math, f"unsorted_segment_{kind}")
    return tf.transpose(reduce(tf.transpose(x), segments, count))


def of_picked_segments(kind: str, x: tf.Tensor, **keys: int) -> tf.Tensor:
    reduce = getattr(tf.sparse, f"segment_{kind}")
    return tf.transpose(reduce(tf.transpose(x), [0, 2, 1, 3, 0], [0, 0, 1, 1, 1], **keys))


PICKED = [
    ("sum", "SparseSegmentSum"),
    ("mean", "SparseSegmentMean"),
    ("sqrt_n", "SparseSegmentSqrtN"),
]

CASES = [
    *(
        Case(
            f"segment_{kind}",
            f"Segment{kind.title()}",
            lambda x, kind=kind: curved(of_segments(kind, x, [0, 0, 1, 1])),
            NO_ZERO,
        )
        for kind in ("sum", "mean", "prod", "max", "min")
    ),
    *(
        Case(
            f"unsorted_segment_{kind}",
            operation,
            lambda x, kind=kind: curved(of_unsorted_segments(kind, x, [1, 0, 1, 0])),
            NO_ZERO,
        )
        for kind, operation in [
            ("sum", "UnsortedSegmentSum"),
            ("mean", "UnsortedSegmentSum"),
            ("prod", "UnsortedSegmentProd"),
            ("max", "UnsortedSegmentMax"),
            ("min", "UnsortedSegmentMin"),
        ]
    ),
    Case(
        "segment_prod, one zero",
        "SegmentProd",
        lambda x: curved(of_segments("prod", x, [0, 0, 0, 1])),
        ZEROS[1:2],
    ),
    Case(
        "segment_prod, two zeros",
        "SegmentProd",
        lambda x: curved(of_segments("prod", x, [0, 0, 0, 1])),
        ZEROS[2:3],
        reason=SEGMENT_PROD,
        tensorflow="wrong",
    ),
    Case(
        "unsorted_segment_prod, one zero",
        "UnsortedSegmentProd",
        lambda x: curved(of_unsorted_segments("prod", x, [0, 0, 0, 1])),
        ZEROS[1:2],
        reason=SEGMENT_PROD,
        tensorflow="NaN",
    ),
    Case(
        "unsorted_segment_prod, two zeros",
        "UnsortedSegmentProd",
        lambda x: curved(of_unsorted_segments("prod", x, [0, 0, 0, 1])),
        ZEROS[2:3],
        reason=SEGMENT_PROD,
        tensorflow="NaN",
    ),
    Case(
        "unsorted_segment_max, an empty segment",
        "UnsortedSegmentMax",
        lambda x: weighted(
            tf.sin(tf.maximum(of_unsorted_segments("max", x, [0, 0, 2, 2], 3), -3.0))
        ),
        SIGNED[:, [0, 1, 2, 0]] + [0, 0, 0, 0.3],
        step=0.01,
    ),
    Case(
        "unsorted_segment_sqrt_n",
        "UnsortedSegmentSum",
        lambda x: curved(of_unsorted_segments("sqrt_n", x, [1, 0, 1, 0])),
        ZEROS[:1],
    ),
    *(
        Case(
            f"sparse.segment_{kind}",
            operation,
            lambda x, kind=kind: curved(of_picked_segments(kind, x)),
            ZEROS[:1],
            reason=NO_ENTRY_OF_GRADIENT,
            tensorflow="raises",
        )
        for kind, operation in PICKED
    ),
    *(
        Case(
            f"sparse.segment_{kind}, num_segments",
            f"{operation}WithNumSegments",
            lambda x, kind=kind: curved(of_picked_segments(kind, x, num_segments=3)),
            ZEROS[:1],
            reason=NO_ENTRY_OF_GRADIENT,
            tensorflow="raises",
        )
        for kind, operation in PICKED
    ),
]
