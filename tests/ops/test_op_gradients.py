"""Gradients through value, gradient and blocks, of any order and in every mode."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import Variable
from blockhess.ops import Term
from term_cases import CASES, Case, reference

X, S, P = Variable("x"), Variable("s"), Variable("p")
N, K = 4, 3
LAYOUTS = ["dense", "diag", "packed", "trace"]
NAMES = ["value", "gradient", "hessian"]
by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def _inputs(case, rng):
    x = tf.constant(rng.normal(size=(N, K)))
    t = {name: tf.constant(value) for name, value in case.tensors(rng, N, K).items()}
    return x, t


def _weighted(outputs, rng):
    """A scalar of all outputs, in which every entry counts differently."""
    return tf.add_n([tf.reduce_sum(o * rng.normal(size=o.shape)) for o in outputs if o is not None])


def _ours(case, layout, names=NAMES):
    def outputs(x, t):
        all_ = ops.terms(
            x,
            case.terms(t),
            layout=layout if "hessian" in names else "none",
            want_value="value" in names,
            want_gradient="gradient" in names,
        )
        return [getattr(all_, name) for name in names]

    return outputs


def _theirs(case, layout, names=NAMES):
    def outputs(x, t):
        all_ = reference(lambda x: case.f(x, t), x, layout)
        return [all_[NAMES.index(name)] for name in names]

    return outputs


def _gradients(outputs, x, t, order=1):
    """Gradients of a weighted sum of the outputs, and of such a sum of those, `order` times."""
    rng = np.random.default_rng(7)
    sources = [x, *t.values()]

    def gradients(order):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = outputs(x, t) if order == 1 else gradients(order - 1)
            total = _weighted(results, rng)
        return tape.gradient(total, sources, unconnected_gradients="zero")

    return gradients(order)


def _assert_same(ours, theirs, x, t, rtol=1e-9):
    for name, one, other in zip(["x", *t], ours, theirs, strict=True):
        assert one.shape == other.shape, name
        scale = np.abs(other).max(initial=1e-3)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale, err_msg=name)


@by_case
def test_gradients_to_x_and_all_operands_are_those_of_tensorflow(case, rng, subtests):
    x, t = _inputs(case, rng)
    for layout in LAYOUTS:
        with subtests.test(layout=layout):
            ours = _gradients(_ours(case, layout), x, t)
            _assert_same(ours, _gradients(_theirs(case, layout), x, t), x, t)


@by_case
def test_gradients_through_some_of_the_outputs_are_those_of_tensorflow(case, rng, subtests):
    x, t = _inputs(case, rng)
    for names in (["value"], ["gradient"], ["hessian"], ["value", "hessian"]):
        with subtests.test(names=names):
            ours = _gradients(_ours(case, "dense", names), x, t)
            _assert_same(ours, _gradients(_theirs(case, "dense", names), x, t), x, t)


@by_case
def test_a_gradient_to_one_input_alone_is_the_same_as_among_all(case, rng, subtests):
    x, t = _inputs(case, rng)
    sources = {"x": x, **t}
    for names in (["value"], ["gradient"], ["hessian"], NAMES):
        together = _gradients(_ours(case, "dense", names), x, t)
        for (name, source), among_all in zip(sources.items(), together, strict=True):
            with subtests.test(names=names, source=name):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(source)
                    outputs = _ours(case, "dense", names)(x, t)
                    total = _weighted(outputs, np.random.default_rng(7))
                alone = tape.gradient(total, source, unconnected_gradients="zero")
                np.testing.assert_allclose(alone, among_all, rtol=1e-12, atol=1e-13)


@by_case
def test_gradients_of_gradients_are_those_of_tensorflow(case, rng, subtests):
    x, t = _inputs(case, rng)
    for layout in LAYOUTS:
        with subtests.test(layout=layout):
            ours = _gradients(_ours(case, layout), x, t, order=2)
            _assert_same(ours, _gradients(_theirs(case, layout), x, t, order=2), x, t)


@pytest.mark.full
def test_a_third_gradient_through_the_blocks_is_that_of_tensorflow(rng):
    (case,) = [c for c in CASES if c.name == "parameters of every shape"]
    x, t = _inputs(case, rng)
    ours = _gradients(_ours(case, "dense", ["hessian"]), x, t, order=3)
    theirs = _gradients(_theirs(case, "dense", ["hessian"]), x, t, order=3)
    _assert_same(ours, theirs, x, t, rtol=1e-7)


def _many_parameters(n):
    """A sum of n sines, one frequency each: forward it fits a program, its VJP does not."""
    frequencies = [Variable(f"p{i}") for i in range(n)]

    def f(x, t):
        return tf.reduce_sum(tf.add_n([tf.sin(p * x) for p in t.values()]), 1) ** 2

    def terms(t):
        phi = e.ZERO
        for p in frequencies:
            phi += e.sin(p * X)
        return [Term(phi, tuple(zip(frequencies, t.values(), strict=True)), None, None, S * S, ())]

    return Case("many parameters", {p.name: "" for p in frequencies}, f, terms)


@pytest.mark.full
def test_a_vjp_too_long_for_a_program_is_composed_of_several(rng):
    case = _many_parameters(24)
    x, t = _inputs(case, rng)
    for order in (1, 2):
        ours = _gradients(_ours(case, "dense"), x, t, order)
        _assert_same(ours, _gradients(_theirs(case, "dense"), x, t, order), x, t)
    traced = tf.function(lambda x, *t: _gradients(_ours(case, "dense"), x, dict(enumerate(t))))
    graph = traced.get_concrete_function(x, *t.values()).graph
    ops_used = {op.type for op in graph.get_operations()}
    assert "BlockhessTerms" in ops_used
    assert "BlockhessTermsGrad" not in ops_used


def _traced(function, inputs):
    signature = [tf.TensorSpec([None, *i.shape[1:]], tf.float64) for i in inputs]
    return tf.function(function, signature, autograph=False)(*map(tf.constant, inputs))


def _session(function, inputs):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        placeholders = [tf.compat.v1.placeholder(tf.float64, [None, *i.shape[1:]]) for i in inputs]
        return session.run(function(*placeholders), dict(zip(placeholders, inputs, strict=True)))


@pytest.mark.full
@pytest.mark.parametrize("mode", [_traced, _session], ids=["traced", "TF1 session"])
def test_two_gradients_in_a_graph_of_unknown_rows_are_the_eager_ones(mode, rng, subtests):
    """tf.gradients of tf.gradients, against the same by tapes."""
    (case,) = [c for c in CASES if c.name == "Gaussian, S and b a row"]
    x, t = _inputs(case, rng)
    inputs = [x.numpy(), t["S"].numpy(), t["b"].numpy()]

    def graph(x, S, b, layout):
        t_ = {"S": S, "b": b, "a": tf.constant(1.3, tf.float64)}
        total = tf.add_n([tf.reduce_sum(tf.sin(o)) for o in _ours(case, layout)(x, t_)])
        first = tf.gradients(total, [x, S, b])
        return tf.gradients([tf.reduce_sum(tf.sin(g)) for g in first], [x, S, b])

    def tape(x, S, b, layout):
        t_ = {"S": S, "b": b, "a": tf.constant(1.3, tf.float64)}
        with tf.GradientTape() as outer:
            outer.watch([x, S, b])
            with tf.GradientTape() as inner:
                inner.watch([x, S, b])
                total = tf.add_n([tf.reduce_sum(tf.sin(o)) for o in _theirs(case, layout)(x, t_)])
            first = inner.gradient(total, [x, S, b])
            total = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first])
        return outer.gradient(total, [x, S, b])

    every_layout = mode(lambda *inputs: [graph(*inputs, layout) for layout in LAYOUTS], inputs)
    for layout, of_layout in zip(LAYOUTS, every_layout, strict=True):
        with subtests.test(layout=layout):
            expected = tape(*map(tf.constant, inputs), layout)
            for ours, theirs in zip(of_layout, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_gradients_agree_with_differences(rng):
    (case,) = [c for c in CASES if c.name == "parameters of every shape"]
    x, t = _inputs(case, rng)

    def blocks(x, *values):
        return ops.terms(x, case.terms(dict(zip(t, values, strict=True)))).hessian

    theory, numeric = tf.test.compute_gradient(blocks, [x, *t.values()], delta=1e-5)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_a_graph_constant_has_its_gradient_from_an_op_of_its_own_that_can_be_pruned():
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, [None, 2])
        p = tf.constant(3.0, tf.float64)
        squares = Term(P * e.square(X), ((P, p),), None, None, S, ())
        _, by_p = tf.gradients(tf.reduce_sum(ops.terms(x, [squares]).hessian), [x, p])
        # Five blocks diag(2 p, 2 p).
        assert session.run(by_p, {x: np.ones([5, 2])}) == 20.0
        grads = [op for op in graph.get_operations() if op.type == "BlockhessTermsGrad"]
        assert sorted(op.get_attr("wanted") for op in grads) == [[False, True], [True, False]]


def test_variables_and_captured_tensors_receive_gradients():
    w = tf.Variable([1.0, 2.0], dtype=tf.float64)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            blocks = ops.terms(x, [Term(None, (), None, w, e.exp(S), ())]).hessian
            total = tf.reduce_sum(blocks)
        return tape.gradient(total, w)

    # exp(w'x) has blocks exp(w'x) w w'; at x = 0 the sum over a block is (w1 + w2)**2.
    np.testing.assert_allclose(step(tf.zeros([1, 2], tf.float64)), [6.0, 6.0])


def test_no_rows_give_zero_gradients(rng):
    (case,) = [c for c in CASES if c.name == "parameters of every shape"]
    t = {k: tf.constant(v) for k, v in case.tensors(rng, 0, K).items()}
    x = tf.zeros([0, K], tf.float64)
    for name, bar in zip(["x", *t], _gradients(_ours(case, "dense"), x, t), strict=True):
        expected = x if name == "x" else t[name]
        assert bar.shape == expected.shape
        np.testing.assert_array_equal(bar, np.zeros(expected.shape))
