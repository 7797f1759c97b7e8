"""Logarithms of sums of exponentials: of softmax losses, and of running sums."""

from __future__ import annotations

import tensorflow as tf

from blockhess.gradients.broadcasting import summed_to
from blockhess.gradients.given import is_unused
from blockhess.gradients.scans import ahead, laid_out, recurrence, restored


def _softmax_cross_entropy(op: tf.Operation, cotangent: tf.Tensor, of_softmax: tf.Tensor | None):
    """sum(labels) softmax - labels by the logits and -log_softmax by the labels.

    TensorFlow takes the labels for constants when it differentiates this again, and their sum for
    one. `of_softmax` belongs to the operation's second output, softmax - labels.
    """
    logits, labels = op.inputs
    softmax, cotangent = tf.nn.softmax(logits), cotangent[..., tf.newaxis]
    total = tf.reduce_sum(labels, -1, keepdims=True)
    by_logits = cotangent * (total * softmax - labels)
    by_labels = -cotangent * tf.nn.log_softmax(logits)
    if not is_unused(of_softmax):
        mean = tf.reduce_sum(of_softmax * softmax, -1, keepdims=True)
        by_logits += softmax * (of_softmax - mean)
        by_labels -= of_softmax
    return summed_to(by_logits, logits), summed_to(by_labels, labels)


def _cumulative_logsumexp(op: tf.Operation, cotangent: tf.Tensor):
    """sum over j from i on of exp(x_i - y_j) cotangent_j, by a recurrence in exp(y_i - y_(i+1)).

    TensorFlow goes by the logarithm of the cotangent, whose derivative at zero it takes for zero.
    """
    axis, exclusive, reverse = op.inputs[1], op.get_attr("exclusive"), op.get_attr("reverse")
    x, cotangent = laid_out(op.inputs[0], axis, reverse), laid_out(cotangent, axis, reverse)
    y = tf.math.cumulative_logsumexp(x, 1)
    empty = tf.equal(y, y.dtype.as_numpy_dtype("-inf"))
    steps = tf.where(empty[:, :-1], tf.zeros([], y.dtype), y[:, :-1] - y[:, 1:])
    factors = tf.exp(tf.pad(steps, [[0, 0], [0, 1], [0, 0]]))
    following = recurrence(factors, ahead(cotangent, 1) if exclusive else cotangent)
    return restored(tf.exp(tf.where(empty, x, x - y)) * following, op.inputs[0], reverse), None


GRADIENTS = {
    "SoftmaxCrossEntropyWithLogits": _softmax_cross_entropy,
    "CumulativeLogsumexp": _cumulative_logsumexp,
}
