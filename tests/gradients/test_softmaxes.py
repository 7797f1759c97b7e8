"""Cross-entropies with labels of any kind, and cumulative sums of exponentials."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh

X = [[0.3, -0.8, 0.5], [0.0, 0.0, 0.0], [-0.4, 0.2, -0.9]]
W = tf.constant(np.random.default_rng(3).normal(size=(3, 4)))


def network(x):
    return tf.tanh(x @ W)


def plain(labels, logits):
    return -tf.reduce_sum(labels * tf.nn.log_softmax(logits), -1)


def constant(row):
    return lambda x: tf.constant(row, tf.float64) * tf.ones_like(x[:, :1])


LABELS = {
    "sum 1": constant([[0.1, 0.2, 0.3, 0.4]]),
    "sum 1.6": constant([[0.4, 0.0, 0.9, 0.3]]),
    "of x": lambda x: tf.nn.softmax(2 * network(x)),
    "of x, any sum": lambda x: tf.square(network(x)),
}
LOSSES = {
    "softmax": lambda y, z: tf.nn.softmax_cross_entropy_with_logits(y, z),
    "keras": lambda y, z: keras.losses.categorical_crossentropy(y, z, from_logits=True),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", LABELS)
def test_cross_entropies_are_those_of_their_value(labels, loss):
    y, f = LABELS[labels], LOSSES[loss]
    check(lambda x: f(y(x), network(x)), X, truth=lambda x: plain(y(x), network(x)))


def test_the_sparse_cross_entropy():
    labels = tf.constant([1, 3, 0])

    def f(x):
        repeated = tf.tile(labels, tf.shape(x)[:1] // 3)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(repeated, network(x))

    check(f, X)


def test_the_second_output_has_derivatives_too():
    def f(x):
        op = tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=network(x), labels=network(x) ** 2)
        return tf.reduce_sum(op.backprop**2, -1) + op.loss

    def truth(x):
        z = network(x)
        return tf.reduce_sum((tf.nn.softmax(z) - z**2) ** 2, -1) + plain(z**2, z)

    check(f, X, truth=truth)


def test_divergences_of_distributions_of_x():
    def f(x):
        p, q = tf.nn.softmax(x), tf.nn.softmax(network(x)[:, :3])
        focal = keras.losses.categorical_focal_crossentropy(p, q)
        return keras.losses.kl_divergence(p, q) + focal

    check(f, X)


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumulative_logsumexp_where_its_cotangent_is_zero(exclusive, reverse):
    """x[0] = 0 makes the first sum 0, so the cotangent of its square."""
    first = 2 if reverse else 0
    options = {"exclusive": exclusive, "reverse": reverse}

    def f(x):
        sums = tf.math.cumulative_logsumexp(x, 1, **options)
        keep = tf.math.is_finite(sums) & (sums > -1e300)
        return tf.reduce_sum(tf.where(keep, sums, 0.0) ** 2 + tf.sin(tf.where(keep, sums, 0.0)), 1)

    x = np.array([[0.5, 0.4, -0.7], [0.3, 0.5, -0.2], [300.0, -500.0, 0.1]])
    x[0, first] = 0
    check(f, x, tolerance=2e-6)


def test_cumulative_logsumexp_of_masked_cells():
    mask = tf.constant([False, True, True])
    x = tf.constant(X, tf.float64)

    def f(x):
        masked = tf.where(mask, x, tf.constant(-np.inf, x.dtype))
        return tf.sin(tf.math.cumulative_logsumexp(masked, 1)[:, 2])

    expected = bh.hessian(lambda x: tf.sin(tf.reduce_logsumexp(x[:, 1:], 1)), x)
    np.testing.assert_allclose(bh.hessian(f, x, route="autodiff"), expected, atol=1e-14)
