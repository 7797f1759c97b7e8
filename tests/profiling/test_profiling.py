"""What TensorFlow's profilers and debuggers say of the ops."""

from __future__ import annotations

import pytest
import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e
from processes import in_a_process


def density(x):
    return tf.exp(-0.5 * tf.reduce_sum(x * x, 1))


def step(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(bh.hessian(density, x, route="fused"))
    return tape.gradient(total, x)


def trace(function, folder) -> bytes:
    """What the profiler writes of a second call."""
    x = tf.ones([100, 3])
    function(x)
    with tf.profiler.experimental.Profile(str(folder)):
        function(x)
    (file,) = folder.rglob("*.xplane.pb")
    return file.read_bytes()


def test_the_profilers_trace_names_the_ops_by_their_scopes_and_types(tmp_path):
    written = trace(tf.function(lambda x: (bh.hessian(density, x), step(x))), tmp_path)
    assert b"blockhess/BlockhessTerms:BlockhessTerms" in written
    assert b"gradient_tape/blockhess_1/BlockhessTermsGrad:BlockhessTermsGrad" in written


def test_the_profilers_trace_names_the_ops_of_eager_calls(tmp_path):
    x, v = tf.ones([100, 3]), e.Variable("v")
    written = trace(lambda _: bh.ops.map([v * v], {v: x}), tmp_path)
    assert b"EagerLocalExecute: BlockhessMap" in written


@pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")
def test_the_profilers_trace_names_the_ops_of_compiled_functions(tmp_path):
    written = trace(tf.function(step, jit_compile=True), tmp_path)
    assert b"gradient_tape/blockhess/BlockhessTermsGrad" in written
    # The XLA of TensorFlow 2.20 names what a custom call takes by its kind.
    names_calls_by_target = tuple(map(int, tf.__version__.split(".")[:2])) >= (2, 21)
    event = b"end: BlockhessTermsGrad" if names_calls_by_target else b"end: custom-call"
    assert event in written


def reports_with_check_numerics() -> dict[str, str]:
    """For every kind of call, what TensorFlow says of one with a NaN, after one without."""
    tf.debugging.enable_check_numerics()
    good, bad = tf.ones([2, 3]), tf.constant([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    v = e.Variable("v")

    def roots(x):  # At zero it is finite and its second derivative is not.
        return tf.reduce_sum(tf.sqrt(x), 1)

    def blocks(x):
        return bh.hessian(roots, x, route="fused")

    calls = {
        "an eager map": lambda x: bh.ops.map([e.log(v)], {v: x}),
        "eager blocks": blocks,
        "blocks in a graph": tf.function(blocks, autograph=False),
    }
    reports = {}
    for name, call in calls.items():
        call(good)
        try:
            call(bad)
            reports[name] = "nothing"
        except tf.errors.InvalidArgumentError as error:
            reports[name] = str(error)
    step(good)
    return reports


def test_enable_check_numerics_passes_numbers_and_names_the_op_that_gives_none():
    reports = in_a_process(reports_with_check_numerics)
    ops = {
        "an eager map": 'output 0 of eagerly-executing op "BlockhessMap"',
        "eager blocks": 'output 2 of graph op "BlockhessTerms"',
        "blocks in a graph": 'output 2 of graph op "BlockhessTerms"',
    }
    assert set(reports) == set(ops)
    for name, op in ops.items():
        assert f"Detected Infinity or NaN in {op}" in reports[name], name


# For x of shape (5, 3).
FLOPS = {
    # sin and mul in every cell.
    "BlockhessMap": (lambda x, v: bh.ops.map([e.sin(v) * v], {v: x}), 5 * 3 * 2),
    # square and mul in every cell, exp in every row, a product and a sum in every entry.
    "BlockhessTerms": (
        lambda x, v: bh.hessian(lambda x: tf.exp(tf.reduce_sum(x * x, 1)), x),
        5 * (3 * 2 + 1 + 2 * 9),
    ),
    # The cotangent of x takes S x, M u, <M, S>, S u_bar, and what S itself would take, where nobody
    # asks for it; the link is the identity.
    "BlockhessTermsGrad": (
        lambda x, v: tf.gradients(
            bh.ops.terms(x, [bh.ops.Term(None, (), tf.eye(3), None, v, ())]).hessian, x
        ),
        5 * 18 * 6,
    ),
}


@pytest.mark.parametrize("op", FLOPS)
def test_the_profiler_of_graphs_counts_floating_point_operations(op):
    build, expected = FLOPS[op]
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    with tf.Graph().as_default() as graph:
        build(tf.compat.v1.placeholder(tf.float32, [5, 3]), e.Variable("s"))
        quiet = options(options.float_operation()).with_empty_output().build()
        root = tf.compat.v1.profiler.profile(graph, options=quiet)
    counted = [n.float_ops for n in root.children if n.name.endswith(op)]
    assert counted == [expected]
