"""BlockhessTerms: values, gradients and blocks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import Variable
from blockhess.ops import Term
from blockhess.ops.library import library
from term_cases import CASES, in_layout, reference

X, S = Variable("x"), Variable("s")
N, K = 7, 3
NAMES = ["value", "gradient", "hessian"]
LAYOUTS = ["dense", "diag", "packed", "trace"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_outputs_are_those_of_tensorflow_differentiation(case, rng, subtests):
    x = tf.constant(rng.normal(size=(N, K)))
    t = {name: tf.constant(value) for name, value in case.tensors(rng, N, K).items()}
    value, gradient, dense = reference(lambda x: case.f(x, t), x, "dense")
    for layout in LAYOUTS:
        with subtests.test(layout=layout):
            truth = value, gradient, in_layout(dense, layout)
            terms = case.terms(t)
            outputs = ops.terms(x, terms, layout=layout, want_value=True, want_gradient=True)
            for output, expected in zip(outputs, truth, strict=True):
                assert output.shape == expected.shape
                np.testing.assert_allclose(output, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_float32_agrees_to_its_precision(case, rng):
    x = rng.normal(size=(N, K))
    t = case.tensors(rng, N, K)
    truth = reference(
        lambda x: case.f(x, {k: tf.constant(v) for k, v in t.items()}), tf.constant(x), "dense"
    )
    outputs = ops.terms(
        tf.constant(x, tf.float32),
        case.terms({k: tf.constant(v, tf.float32) for k, v in t.items()}),
        want_value=True,
        want_gradient=True,
    )
    for output, expected in zip(outputs, truth, strict=True):
        assert output.dtype == tf.float32
        np.testing.assert_allclose(output, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_every_choice_of_outputs_gives_the_same_numbers(case, rng, subtests):
    x = tf.constant(rng.normal(size=(N, K)))
    t = {name: tf.constant(value) for name, value in case.tensors(rng, N, K).items()}

    def outputs(layout, value, gradient):
        terms = case.terms(t)
        return ops.terms(x, terms, layout=layout, want_value=value, want_gradient=gradient)

    for layout in ("none", *LAYOUTS):
        truth = outputs("dense" if layout == "none" else layout, True, True)
        for value, gradient in itertools.product([False, True], repeat=2):
            with subtests.test(layout=layout, value=value, gradient=gradient):
                some = outputs(layout, value, gradient)
                for name, wanted in zip(NAMES, (value, gradient, layout != "none"), strict=True):
                    output = getattr(some, name)
                    assert (output is not None) == wanted
                    if wanted:
                        expected = getattr(truth, name)
                        np.testing.assert_allclose(output, expected, rtol=1e-13, atol=1e-14)


def test_the_standard_gaussian_has_the_textbook_hessian():
    # f = exp(-x'x / 2) has the block f (x x' - I).
    x = np.array([[0.0, 0.0], [1.0, -2.0]])
    gaussian = Term(None, (), tf.eye(2, dtype=tf.float64), None, e.exp(-S), ())
    f = np.exp(-0.5 * (x * x).sum(1))
    expected = f[:, None, None] * (x[:, :, None] * x[:, None, :] - np.eye(2))
    np.testing.assert_allclose(ops.terms(x, [gaussian]).hessian, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_any_number_of_rows_and_columns_works(case, rng, subtests):
    for N, K in [(0, 3), (1, 3), (5, 1), (1, 1), (0, 1), (2000, 2), (3, 700)]:
        with subtests.test(N=N, K=K):
            check_shape(case, N, K, rng)


def check_shape(case, N, K, rng):
    x = tf.constant(rng.normal(size=(N, K)))
    t = {name: tf.constant(value / K) for name, value in case.tensors(rng, N, K).items()}
    value, gradient, diagonal = ops.terms(
        x, case.terms(t), layout="diag", want_value=True, want_gradient=True
    )
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = case.f(x, t)
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, tape.gradient(expected, x), rtol=1e-10, atol=1e-12)
    assert diagonal.shape == (N, K)
    assert ops.terms(x, case.terms(t), layout="packed").hessian.shape == (N, K * (K + 1) // 2)


def test_parts_that_no_output_reads_are_not_passed_to_the_op():
    x = tf.ones([2, 2])

    @tf.function
    def blocks(x, b):
        return ops.terms(x, [Term(e.square(X), (), None, b, S, ())]).hessian

    graph = blocks.get_concrete_function(x, tf.ones([2])).graph
    (op,) = [op for op in graph.get_operations() if op.type == "BlockhessTerms"]
    assert len(op.inputs) == 1
    assert b"linear" not in op.get_attr("terms")


def test_terms_that_differ_only_in_the_middle_of_a_long_text_stay_apart():
    # TensorFlow's cache of eager kernels abbreviates long strings in lists.
    x = tf.constant([[0.5, 2.0]], tf.float64)
    for phi, second in [(e.sin, np.sin), (e.cos, np.cos)]:
        (blocks,) = ops.terms(x, [Term(phi(X), (), None, None, S, ())], layout="diag").hessian
        np.testing.assert_allclose(blocks, -second(x[0]), rtol=1e-14)


def test_a_nan_stays_in_its_row():
    x = tf.constant([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]])
    logsumexp = Term(e.exp(X), (), None, None, e.log(S), ())
    finite = np.isfinite(ops.terms(x, [logsumexp]).hessian).all(axis=(1, 2))
    np.testing.assert_array_equal(finite, [True, False, True])


P = Variable("p")
SHAPE_ERRORS = {
    "S": (
        Term(None, (), tf.ones([3, 4]), None, S, ()),
        r"S has shape \[3,4\]; expected \[2,2\] or \[5,2,2\] for x of shape \[5,2\]",
    ),
    "b": (
        Term(None, (), None, tf.ones([3]), e.exp(S), ()),
        r"b has shape \[3\]; expected \[2\] or \[5,2\] for x of shape \[5,2\]",
    ),
    "phi": (
        Term(P * e.exp(X), ((P, tf.ones([4, 2])),), None, None, S, ()),
        r"parameter 1 of phi has shape \[4,2\]; expected .*\[5,2\] for x of shape \[5,2\]",
    ),
    "psi": (
        Term(X * X, (), None, None, S * P, ((P, tf.ones([4])),)),
        r"parameter 1 of psi has shape \[4\]; expected .*\[5\].* for x of shape \[5,2\]",
    ),
}


def test_a_wrong_shape_is_an_error_naming_operand_term_and_shapes(subtests):
    good = Term(e.square(X), (), None, None, S, ())
    for operand, (term, message) in SHAPE_ERRORS.items():
        with subtests.test(operand=operand):
            with pytest.raises(tf.errors.InvalidArgumentError, match="term 1: " + message):
                ops.terms(tf.ones([5, 2]), [good, term])


def test_a_function_may_read_its_argument_and_parameters_only():
    with pytest.raises(ValueError, match=r"phi = q \* x reads q; it may read x"):
        Term(X * Variable("q"), (), None, None, S, ())
    with pytest.raises(ValueError, match=r"psi = x reads x; it may read s"):
        Term(None, (), None, tf.ones([2]), X, ())


def test_no_terms_and_unknown_layouts_are_errors():
    with pytest.raises(ValueError, match="at least one term"):
        ops.terms(tf.ones([2, 2]), [])
    with pytest.raises(ValueError, match="layout is 'upper'; expected 'dense', 'diag'"):
        ops.terms(tf.ones([2, 2]), [Term(None, (), None, tf.ones([2]), S, ())], layout="upper")


MALFORMED = [
    ("blockhess 2 | psi 1: return r0 r0 r0", "version .blockhess 2.*blockhess 1"),
    ("blockhess 1 | psi 1: r1 = frob r0; return r0 r1 r1", "instruction 0 .*frob.*unknown"),
    ("blockhess 1 | psi 1: return r0", "returns 1 outputs; expected 3"),
    ("blockhess 1 | linear", "psi"),
    ("", "."),
]


def test_a_malformed_term_is_an_error_naming_the_place(subtests):
    inputs = {"x": tf.ones([2, 2]), "operands": []}
    for text, message in MALFORMED:
        with subtests.test(text=text):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                library.blockhess_terms(**inputs, terms=text, want_value=False, want_gradient=False)


def test_terms_are_equal_where_they_are_the_same():
    term, other = (ops.Term(None, (), tf.eye(2), None, Variable("s"), ()) for _ in range(2))
    assert term == term
    assert term != other
    assert len({term, other}) == 2
