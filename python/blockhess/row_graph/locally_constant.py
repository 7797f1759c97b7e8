"""Operations whose result has a zero derivative wherever it has one."""

from __future__ import annotations

import tensorflow as tf

from blockhess.row_graph import inlining

LOCALLY_CONSTANT = frozenset(
    {
        # Step functions of their arguments.
        *("Floor", "Ceil", "Round", "Rint", "FloorDiv", "TruncateDiv"),
        *("ArgMax", "ArgMin", "Bucketize", "IsNan", "IsInf", "IsFinite"),
        # Functions of shapes alone.
        *("Shape", "ShapeN", "Size", "Rank", "VariableShape"),
        *("BroadcastGradientArgs", "ZerosLike", "OnesLike"),
        # Containers of values, not the values in them.
        *("TensorArrayV3", "TensorArrayGradV3", "TensorArraySizeV3", "TensorArrayCloseV3"),
        *("TensorListLength", "TensorListElementShape", "VarIsInitializedOp"),
        "Assert",
    }
)


def is_constant_in_x(op: tf.Operation) -> bool:
    """Whether the results count as constants: by their operation, or as f's author stops them."""
    if inlining.has_custom_gradient(op):
        return False
    if op.type == "StopGradient":
        return not is_stopped_to_save_time(op)
    return op.type in LOCALLY_CONSTANT


def is_stopped_to_save_time(stop: tf.Operation) -> bool:
    """Whether a StopGradient leaves first derivatives as they are, but makes second ones wrong.

    tf.nn.moments has mean((y - stop_gradient(mean(y)))**2): the derivative by the mean is zero, its
    own derivative is not. No author can have meant it, where the mean is stopped for that alone.
    """
    mean = stop.inputs[0].op
    if mean.type != "Mean":
        return False
    y, axes = mean.inputs
    uses = [use for use in stop.outputs[0].consumers() if not _is_of_a_gradient(use)]
    return bool(uses) and all(_are_squares_of_variance(use, y, axes) for use in uses)


def _is_of_a_gradient(op: tf.Operation) -> bool:
    """Whether the operation is of TensorFlow's gradient of the squares: a difference that waits for
    the cotangent, or a shape."""
    return (op.type == "Sub" and bool(op.control_inputs)) or op.type in LOCALLY_CONSTANT


def _are_squares_of_variance(op: tf.Operation, y: tf.Tensor, axes: tf.Tensor) -> bool:
    if op.type != "SquaredDifference" or not any(source is y for source in op.inputs):
        return False
    means = [use for use in op.outputs[0].consumers() if use.type == "Mean"]
    return any(_same(mean.inputs[1], axes) for mean in means)


def _same(a: tf.Tensor, b: tf.Tensor) -> bool:
    """Whether two tensors are the same constant, or computed alike from the same ones."""
    if a is b:
        return True
    if a.op.type != b.op.type or len(a.op.inputs) != len(b.op.inputs) or not a.op.inputs:
        known, other = tf.get_static_value(a), tf.get_static_value(b)
        return known is not None and other is not None and known.tolist() == other.tolist()
    return all(map(_same, a.op.inputs, b.op.inputs))
