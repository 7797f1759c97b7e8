"""Operations without second derivatives are refused by name, with what to write instead."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.gradients import pull_back

raw = tf.raw_ops
X = tf.constant(np.linspace(0.1, 0.9, 18).reshape(2, 9), tf.float32)


def images(x):
    return tf.reshape(x, (-1, 3, 3, 1))


def total(y):
    return tf.reduce_sum(tf.square(y))


def sparse(x):
    return tf.SparseTensor([[0, 1], [1, 2]], x[:, 0], (2, 9))


def cell(x):
    zeros = tf.zeros((2, 2))
    return raw.GRUBlockCell(
        x=x,
        h_prev=zeros,
        w_ru=tf.ones((11, 4)),
        w_c=tf.ones((11, 2)),
        b_ru=tf.zeros(4),
        b_c=tf.zeros(2),
    )[3]


def python(x):
    return tf.ensure_shape(tf.numpy_function(lambda t: t**3, [x], tf.float32), (2, 9))


LABELS = tf.constant([[1, 2], [1, 2]])


def sparse_ctc(x):
    lengths = tf.constant([3, 3])
    labels = tf.sparse.from_dense(LABELS)
    return tf.nn.ctc_loss(
        labels, tf.reshape(x, (-1, 3, 3)), None, lengths, logits_time_major=False, blank_index=0
    )


CASES = {
    "RandomShuffle": lambda x: tf.random.shuffle(tf.transpose(x)),
    "Unique": lambda x: tf.unique(x[0])[0],
    "SparseSparseMaximum": lambda x: tf.sparse.maximum(sparse(x), sparse(2 * x)).values,
    "SparseReduceMax": lambda x: tf.sparse.reduce_max(sparse(x), 1),
    "CTCLoss": sparse_ctc,
    "GRUBlockCell": cell,
    "DrawBoundingBoxesV2": lambda x: tf.image.draw_bounding_boxes(
        images(x), tf.zeros((2, 1, 4)), [[0.5]]
    ),
    "ExtractGlimpse": lambda x: tf.image.extract_glimpse(images(x), (2, 2), tf.zeros((2, 2))),
    "FractionalMaxPool": lambda x: tf.nn.fractional_max_pool(images(x), 1.5, seed=3)[0],
    "ScaleAndTranslate": lambda x: raw.ScaleAndTranslate(
        images=tf.ones((1, 3, 3, 1)), size=[2, 2], scale=x[0, :2], translation=x[0, 2:4]
    ),
    "PyFunc": python,
}


@pytest.mark.parametrize("name", CASES)
def test_the_error_names_the_operation(name):
    with pytest.raises(LookupError, match=rf"TensorFlow cannot: {name}.*\('.*'\) \w+"):
        bh.hessian(lambda x: total(CASES[name](x)), X, route="autodiff")


def test_ctc_loss_of_dense_labels_is_refused_before_it_runs():
    """Running it has ended the process."""

    def f(x):
        logits = tf.reshape(x, (-1, 3, 3))
        lengths = tf.constant([2, 2]), tf.constant([3, 3])
        return tf.nn.ctc_loss(LABELS, logits, *lengths, logits_time_major=False, blank_index=0)

    with pytest.raises(LookupError, match="ctc_loss"):
        bh.explain(f, X)
        bh.hessian(f, X)


def test_an_error_of_a_gradient_function_names_the_operation_that_it_is_of():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [2, 3])
        y = tf.sin(x, name="the_sine")

        def gradient(op, cotangent):
            raise TypeError("no such type")

        y.op._gradient_function = gradient
        with pytest.raises(TypeError, match=r"Sin \('the_sine'\): no such type"):
            pull_back(y, [x])
