"""Operations that leave cells out of what follows: by an index, a diagonal or a factor of zero."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import ops
from blockhess.gradients.broadcasting import summed_to
from blockhess.gradients.ends import is_end
from blockhess.gradients.paths import consumers

_INDEXING = frozenset(
    {
        *("GatherV2", "GatherNd", "Slice", "StridedSlice"),
        *("MatrixSetDiagV3", "MatrixDiagPartV3", "MatrixBandPart", "Split", "SplitV", "Unpack"),
    }
)
# Constants of more cells are no masks: to look at them would take their memory again.
LARGEST_CONSTANT = 1 << 16
# The number of the input that has the cells, where it is not the first.
_CELLS = {"Split": 1}


def leaves_out(op: tf.Operation, tensor: tf.Tensor) -> bool:
    """Whether there may be cells of its input that the operation does not use, for any x nearby."""
    if op.type in _INDEXING:
        return tensor is op.inputs[_CELLS.get(op.type, 0)] and not only_makes_axes(op)
    if op.type in ("Mul", "MulNoNan"):
        a, b = op.inputs
        return (tensor is a and is_mask(b)) or (tensor is b and op.type == "Mul" and is_mask(a))
    return op.type == "DivNoNan"


def only_makes_axes(op: tf.Operation) -> bool:
    """Whether the operation is a slice of all cells in their order, x[:, tf.newaxis] say."""
    if op.type != "StridedSlice" or op.get_attr("shrink_axis_mask"):
        return False
    strides = tf.get_static_value(op.inputs[3])
    if strides is None or (strides != 1).any():
        return False
    made = op.get_attr("new_axis_mask") | op.get_attr("ellipsis_mask")
    whole = [op.get_attr("begin_mask") | made, op.get_attr("end_mask") | made]
    return all(mask >> i & 1 for mask in whole for i in range(len(strides)))


def kept(op: tf.Operation, number: int) -> tf.Tensor:
    """Which cells of its input of this number the operation uses: bool, of the input's shape."""
    x = op.inputs[number]
    if op.type in _INDEXING:
        return tf.not_equal(_counts(op)[number], 0)
    factor = op.inputs[1 if op.type != "Mul" else 1 - number]
    is_kept = tf.broadcast_to(tf.not_equal(factor, 0), tf.shape(op.outputs[0]))
    if op.type == "Mul":  # Zero times infinity is NaN, and has no derivatives.
        is_kept = tf.logical_or(is_kept, tf.math.is_nan(tf.math.real(op.outputs[0])))
    return summed_to(tf.cast(is_kept, tf.float32), x) > 0


def _counts(op: tf.Operation) -> list[tf.Tensor | None]:
    """For each input how often each cell comes out: the gradient of the sum of what is used."""
    used = [tf.cast(bool(consumers(output)) or is_end(output), tf.float32) for output in op.outputs]
    sums = [tf.fill(tf.shape(y), one) for y, one in zip(op.outputs, used, strict=True)]
    counts = ops.gradient_registry.lookup(op.type)(op, *sums)
    counts = counts if isinstance(counts, (list, tuple)) else [counts]
    return [None if count is None else tf.convert_to_tensor(count) for count in counts]


# Operations that make masks, and the numbers of the inputs that they make them of: constants, or
# conditions of which at most one is not constant.
_OF_MASKS = {
    **dict.fromkeys(("Mul", "Sub", "Maximum", "Minimum"), (0, 1)),
    **dict.fromkeys(("Identity", "Cast", "Reshape", "ExpandDims", "Squeeze", "StopGradient"), (0,)),
    **dict.fromkeys(("Neg", "Square", "StridedSlice", "Tile", "Transpose", "BroadcastTo"), (0,)),
    **dict.fromkeys(("MatrixDiagV3", "MatrixBandPart"), (0,)),
    **{"Fill": (1,), "SelectV2": (1, 2), "MatrixSetDiagV3": (0, 1)},
}


def is_mask(tensor: tf.Tensor) -> bool:
    """Whether a tensor is made of zeros and ones, constant or 1 where an inequality holds.

    A number that f is given is no mask: f has derivatives by it where it is zero, too.
    """
    return _conditions(tensor, 32) is not None and _may_have_zeros(tensor)


def _may_have_zeros(mask: tf.Tensor) -> bool:
    op = mask.op
    if op.type in ("MatrixDiagV3", "MatrixBandPart", "ZerosLike"):
        return True
    if op.type == "Cast" and op.inputs[0].dtype == tf.bool:
        return True
    if op.type == "Const":
        return not np.all(tf.get_static_value(mask))
    return any(_may_have_zeros(op.inputs[i]) for i in _OF_MASKS.get(op.type, ()))


def _conditions(tensor: tf.Tensor, depth: int) -> int | None:
    """How many conditions that are not constants make the mask; None for what is no mask."""
    op = tensor.op
    if depth == 0:
        return None
    if op.type == "Cast" and op.inputs[0].dtype == tf.bool:
        return None if is_by_equality(op.inputs[0]) else 1
    if op.type in ("ZerosLike", "OnesLike"):
        return 0
    if op.type == "SelectV2" and is_by_equality(op.inputs[0]):
        return None
    if op.type in _OF_MASKS:
        parts = [_conditions(op.inputs[i], depth - 1) for i in _OF_MASKS[op.type]]
        if None in parts or (sum(parts) > 1 and op.type != "Mul"):
            return None
        return sum(parts) + (op.type == "SelectV2")
    is_small = tensor.shape.is_fully_defined() and tensor.shape.num_elements() <= LARGEST_CONSTANT
    if op.type != "Const" or not is_small or _is_captured(tensor):
        return None
    value = np.abs(tf.get_static_value(tensor))
    return 0 if np.all((value == 0) | (value == 1)) else None


def _is_captured(tensor: tf.Tensor) -> bool:
    """Whether a constant stands for a tensor outside, by which f may be differentiated."""
    return any(inner is tensor for _, inner in getattr(tensor.graph, "captures", ()))


# Operations that move the cells of conditions, or join them.
_OF_CONDITIONS = frozenset(
    {
        *("Reshape", "ExpandDims", "Squeeze", "StridedSlice", "Slice", "GatherV2", "GatherNd"),
        *("Transpose", "Tile", "BroadcastTo", "Identity", "All", "Any", "Pack", "ConcatV2"),
        *("LogicalAnd", "LogicalOr", "LogicalNot", "Select", "SelectV2"),
    }
)


def is_by_equality(condition: tf.Tensor) -> bool:
    """Whether numbers are compared for equality, or tested for NaN or Inf: what is chosen at one
    point says nothing of the slope there, and NaN is better than a wrong one."""
    op = condition.op
    if op.type in ("Equal", "NotEqual", "ApproximateEqual", "Cast"):
        return op.inputs[0].dtype.is_floating or op.inputs[0].dtype.is_complex
    if op.type in ("IsNan", "IsInf", "IsFinite"):
        return True
    parts = [part for part in op.inputs if part.dtype == tf.bool]
    return op.type in _OF_CONDITIONS and any(map(is_by_equality, parts))
