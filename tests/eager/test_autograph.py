"""Calls under a tf.function that AutoGraph converts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.autograph.impl import api

import blockhess as bh


def squares(x):
    return tf.reduce_sum(x * x)


def hessian(x):
    return bh.hessian(squares, x)


def value_grad_hessian(x):
    return bh.value_grad_hessian(squares, x).hessian


def hessians(x):
    return bh.hessians(tf.reduce_sum(x * x), x)[0]


V, S = bh.expressions.Variable("x"), bh.expressions.Variable("s")
TERM = bh.ops.Term(V * V, (), None, None, S, ())


def terms(x):
    return bh.ops.terms(x, [TERM]).hessian


@pytest.mark.parametrize("call", [hessian, value_grad_hessian, hessians, terms])
def test_the_library_is_not_converted_and_nothing_is_warned_of(call, caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    converted = []
    to_graph = api._convert_actual

    def recorded(function, *arguments):
        converted.append(function)
        return to_graph(function, *arguments)

    monkeypatch.setattr(api, "_convert_actual", recorded)
    blocks = tf.function(call)(tf.ones((2, 3)))
    np.testing.assert_array_equal(blocks, np.broadcast_to(2 * np.eye(3), (2, 3, 3)))
    assert call in converted
    assert [f for f in converted if f.__module__.startswith("blockhess")] == []
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == []


@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_an_if_on_a_tensor_inside_f_means_what_it_means_around_it(route):
    def f(x, doubled):
        if doubled:
            scale = tf.constant(2.0)
        else:
            scale = tf.constant(1.0)
        return tf.reduce_sum(scale * x * x)

    @tf.function
    def blocks(x, doubled):
        return bh.hessian(lambda x: f(x, doubled), x, route=route)

    x = tf.ones((2, 3))
    for doubled, entry in ((True, 4.0), (False, 2.0)):
        expected = np.broadcast_to(entry * np.eye(3), (2, 3, 3))
        np.testing.assert_array_equal(blocks(x, tf.constant(doubled)), expected)


@pytest.mark.full
def test_a_branch_that_columns_cannot_be_stacked_through_is_not_reported(caplog, monkeypatch):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)

    def f(x):
        if tf.reduce_sum(x) > 0:
            return tf.reduce_sum(tf.sin(x) * tf.exp(-x * x), 1)
        else:
            return tf.reduce_sum(x * x, 1)

    blocks = tf.function(lambda x: bh.hessian(f, x))(-tf.ones((4, 3)))
    np.testing.assert_array_equal(blocks, np.broadcast_to(2 * np.eye(3), (4, 3, 3)))
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []


@pytest.mark.parametrize("call", [bh.hessian, bh.value_grad_hessian, bh.explain])
def test_an_f_that_cannot_be_called_is_named(call):
    with pytest.raises(TypeError, match="f is NoneType; expected a callable"):
        call(None, tf.ones((2, 3)))


def test_f_is_not_converted_where_the_caller_is_not():
    def f(x):
        if tf.reduce_sum(x) > 0:
            x = 2 * x
        return tf.reduce_sum(x * x)

    @tf.function(autograph=False)
    def blocks(x):
        return bh.hessian(f, x)

    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        blocks(tf.ones((2, 3)))
