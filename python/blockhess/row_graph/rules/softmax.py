"""Rules of softmax and its cross-entropies, in the form that cannot overflow."""

from __future__ import annotations

import tensorflow as tf

from blockhess import expressions as e
from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    Node,
    Operand,
    Parameter,
    Reduction,
    Value,
)

_A, _B = ARGUMENTS[:2]


def _log_sum_exp(builder: Builder, op: tf.Operation, logits: Node, source: tf.Tensor) -> Node:
    """log(sum(exp(cells))) of each row, shifted by its largest cell, as a node of one cell.

    `source` is the tensor whose node is `logits`.
    """
    geometry = logits.geometry
    axis = geometry.feature_axes[-1]
    largest = tf.stop_gradient(tf.reduce_max(source, axis, keepdims=True))
    finite = tf.where(tf.math.is_finite(largest), largest, tf.zeros_like(largest))
    shift = builder.operand(Parameter(finite), geometry)
    one = Geometry(geometry.rows, (1,))
    powers = Elementwise(op.outputs[0], geometry, e.exp(_A - _B), (logits, shift))
    total = builder.sum_of_cells(op, powers, one)
    return Elementwise(op.outputs[0], one, e.log(_A) + _B, (total, shift))


def _fits(node: Value) -> bool:
    return (
        isinstance(node, Node)
        and not node.geometry.summed
        and len(node.geometry.features) == 1
        and node.geometry.before == 0
    )


def _log(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """A logarithm; that of a sum of exponentials is shifted, unless a difference is their argument.

    What is subtracted there is most often the largest cell, as in tf.reduce_logsumexp.
    """
    total = inputs[0]
    powers = total.argument if isinstance(total, Reduction) else None
    if isinstance(powers, Elementwise) and powers.expression is e.exp(_A):
        logits, source = powers.arguments[0], powers.tensor.op.inputs[0]
        if _fits(logits) and source.op.type != "Sub":
            shifted = _log_sum_exp(builder, op, logits, source)
            return builder.moved(op, shifted, total.geometry)
    return builder.elementwise(op, e.log(_A), inputs)


def _log_softmax(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    logits = inputs[0]
    if not _fits(logits):
        return _softmax(builder, op, inputs)
    normaliser = _log_sum_exp(builder, op, logits, op.inputs[0])
    return Elementwise(op.outputs[0], logits.geometry, _A - _B, (logits, normaliser))


def _softmax(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """Softmax is over the last axis: row-wise where that is a feature axis."""
    geometry = inputs[0].geometry
    if geometry.summed or (geometry.rows and geometry.after == 0):
        return builder.unproven(op, "is over the rows")
    return builder.opaque(op, geometry)


def _cross_entropy(
    builder: Builder, op: tf.Operation, logits: Node, labels: Operand
) -> tuple[Value, ...]:
    """sum(labels * (log_sum_exp - cells)), and the second output, which is not for users.

    It is right for any labels; TensorFlow's own gradient assumes that each row adds up to one.
    """
    geometry = logits.geometry
    normaliser = _log_sum_exp(builder, op, logits, op.inputs[0])
    cells = Elementwise(
        op.outputs[0],
        geometry,
        ARGUMENTS[2] * (_B - _A),
        (logits, normaliser, labels),
    )
    loss = builder.sum_of_cells(op, cells, Geometry(geometry.rows, ()))
    return loss, builder.opaque(op, geometry, output=1)


def _softmax_cross_entropy(
    builder: Builder, op: tf.Operation, inputs: list[Value]
) -> tuple[Value, ...]:
    logits, labels = inputs
    if not _fits(logits) or not isinstance(labels, Parameter):
        return _row_wise_loss(builder, op, inputs)
    return _cross_entropy(builder, op, logits, builder.operand(labels, logits.geometry))


def _row_wise_loss(builder: Builder, op: tf.Operation, inputs: list[Value]) -> tuple[Value, ...]:
    geometry = builder.align(op, inputs)
    if not isinstance(geometry, Geometry) or geometry.rows != 1 or geometry.before:
        reason = builder.unproven(op, "its rows are not the rows of x")
        return reason, reason
    loss = builder.opaque(op, Geometry(geometry.rows, ()))
    return loss, builder.opaque(op, geometry, output=1)


def _sparse_cross_entropy(
    builder: Builder, op: tf.Operation, inputs: list[Value]
) -> tuple[Value, ...]:
    logits, labels = inputs
    if not _fits(logits) or not isinstance(labels, Parameter):
        reason = builder.unproven(op, "its labels vary with x")
        return reason, reason
    classes, dtype = logits.geometry.features[0], builder.dtype
    # A label outside [0, K) makes its row NaN, as TensorFlow's own operation does on a GPU.
    inside = (labels.tensor >= 0) & (labels.tensor < classes)
    nan = tf.constant(float("nan"), dtype)
    chosen = tf.one_hot(labels.tensor, classes, dtype=dtype)
    chosen = tf.where(inside[..., tf.newaxis], chosen, nan)
    return _cross_entropy(builder, op, logits, builder.operand(Parameter(chosen), logits.geometry))


RULES: dict[str, Rule] = {
    "Log": _log,
    "LogSoftmax": _log_softmax,
    "Softmax": _softmax,
    "SoftmaxCrossEntropyWithLogits": _softmax_cross_entropy,
    "SparseSoftmaxCrossEntropyWithLogits": _sparse_cross_entropy,
}
