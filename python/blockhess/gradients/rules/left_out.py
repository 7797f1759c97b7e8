"""Operations that leave cells out of what follows: by an index, a diagonal or a factor of zero."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from blockhess.gradients.broadcasting import summed_to

_INDEXING = frozenset(
    {
        *("GatherV2", "GatherNd", "Slice", "StridedSlice"),
        *("MatrixSetDiagV3", "MatrixDiagPartV3", "MatrixBandPart"),
    }
)
# What masks are made by, of conditions and constants, with the inputs that hold these.
_OF_MASKS = {
    **dict.fromkeys(("Sub", "Mul", "Maximum", "Minimum"), (0, 1)),
    **dict.fromkeys(("Identity", "Cast", "Reshape", "ExpandDims", "Squeeze"), (0,)),
    **dict.fromkeys(("Tile", "Transpose", "BroadcastTo", "MatrixDiagV3", "MatrixBandPart"), (0,)),
    "Fill": (1,),
}


def leaves_out(op: tf.Operation, tensor: tf.Tensor) -> bool:
    """Whether there are cells of its input of which the operation makes nothing, for any x near
    by."""
    if op.type in _INDEXING:
        return tensor is op.inputs[0] and not _keeps_size(op)
    if op.type in ("Mul", "MulNoNan"):
        a, b = op.inputs
        return (tensor is a and is_mask(b)) or (tensor is b and op.type == "Mul" and is_mask(a))
    return op.type == "DivNoNan"


def _keeps_size(op: tf.Operation) -> bool:
    """Whether it only makes axes or drops some of one cell."""
    if op.type != "StridedSlice":
        return False
    before, after = ([n for n in t.shape or () if n != 1] for t in (op.inputs[0], op.outputs[0]))
    return before == after


def kept(op: tf.Operation, number: int) -> tf.Tensor:
    """Where the operation makes something of its input of this number: bool, of its shape."""
    x, result = op.inputs[number], op.outputs[0]
    if op.type in _INDEXING:
        function = ops.gradient_registry.lookup(op.type)
        counts = function(op, tf.ones_like(result, tf.float32))
        first = counts[0] if isinstance(counts, (list, tuple)) else counts
        return tf.not_equal(tf.convert_to_tensor(first), 0)
    factor = op.inputs[1 if op.type != "Mul" else 1 - number]
    is_kept = tf.broadcast_to(tf.not_equal(factor, 0), tf.shape(result))
    if op.type == "Mul":  # Zero times infinity is no number, and has no derivatives.
        is_kept = tf.logical_or(is_kept, tf.math.is_nan(tf.math.real(result)))
    return summed_to(tf.cast(is_kept, tf.float32), x) > 0


def is_mask(tensor: tf.Tensor) -> bool:
    """Whether a tensor has zeros, all of them constants or where inequalities hold."""
    has_zeros, pending = False, [tensor]
    while pending:
        part = pending.pop()
        op = part.op
        if op.type == "Cast" and op.inputs[0].dtype == tf.bool:
            if is_by_equality(op.inputs[0]):
                return False
            has_zeros = True
        elif op.type in _OF_MASKS:
            has_zeros |= op.type in ("MatrixDiagV3", "MatrixBandPart")
            pending += [op.inputs[i] for i in _OF_MASKS[op.type]]
        else:
            value = _known_value(part)
            if value is None:
                return False
            has_zeros |= not np.all(value)
    return has_zeros


def _known_value(tensor: tf.Tensor) -> np.ndarray | None:
    """That of a constant, in the graph or captured by it."""
    if tensor.op.type != "Placeholder":
        return tf.get_static_value(tensor)
    for outer, inner in getattr(tensor.graph, "captures", ()):
        if inner is tensor:
            return outer.numpy() if isinstance(outer, tf.__internal__.EagerTensor) else None
    return None


def is_by_equality(condition: tf.Tensor) -> bool:
    """Whether numbers are compared for equality: what is chosen at one point says nothing of the
    slope there, and NaN is better than a wrong one."""
    op = condition.op
    if op.type in ("Equal", "NotEqual"):
        return op.inputs[0].dtype.is_floating or op.inputs[0].dtype.is_complex
    return op.type.startswith("Logical") and any(map(is_by_equality, op.inputs))
