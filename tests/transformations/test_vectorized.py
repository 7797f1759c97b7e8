"""tf.vectorized_map makes one call of an op of all its iterations, never a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from term_cases import CASES, Case

import blockhess as bh
from blockhess import expressions as e

L, N, K = 5, 4, 3
by_case = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
(EVERY_SHAPE,) = [c for c in CASES if c.name == "parameters of every shape"]


def vectorized(function: Callable, stacked):
    return tf.vectorized_map(function, stacked, fallback_to_while_loop=False)


def looped(function: Callable, stacked):
    """One call an iteration, eagerly."""
    calls = [function(dict(zip(stacked, v, strict=True))) for v in zip(*stacked.values())]
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


@pytest.mark.parametrize("layout", ["diag", "packed"])
@pytest.mark.parametrize("name", EVERY_SHAPE.shapes)
def test_any_operand_may_be_the_only_one_that_differs(name, layout, rng):
    check(EVERY_SHAPE, [name], layout, rng)
