"""Operations that a user has told blockhess about."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e
from blockhess.row_graph.rules.table import RULES

X = tf.constant(np.random.default_rng(3).normal(size=(5, 3)))


@pytest.fixture(autouse=True)
def _rules_are_forgotten():
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


def test_an_expression_is_fused_and_right():
    def f(x):
        return tf.reduce_sum(tf.raw_ops.SigmoidGrad(y=tf.sigmoid(2 * x), dy=tf.sin(x)), 1)

    def written_out(x):
        y = tf.sigmoid(2 * x)
        return tf.reduce_sum(tf.sin(x) * y * (1 - y), 1)

    assert bh.explain(f, X).route == "autodiff"
    bh.register_rule("SigmoidGrad", lambda y, dy: dy * y * (1 - y))
    assert bh.explain(lambda x: f(x), X).route == "fused"
    expected = bh.hessian(written_out, X, route="autodiff")
    np.testing.assert_allclose(bh.hessian(lambda x: f(x), X), expected, rtol=1e-12, atol=1e-13)


def test_derivatives_are_those_of_the_expression_where_the_operation_has_none():
    def f(x):
        return tf.reduce_sum(tf.raw_ops.NextAfter(x1=x, x2=2 * x) ** 2, 1)

    bh.register_rule("NextAfter", lambda x1, x2: x1)
    np.testing.assert_allclose(bh.hessian(f, X, layout="diag"), np.full(X.shape, 2.0))


def test_parameters_are_broadcast_as_TensorFlow_broadcasts():
    weights = tf.constant([0.5, 1.0, 2.0], tf.float64)

    def f(x):
        return tf.reduce_sum(tf.raw_ops.SigmoidGrad(y=x, dy=weights + 0 * x), 1)

    bh.register_rule("SigmoidGrad", lambda y, dy: dy * y * (1 - y))
    blocks = bh.hessian(f, X, layout="diag", route="fused")
    np.testing.assert_allclose(blocks, np.broadcast_to(-2 * weights, X.shape), rtol=1e-12)


def test_an_operation_that_keeps_rows_apart_needs_no_probe():
    def f(x):
        return tf.reduce_sum(tf.cumsum(x, 1) ** 3, 1)

    interacting = bh.explain(f, X)
    assert "probe" in interacting.coupling
    bh.register_rule("Cumsum", keeps_rows_apart=True)
    plan = bh.explain(lambda x: f(x), X)
    assert plan.route == "autodiff"
    assert "proved" in plan.coupling
    expected = bh.hessian(f, X, coupling="exact", route="autodiff")
    np.testing.assert_allclose(bh.hessian(lambda x: f(x), X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: tf.reduce_sum(tf.cumsum(tf.transpose(x), 0) ** 3),
        lambda x: tf.reduce_sum(tf.cumsum(tf.reduce_sum(x, 0), 0) ** 3),
    ],
    ids=["the rows are behind", "the rows are summed up"],
)
def test_rows_that_do_not_stand_in_front_are_not_taken_for_rows(f):
    bh.register_rule("Cumsum", keeps_rows_apart=True)
    plan = bh.explain(f, X)
    assert "probe" in plan.coupling
    assert "Cumsum" in str(plan)


MISTAKES = {
    "a built-in rule": (("Sin", e.sin), "knows the operation 'Sin' already"),
    "a constant": (("Floor", e.abs), "knows the operation 'Floor' already"),
    "no operation": (("Snusoid", e.sin), "TensorFlow knows no operation 'Snusoid'"),
    "neither": (("SigmoidGrad",), "is given neither"),
    "several outputs": (("Unique", e.sin), "has 2 outputs"),
}


@pytest.mark.parametrize("arguments, message", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        bh.register_rule(*arguments)


def test_both_kinds_at_once_are_refused():
    with pytest.raises(ValueError, match="is given both"):
        bh.register_rule("SigmoidGrad", e.mul, keeps_rows_apart=True)


def test_a_name_that_a_user_has_taken_is_taken():
    bh.register_rule("SigmoidGrad", lambda y, dy: dy * y * (1 - y))
    with pytest.raises(ValueError, match="knows the operation 'SigmoidGrad' already"):
        bh.register_rule("SigmoidGrad", keeps_rows_apart=True)


@pytest.mark.parametrize(
    "expression, message",
    [
        (lambda y: y, "'SigmoidGrad' cannot be applied to 2 inputs"),
        (lambda y, dy: None, "'SigmoidGrad' returns NoneType; expected an Expression"),
    ],
    ids=["inputs", "result"],
)
def test_a_rule_that_does_not_fit_its_operation_is_named_where_it_is_used(expression, message):
    bh.register_rule("SigmoidGrad", expression)
    with pytest.raises(TypeError, match=message):
        bh.hessian(lambda x: tf.reduce_sum(tf.raw_ops.SigmoidGrad(y=x, dy=x), 1), X)


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="expression is str; expected a function"):
        bh.register_rule("SigmoidGrad", "y")


def test_what_is_no_text_names_no_operation():
    with pytest.raises(TypeError, match="op_type is function; expected the type of an operation"):
        bh.register_rule(lambda y: y, keeps_rows_apart=True)
