"""Operations whose result has a zero derivative wherever it has one."""

from __future__ import annotations

import tensorflow as tf

from blockhess.row_graph import inlining

LOCALLY_CONSTANT = frozenset(
    {
        # Step functions of their arguments.
        *("Floor", "Ceil", "Round", "Rint", "FloorDiv", "TruncateDiv"),
        *("ArgMax", "ArgMin", "Bucketize", "IsNan", "IsInf", "IsFinite"),
        # What depends on the shape alone.
        *("Shape", "ShapeN", "Size", "Rank", "VariableShape"),
        *("BroadcastGradientArgs", "ZerosLike", "OnesLike"),
        # Places for values, which are no values.
        *("TensorArrayV3", "TensorArrayGradV3", "TensorArraySizeV3", "TensorArrayCloseV3"),
        *("TensorListLength", "TensorListElementShape", "VarIsInitializedOp"),
        "Assert",
    }
)


def is_constant_in_x(op: tf.Operation) -> bool:
    """Whether the results count as constants, by what the operation is or by its author's word."""
    if inlining.has_custom_gradient(op):
        return False
    if op.type == "StopGradient":
        return not is_stopped_to_save_time(op)
    return op.type in LOCALLY_CONSTANT


def is_stopped_to_save_time(stop: tf.Operation) -> bool:
    """Whether a StopGradient leaves first derivatives as they are, and spoils the second ones.

    tf.nn.moments has mean((y - stop_gradient(mean(y)))**2): the derivative by the mean is zero, its
    own derivative is not. No author can have meant it.
    """
    mean = stop.inputs[0].op
    if mean.type != "Mean":
        return False
    y, axes = mean.inputs
    for squares in stop.outputs[0].consumers():
        if squares.type == "SquaredDifference" and any(source is y for source in squares.inputs):
            means = [op for op in squares.outputs[0].consumers() if op.type == "Mean"]
            if any(_same(op.inputs[1], axes) for op in means):
                return True
    return False


def _same(a: tf.Tensor, b: tf.Tensor) -> bool:
    """Whether two tensors are the same constant, or computed alike from the same ones."""
    if a is b:
        return True
    if a.op.type != b.op.type or len(a.op.inputs) != len(b.op.inputs) or not a.op.inputs:
        known, other = tf.get_static_value(a), tf.get_static_value(b)
        return known is not None and other is not None and known.tolist() == other.tolist()
    return all(map(_same, a.op.inputs, b.op.inputs))
