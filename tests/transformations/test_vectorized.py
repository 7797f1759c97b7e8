"""tf.vectorized_map makes one call of an op of all its iterations, never a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e
from term_cases import CASES, Case

L, N, K = 5, 4, 3
by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
(EVERY_SHAPE,) = [c for c in CASES if c.name == "parameters of every shape"]


def vectorized(function: Callable, stacked):
    return tf.vectorized_map(function, stacked, fallback_to_while_loop=False)


def looped(function: Callable, stacked):
    """One call an iteration, eagerly."""
    calls = [
        function(dict(zip(stacked, v, strict=True))) for v in zip(*stacked.values(), strict=True)
    ]
    return tf.nest.map_structure(lambda *values: tf.stack(values), *calls)


def assert_same(ours, theirs) -> None:
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def tensors(case: Case, stacked: list[str], rng) -> tuple[dict, dict]:
    """x and the operands: those that differ in each iteration, and those that do not."""
    each = [{"x": rng.normal(size=(N, K)), **case.tensors(rng, N, K)} for _ in range(L)]
    return (
        {name: tf.constant(np.stack([t[name] for t in each])) for name in stacked},
        {name: tf.constant(t) for name, t in each[0].items() if name not in stacked},
    )


def outputs_and_gradients(case: Case, shared: dict, layout: str) -> Callable:
    def call(own):
        t = {**shared, **own}
        with tf.GradientTape() as tape:
            tape.watch(t)
            outputs = bh.ops.terms(
                t["x"], case.terms(t), layout=layout, want_value=True, want_gradient=True
            )
            total = tf.add_n([tf.reduce_sum(tf.sin(o)) for o in outputs])
        return outputs, tape.gradient(total, t)

    return call


def check(case: Case, names: list[str], layout: str, rng) -> None:
    stacked, shared = tensors(case, names, rng)
    call = outputs_and_gradients(case, shared, layout)
    assert_same(vectorized(call, stacked), looped(call, stacked))


@by_case
def test_outputs_and_gradients_are_those_of_a_loop(case, rng):
    check(case, ["x", *case.shapes], "dense", rng)


@by_case
def test_operands_may_be_shared_by_the_iterations(case, rng):
    check(case, ["x"], "dense", rng)


@pytest.mark.full
@pytest.mark.parametrize("name", EVERY_SHAPE.shapes)
def test_any_operand_may_be_the_only_one_that_differs(name, rng, subtests):
    for layout in ("diag", "packed", "trace"):
        with subtests.test(layout=layout):
            check(EVERY_SHAPE, [name], layout, rng)


@pytest.mark.full
def test_gradients_of_gradients_are_those_of_a_loop(rng):
    stacked, shared = tensors(EVERY_SHAPE, ["x"], rng)

    def call(own):
        t = {**shared, **own}
        with tf.GradientTape() as outer:
            outer.watch(t)
            first = outputs_and_gradients(EVERY_SHAPE, t, "dense")({})[1]
            total = tf.add_n([tf.reduce_sum(tf.sin(g)) for g in first.values()])
        return outer.gradient(total, t)

    assert_same(vectorized(call, stacked), looped(call, stacked))


def test_sizes_may_be_unknown_until_the_call(rng):
    stacked, shared = tensors(EVERY_SHAPE, ["x", "r", "m"], rng)
    call = outputs_and_gradients(EVERY_SHAPE, shared, "dense")
    free = {name: tf.TensorSpec([None] * t.shape.rank, t.dtype) for name, t in stacked.items()}
    function = tf.function(lambda t: vectorized(call, t), [free], autograph=False)
    assert_same(function(stacked), looped(call, stacked))


def test_a_map_repeats_its_scalars(rng):
    a, b, c, d = map(e.Variable, "abcd")
    own = {"a": rng.normal(size=(L,)), "b": rng.normal(size=(L, N, K))}
    shared = {"c": np.array(rng.normal()), "d": rng.normal(size=(N, K))}
    output = e.sin(a) * b + e.exp(c) * d

    def call(own):
        return bh.ops.map([output, a * a], {e.Variable(n): t for n, t in {**own, **shared}.items()})

    A = own["a"][:, None, None]
    expected = np.sin(A) * own["b"] + np.exp(shared["c"]) * shared["d"]
    assert_same(vectorized(call, own), [expected, np.broadcast_to(A * A, (L, N, K))])
    scalars = vectorized(lambda s: bh.ops.map([a * c], {a: s, c: shared["c"]}), own["a"])
    assert_same(scalars, [own["a"] * shared["c"]])


def gaussian(x, S):
    return tf.exp(-0.5 * tf.einsum("nk,kl,nl->n", x, S, x))


def test_hessian_of_functions_that_differ_in_a_captured_tensor(rng):
    x, S = tf.constant(rng.normal(size=(N, K))), tf.constant(rng.normal(size=(L, K, K)))
    blocks = vectorized(lambda S: bh.hessian(lambda x: gaussian(x, S), x, route="fused"), S)
    assert_same(blocks, tf.stack([bh.hessian(lambda x, s=s: gaussian(x, s), x) for s in S]))


def test_traces_and_products_of_functions_that_differ_in_a_captured_tensor(rng):
    x, v = (tf.constant(rng.normal(size=(N, K))) for _ in range(2))
    S = tf.constant(rng.normal(size=(L, K, K)))

    def both(S):
        f = lambda x: gaussian(x, S)  # noqa: E731
        return bh.laplacian(f, x, route="fused"), bh.hvp(f, x, v, route="fused")

    assert_same(vectorized(both, S), [tf.stack(each) for each in zip(*map(both, S), strict=True)])
    assert not [t for t in operations(lambda S: vectorized(both, S), S) if "While" in t]


def test_hessian_by_the_autodiff_route(rng):
    x = tf.constant(rng.normal(size=(L, N, K)))

    def network(x):
        return tf.reduce_sum(tf.tanh(tf.tanh(x) @ tf.ones([K, K], x.dtype)), 1)

    blocks = vectorized(lambda x: bh.hessian(network, x, coupling="assume_independent"), x)
    assert_same(blocks, tf.stack([bh.hessian(network, x) for x in x]))


def test_within_a_vectorized_map(rng):
    x = tf.constant(rng.normal(size=(L, 2, N, K)))

    def blocks(x):
        return bh.hessian(lambda x: tf.reduce_sum(x**3, 1), x, layout="diag")

    assert_same(vectorized(lambda x: vectorized(blocks, x), x), 6 * x)


@pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")
def test_compiled_by_XLA(rng):
    stacked, shared = tensors(EVERY_SHAPE, ["x", "S", "r"], rng)
    call = outputs_and_gradients(EVERY_SHAPE, shared, "dense")
    compiled = tf.function(lambda t: vectorized(call, t), autograph=False, jit_compile=True)
    assert_same(compiled(stacked), looped(call, stacked))


def operations(function: Callable, *arguments) -> list[str]:
    """The types of those that TensorFlow traces and runs, also in the functions that it calls."""
    concrete = tf.function(function, autograph=False).get_concrete_function(*arguments)
    outputs = [output.op.name for output in concrete.outputs]
    graph = tf.compat.v1.graph_util.extract_sub_graph(concrete.graph.as_graph_def(), outputs)
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return [node.op for node in nodes]


def test_all_iterations_are_one_call(rng):
    x = tf.constant(rng.normal(size=(L, N, K)))
    S = tf.eye(K, dtype=x.dtype)

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(bh.hessian(lambda x: gaussian(x, S), x))
        return tape.gradient(total, x)

    types = operations(lambda x: vectorized(step, x), x)
    assert types.count("BlockhessTermsGrad") == 1
    assert not [t for t in types if "While" in t]


def test_batch_jacobian_of_the_gradient_is_the_blocks_and_no_loop(rng):
    x = tf.constant(rng.normal(size=(N, K)))
    S = tf.constant(rng.normal(size=(K, K)))

    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            gradient = bh.value_grad_hessian(lambda x: gaussian(x, S), x).gradient
        return tape.batch_jacobian(gradient, x)

    assert_same(jacobian(x), bh.hessian(lambda x: gaussian(x, S), x))
    assert not [t for t in operations(jacobian, x) if "While" in t]
