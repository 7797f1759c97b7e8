"""The row graph proves rows independent where they are, and never where they are not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess.row_graph import Node, Opaque, Reader, Unproven

N, K = 5, 4
random = np.random.default_rng(1)
W = tf.constant(random.normal(size=(K, 6)), tf.float32)
W_BACK = tf.constant(random.normal(size=(6, K)), tf.float32)
UNKNOWN = tf.Variable(4)
BY_CELL = tf.constant(random.normal(size=(K,)), tf.float32)
ROW_MATRIX = tf.constant(random.normal(size=(N, K, K)), tf.float32)


def mlp(x):
    hidden = tf.nn.tanh(tf.nn.bias_add(x @ W, tf.zeros(6)))
    hidden = tf.nn.relu(tf.concat([hidden, x], 1) @ tf.ones((10, 7)))
    return tf.reduce_sum(tf.nn.softmax(hidden) ** 2) + tf.reduce_sum(W**2)


@tf.function
def nested(x):
    return tf.reduce_sum(mlp_row(x))


@tf.function
def mlp_row(x):
    return tf.reduce_sum(tf.tanh(x @ W), 1)


INDEPENDENT = {
    "an MLP": mlp,
    "a nested function in a nested function": nested,
    "a mean over rows": lambda x: tf.reduce_mean(tf.reduce_prod(x, 1)),
    "columns by index": lambda x: tf.reduce_sum(x[:, 0] * tf.sin(x[:, 1])),
    "unstacked columns": lambda x: tf.reduce_sum(tf.atan2(*tf.unstack(x, axis=1)[:2])),
    "split columns": lambda x: tf.reduce_sum(tf.exp(tf.split(x, 2, 1)[0] * tf.split(x, 2, 1)[1])),
    "gathered columns": lambda x: tf.reduce_prod(tf.gather(x, [2, 0], axis=1), 1),
    "distances to centres": lambda x: tf.reduce_logsumexp(
        -tf.reduce_sum((x[:, None, :] - W_BACK[None]) ** 2, 2), 1
    ),
    "distances with the centres first": lambda x: tf.reduce_sum(
        tf.tanh(tf.reduce_sum((x[None] - W_BACK[:, None]) ** 2, 2))
    ),
    "a matrix a row": lambda x: tf.reduce_sum(tf.tanh(tf.einsum("ni,nij->nj", x, ROW_MATRIX))),
    "the rows on the second axis": lambda x: tf.reduce_sum(
        tf.tanh(tf.transpose(W) @ tf.transpose(x))
    ),
    "a stopped coupling": lambda x: tf.reduce_sum(
        (x - tf.stop_gradient(tf.reduce_mean(x, 0))) ** 2
    ),
    "stacked features": lambda x: tf.reduce_sum(tf.stack([x, x**2], 1) ** 3),
    "a sum of weighted totals": lambda x: 3.0 * tf.reduce_sum(x**2) - tf.reduce_mean(x) / 2.0,
    "column totals": lambda x: tf.reduce_sum(tf.reduce_sum(x**2, 0) * BY_CELL),
    "dropout's mask": lambda x: tf.reduce_sum(tf.nn.dropout(x, 0.5, seed=1) ** 2),
}

INTERACTING = {
    "the square of a total": lambda x: tf.reduce_sum(x) ** 2,
    "a centred x": lambda x: tf.reduce_sum((x - tf.reduce_mean(x, 0)) ** 2),
    "a softmax over the rows": lambda x: tf.reduce_sum(tf.nn.softmax(x, axis=0) ** 2),
    "a pairwise distance": lambda x: tf.reduce_sum((x[:, None] - x[None]) ** 2),
    "a Gram matrix": lambda x: tf.reduce_sum((x @ tf.transpose(x)) ** 2),
    "a covariance": lambda x: tf.reduce_sum((tf.transpose(x) @ x) ** 2),
    "rows times rows by einsum": lambda x: tf.einsum("ni,mi->", x, x),
    "a product of totals": lambda x: tf.reduce_sum(x) * tf.reduce_sum(x**2),
    "one row picked": lambda x: tf.reduce_sum(x[0] * x),
    "reversed rows": lambda x: tf.reduce_sum(x * tf.reverse(x, [0])),
    "a cumulative sum": lambda x: tf.reduce_sum(tf.cumsum(x, 0) ** 2),
    "rows folded into columns": lambda x: tf.reduce_sum(
        tf.reduce_sum(tf.reshape(x, [2, -1]), 1) ** 2
    ),
    "column values broadcast over rows": lambda x: tf.reduce_sum(
        (tf.reduce_sum(x, 1) - tf.reduce_sum(x, 1)[:, None]) ** 2
    ),
    "a norm of everything": lambda x: tf.norm(x),
    "a transposed x taken for x": lambda x: tf.reduce_sum(
        tf.exp(tf.reduce_sum(tf.reshape(tf.transpose(x), tf.shape(x)), 1))
    ),
    "rows folded by sizes that are not known": lambda x: tf.reduce_sum(
        tf.exp(tf.reduce_sum(tf.reshape(x, tf.stack([2, -1, UNKNOWN.read_value()])) ** 2, [1, 2]))
    ),
    "the largest of everything": lambda x: tf.reduce_max(x) ** 2,
}


# Traced as a function, so that cases can use eager constants.
def traced(f, shape):
    values = []

    def body(x):
        values.append(Reader(x).read(tf.convert_to_tensor(f(x))))
        return x

    concrete = tf.function(body, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32)
    )
    return values[0], concrete


@pytest.mark.parametrize("name", INDEPENDENT)
def test_rows_that_stay_apart_are_proved_to(name, subtests):
    for rows in (N, None):
        with subtests.test(rows=rows):
            value, _graph = traced(INDEPENDENT[name], (rows, K))
            assert isinstance(value, Node), getattr(value, "reason", value)


@pytest.mark.parametrize("name", INTERACTING)
def test_rows_that_interact_are_never_proved_apart(name, subtests):
    for rows in (6, None):
        with subtests.test(rows=rows):
            value, _graph = traced(INTERACTING[name], (rows, K))
            assert isinstance(value, Unproven)
            assert "'" in value.reason, "the reason names the operation"


ON_TWO_AXES = {
    *("a matrix a row", "the rows on the second axis", "distances with the centres first"),
    *("an MLP", "split columns", "gathered columns", "unstacked columns", "columns by index"),
    *("distances to centres", "a nested function in a nested function", "stacked features"),
}


def test_rows_of_three_axes_are_proved_or_left_open_but_never_an_error(subtests):
    for name in sorted(INDEPENDENT.keys() - ON_TWO_AXES):
        with subtests.test(name=name):
            value, _graph = traced(INDEPENDENT[name], (2, 5, K))
            assert isinstance(value, (Node, Unproven))


def test_a_square_x_transposed_keeps_its_rows_through_a_reshape_to_the_same_shape():
    value, _graph = traced(
        lambda x: tf.reduce_sum(tf.exp(tf.reduce_sum(tf.reshape(tf.transpose(x), [K, K]), 0))),
        (K, K),
    )
    assert isinstance(value, Node)


def test_an_overridden_gradient_of_a_step_is_not_taken_for_zero():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, K))
        with graph.gradient_override_map({"Round": "Identity"}):
            y = tf.reduce_sum(tf.round(x) ** 3)
        assert isinstance(Reader(x).read(y), Unproven)


def test_reshapes_that_swap_row_axes_are_not_taken_for_rows():
    value, _graph = traced(lambda x: tf.reduce_sum(x * tf.reshape(x, [3, 3, K])), (3, 3, K))
    assert isinstance(value, Node), "the same shape is the same rows"
    value, _graph = traced(lambda x: tf.reduce_sum(x * tf.transpose(x, [1, 0, 2])), (3, 3, K))
    assert isinstance(value, Unproven)
    value, _graph = traced(
        lambda x: tf.reduce_sum(x * tf.reshape(x, [tf.shape(x)[1], tf.shape(x)[0], K])),
        (None, None, K),
    )
    assert isinstance(value, Unproven)


def test_a_tensordot_over_rows_of_two_axes_keeps_them():
    value, _graph = traced(lambda x: tf.reduce_sum(tf.tensordot(x, W, 1), -1), (None, None, K))
    assert isinstance(value, Node) and value.geometry.rows == 2


def test_an_operation_without_a_rule_is_named():
    value, _graph = traced(
        lambda x: tf.reduce_sum(tf.linalg.expm(x[:, :, None] * x[:, None, :])), (N, K)
    )
    assert isinstance(value, Unproven)
    value, _graph = traced(lambda x: tf.math.erfinv(x, name="mine"), (N, K))
    assert isinstance(value, Opaque) and "Erfinv" in value.reason and "mine" in value.reason


def test_a_custom_gradient_is_not_looked_through():
    @tf.custom_gradient
    def doubled(x):
        return x**2, lambda dy: 7.0 * dy

    value, _graph = traced(lambda x: tf.reduce_sum(doubled(x)), (N, K))
    assert isinstance(value, Unproven) and "custom gradient" in value.reason


def test_a_function_with_an_effect_is_not_copied():
    counter = tf.Variable(0.0)

    @tf.function
    def counting(x):
        counter.assign_add(1.0)
        return tf.reduce_sum(x**2)

    value, _graph = traced(counting, (N, K))
    assert isinstance(value, Unproven) and "effect" in value.reason


def test_very_deep_functions_are_read_without_recursion():
    def deep(x):
        for _ in range(3000):
            x = tf.identity(x)
        return tf.reduce_sum(x)

    value, _graph = traced(deep, (N, K))
    assert isinstance(value, Node)


@pytest.mark.parametrize(
    "step",
    [
        tf.sign,
        lambda t: tf.where(t > 0.0, t + 1.0, t + 2.0),
        lambda t: tf.cast(t > 0.0, tf.float32),
    ],
)
def test_a_step_of_a_total_is_not_linear(step):
    value, _graph = traced(lambda x: step(tf.reduce_sum(x)), (N, K))
    assert isinstance(value, Unproven)
