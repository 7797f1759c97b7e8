"""Products of blocks with vectors: those of the blocks that TensorFlow's differentiation gives."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import ZERO, Variable
from blockhess.formula.term_programs import parse_terms
from term_cases import CASES, reference

X, S = Variable("x"), Variable("s")
N, K = 5, 3
by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def inputs(case, rng, rows=N):
    x, v = (tf.constant(rng.normal(size=(rows, K))) for _ in range(2))
    return x, v, {name: tf.constant(value) for name, value in case.tensors(rng, rows, K).items()}


def ours(case, x, v, t):
    return ops.terms_hvp(x, case.terms(t), v)


def theirs(case, x, v, t):
    return tf.linalg.matvec(reference(lambda x: case.f(x, t), x, "dense")[2], v)


@by_case
def test_products_are_those_of_the_blocks_of_tensorflow(case, rng):
    x, v, t = inputs(case, rng)
    expected = theirs(case, x, v, t)
    np.testing.assert_allclose(ours(case, x, v, t), expected, rtol=1e-12, atol=1e-13)
    narrow = {name: tf.cast(value, tf.float32) for name, value in t.items()}
    single = ours(case, tf.cast(x, tf.float32), tf.cast(v, tf.float32), narrow)
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, expected, rtol=5e-5, atol=5e-5)


@by_case
def test_gradients_to_x_v_and_all_operands_are_those_of_tensorflow(case, rng, subtests):
    x, v, t = inputs(case, rng)
    sources = [x, v, *t.values()]

    def gradients(product, order):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = [product(case, x, v, t)] if order == 1 else gradients(product, order - 1)
            total = tf.add_n([tf.reduce_sum(tf.sin(r)) for r in results])
        return tape.gradient(total, sources, unconnected_gradients="zero")

    for order in (1, 2):
        with subtests.test(order=order):
            for one, other in zip(gradients(ours, order), gradients(theirs, order), strict=True):
                assert one.shape == other.shape
                scale = np.abs(other).max(initial=1e-3)
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * scale)


def operation(terms):
    """The op of a product in a graph of unknown rows."""
    spec = tf.TensorSpec((None, K), tf.float64)
    traced = tf.function(lambda x, v: ops.terms_hvp(x, terms, v), autograph=False)
    graph = traced.get_concrete_function(spec, spec).graph
    (op,) = [op for op in graph.get_operations() if op.type == "BlockhessTermsGrad"]
    return op


def test_one_op_computes_the_product_without_third_derivatives():
    op = operation([ops.Term(e.sin(X), (), None, None, e.exp(-S), ())])
    (term,) = parse_terms(tf.compat.as_text(op.get_attr("terms")))
    assert term.phi.outputs[3] is ZERO and term.psi.outputs[3] is ZERO
    assert op.get_attr("wanted") == [True] and not op.get_attr("want_value")


def test_without_a_link_only_the_second_derivative_is_computed():
    op = operation([ops.Term(e.sin(X), (), None, None, S, ())])
    (term,) = parse_terms(tf.compat.as_text(op.get_attr("terms")))
    assert term.phi.outputs[:2] == (ZERO, ZERO) and term.phi.outputs[3] is ZERO


@by_case
def test_any_number_of_rows_works(case, rng, subtests):
    for rows in (0, 1, 2000):
        with subtests.test(rows=rows):
            x, v, t = inputs(case, rng, rows)
            product = ours(case, x, v, t)
            assert product.shape == (rows, K)
            expected = tf.linalg.matvec(ops.terms(x, case.terms(t)).hessian, v)
            np.testing.assert_allclose(product, expected, rtol=1e-11, atol=1e-12)


def test_a_program_too_long_is_composed_of_several(rng):
    x, v = (tf.constant(rng.normal(size=(N, K))) for _ in range(2))
    phi = ZERO
    for i in range(60):
        phi += e.sin((1 + i / 8) * X) * e.exp(-X * X / (1 + i))
    terms = [ops.Term(phi, (), None, None, e.exp(0.01 * S), ())]
    expected = tf.linalg.matvec(
        reference(lambda x: tf.exp(0.01 * tf.reduce_sum(_evaluated(x), 1)), x, "dense")[2], v
    )
    np.testing.assert_allclose(ops.terms_hvp(x, terms, v), expected, rtol=1e-9, atol=1e-10)


def _evaluated(x):
    """`phi` of the test above, as anyone writes it in TensorFlow."""
    i = tf.range(60, dtype=x.dtype)
    z = x[..., None]
    return tf.reduce_sum(tf.sin((1 + i / 8) * z) * tf.exp(-z * z / (1 + i)), -1)


def test_a_v_of_another_shape_is_refused():
    x = tf.zeros([4, K])
    squares = ops.Term(e.square(X), (), None, None, S, ())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[3,3\]; expected \[4,3\]"):
        ops.terms_hvp(x, [squares], tf.zeros([3, K]))
