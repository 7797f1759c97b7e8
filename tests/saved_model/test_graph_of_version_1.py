"""A graph whose programs have version 1 is read, computed and differentiated for ever.

graph_of_version_1.pbtxt was written by blockhess 0.1.0 and stays as it is. It holds every section
of a term, every layout, the vector-Jacobian product, and every instruction that there was.
"""

from __future__ import annotations

import re
from pathlib import Path

import mpmath
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

import blockhess  # noqa: F401  loads the ops
from instruction_cases import CASES
from term_cases import reference

N, K = 5, 3
OPERANDS = {"x": (N, K), "a": (), "m": (N, K), "S": (K, K), "b": (K,), "p": (N,)}
COTANGENTS = {
    "value_cotangent": (N,),
    "gradient_cotangent": (N, K),
    "hessian_cotangent": (N, K, K),
}


def f(x, a, m, S, b, p):
    s = (
        tf.reduce_sum(a * tf.sin(x - m), 1)
        + 0.5 * tf.einsum("nk,kl,nl->n", x, S, x)
        + tf.linalg.matvec(x, b)
    )
    return tf.exp(-p * s) + tf.reduce_logsumexp(x, 1)


@pytest.fixture
def session():
    definition = tf.compat.v1.GraphDef()
    text = Path(__file__).with_name("graph_of_version_1.pbtxt").read_text()
    text_format.Parse(text, definition)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    yield session
    session.close()


def run(session, names, values):
    feeds = {f"{name}:0": value for name, value in values.items()}
    return session.run([f"{name}:0" for name in names], feeds)


def values(rng, shapes):
    return {name: rng.uniform(0.2, 1.2, shape) for name, shape in shapes.items()}


def test_it_computes_value_gradient_and_blocks(session, rng):
    operands = values(rng, OPERANDS)
    x, *rest = map(tf.constant, operands.values())
    layouts = ("dense", "diag", "packed")
    names = ["dense/value", "dense/gradient", *(f"{layout}/hessian" for layout in layouts)]
    expected = reference(lambda x: f(x, *rest), x, "dense")[:2]
    expected += [reference(lambda x: f(x, *rest), x, layout)[2] for layout in layouts]
    for name, ours, theirs in zip(names, run(session, names, operands), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12, err_msg=name)


def test_it_computes_the_gradients_that_it_holds_and_those_that_are_taken_now(session, rng):
    operands, cotangents = values(rng, OPERANDS), values(rng, COTANGENTS)
    weights = list(cotangents.values())
    held = run(session, [f"bar_{name}" for name in OPERANDS], {**operands, **cotangents})

    with session.graph.as_default():
        outputs = ["dense/value:0", "dense/gradient:0", "dense/hessian:0"]
        outputs = [session.graph.get_tensor_by_name(name) for name in outputs]
        sources = [session.graph.get_tensor_by_name(f"{name}:0") for name in OPERANDS]
        gradients = tf.gradients(outputs, sources, list(map(tf.constant, weights)))
    now = session.run(gradients, dict(zip(sources, operands.values(), strict=True)))

    tensors = list(map(tf.constant, operands.values()))
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs = reference(lambda x: f(x, *tensors[1:]), tensors[0], "dense")
    expected = tape.gradient(outputs, tensors, weights)

    for name, one, other, theirs in zip(OPERANDS, held, now, expected, strict=True):
        np.testing.assert_allclose(one, theirs, rtol=1e-11, atol=1e-11, err_msg=name)
        np.testing.assert_allclose(other, theirs, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("node", ["instructions_0", "instructions_1"])
def test_its_instructions_mean_what_they_meant(node, session):
    op = session.graph.get_operation_by_name(node)
    program = op.get_attr("program").decode()
    instructions = re.findall(r"r\d+ = (\w+) ([r\d ]+);", program)
    assert len(instructions) == len(op.outputs)
    for point in ((0.5, 0.75, 1.0), (1.5, -0.5, 2.0)):
        feeds = {f"{name}:0": value for name, value in zip("uvw", point, strict=True)}
        results = session.run(list(op.outputs), feeds)
        for (name, registers), result in zip(instructions, results, strict=True):
            arguments = [mpmath.mpf(point[int(r)]) for r in re.findall(r"\d+", registers)]
            expected = mpmath.mpmathify(CASES[name].meaning(*arguments))
            if isinstance(expected, mpmath.mpc):  # Outside the domain of a real function.
                assert np.isnan(result), name
            else:
                np.testing.assert_allclose(result, float(expected), rtol=1e-14, err_msg=name)
