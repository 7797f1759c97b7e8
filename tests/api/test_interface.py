"""The public interface: shapes, layouts, modes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

A = np.array([[2.0, 0.5, 0.1], [0.3, 1.5, 0.2], [0.0, 0.4, 1.0]])


def density(x):
    return tf.exp(-0.5 * tf.reduce_sum(x * (x @ tf.constant(A, x.dtype)), -1))


def density_blocks(x):
    """exp(-q) (u u' - S) by hand, S the symmetric part of A, u = S x."""
    S = (A + A.T) / 2
    u = x @ S
    value = np.exp(-0.5 * np.einsum("...i,ij,...j->...", x, S, x))
    return value[..., None, None] * (u[..., :, None] * u[..., None, :] - S)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_all_axes_but_the_last_are_rows(route, rng, subtests):
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3), (2, 1, 2, 3), (2, 0, 3)]:
        x = rng.normal(size=shape)

        def f(x):
            rows = tf.reshape(x, [-1, 3]) if x.shape.rank == 1 else x
            return tf.reduce_sum(density(rows))

        with subtests.test(shape=shape):
            blocks = bh.hessian(f, x, route=route)
            assert blocks.shape == (*shape, 3) and blocks.dtype == tf.float64
            np.testing.assert_allclose(blocks, density_blocks(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_layouts_hold_the_same_numbers(route, rng, subtests):
    x = rng.normal(size=(4, 3))
    dense = density_blocks(x)
    expected = {"diag": np.einsum("nkk->nk", dense), "packed": dense[(..., *np.triu_indices(3))]}
    for coupling in ("check", "exact", "assume_independent"):
        for layout, numbers in expected.items():
            with subtests.test(coupling=coupling, layout=layout):
                blocks = bh.hessian(density, x, layout=layout, route=route, coupling=coupling)
                np.testing.assert_allclose(blocks, numbers, rtol=1e-10)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_value_has_the_shape_that_f_gave_it(route, keepdims, rng):
    x = rng.normal(size=(4, 3))

    def f(x):
        return tf.reduce_sum(x**3, 1, keepdims=keepdims) + 2.0

    result = bh.value_grad_hessian(f, x, route=route)
    np.testing.assert_allclose(result.value, (x**3).sum(1, keepdims=keepdims) + 2.0)
    np.testing.assert_allclose(result.gradient, 3 * x**2)
    np.testing.assert_allclose(result.hessian, 6 * x[:, :, None] * np.eye(3))
    total = bh.value_grad_hessian(lambda x: tf.reduce_sum(f(x)) + 5.0, x, route=route)
    np.testing.assert_allclose(total.value, (x**3).sum() + 13.0)


@pytest.mark.parametrize("keepdims", [False, True])
def test_three_axes_of_x_keep_their_places_in_the_value(keepdims, rng):
    x = rng.normal(size=(2, 3, 4))
    f = lambda x: tf.reduce_sum(tf.exp(x), -1, keepdims=keepdims)  # noqa: E731
    result = bh.value_grad_hessian(f, x, route="fused")
    np.testing.assert_allclose(result.value, np.exp(x).sum(-1, keepdims=keepdims))
    assert result.gradient.shape == (2, 3, 4) and result.hessian.shape == (2, 3, 4, 4)


def test_a_parameter_of_unknown_length_may_turn_out_to_be_one(rng):
    @tf.function(
        input_signature=[tf.TensorSpec((None, 3), tf.float64), tf.TensorSpec((None,), tf.float64)]
    )
    def derivatives(x, p):
        return bh.value_grad_hessian(
            lambda x: tf.reduce_sum(p * tf.nn.log_softmax(x), 1), x, route="fused"
        )

    x = rng.normal(size=(1, 3))
    actual, expected = derivatives(x, [2.0]), derivatives(x, [2.0, 2.0, 2.0])
    softmax = np.exp(x[0]) / np.exp(x[0]).sum()
    np.testing.assert_allclose(expected.gradient[0], 2.0 - 6.0 * softmax)
    for one, three in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, three)


def test_a_constant_or_a_total_spread_over_rows_keeps_its_value(rng):
    x, p = rng.normal(size=(4, 3)), rng.normal(size=4)
    result = bh.value_grad_hessian(lambda x: tf.reduce_sum(tf.stop_gradient(x) ** 2), x)
    np.testing.assert_allclose(result.value, (x**2).sum())
    result = bh.value_grad_hessian(lambda x: tf.reduce_sum(x**2) + p, x, route="fused")
    np.testing.assert_allclose(result.value, (x**2).sum() + p)
    np.testing.assert_allclose(result.hessian, np.broadcast_to(8.0 * np.eye(3), (4, 3, 3)))


def test_one_column_is_enough(rng):
    x = rng.normal(size=(6, 1))
    for f in (lambda x: x**4, lambda x: tf.reduce_sum(x**4), lambda x: tf.squeeze(x**4, 1)):
        np.testing.assert_allclose(bh.hessian(f, x, route="fused")[:, 0], 12 * x**2)


def test_a_parameter_is_broadcast_against_one_column(rng):
    x, c = rng.normal(size=(6, 1)), rng.normal(size=5)
    blocks = bh.hessian(lambda x: tf.reduce_sum(tf.sin(x * c)), x)
    np.testing.assert_allclose(blocks[:, 0, 0], -(c**2 * np.sin(x * c)).sum(1))


@pytest.mark.parametrize("kind", ["array", "list", "variable", "float32"])
def test_x_may_be_any_floating_thing(kind):
    values = [[1.0, 2.0], [3.0, -1.0]]
    x = {
        "array": np.array(values),
        "list": values,
        "variable": tf.Variable(values),
        "float32": tf.constant(values),
    }[kind]
    blocks = bh.hessian(lambda x: tf.reduce_sum(x**3), x)
    assert blocks.dtype == (tf.float64 if kind == "array" else tf.float32)
    np.testing.assert_allclose(blocks, 6 * np.array(values)[:, :, None] * np.eye(2))


def test_only_the_argument_of_f_counts_as_x():
    @tf.function
    def blocks(x):
        captured = x * 2.0
        return bh.hessian(lambda t: tf.reduce_sum(t**2 * captured), x)

    x = np.array([[1.0, 2.0]])
    np.testing.assert_allclose(blocks(x), [[[4.0, 0.0], [0.0, 8.0]]])


def test_N_changes_from_run_to_run_in_a_TF1_graph(rng):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 3))
        f = tf.reduce_sum(x * x)
        (blocks,) = bh.hessians(f, x)
        (full,) = tf.hessians(f, x)
        assert blocks.shape.as_list() == [None, 3, 3]
        assert session.run(blocks, {x: np.empty((0, 3))}).shape == (0, 3, 3)  # tf.hessians fails.
        for n in (1, 7, 3):
            actual, expected = session.run([blocks, full], {x: rng.normal(size=(n, 3))})
            np.testing.assert_array_equal(actual, np.einsum("nknl->nkl", expected))


def test_hessians_takes_lists_and_the_keywords_of_tf_hessians():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float64, (None, 2))
        z = tf.compat.v1.placeholder(tf.float64, (None, 2))
        ys = [tf.reduce_sum(x**2 * z), tf.reduce_sum(x**3, 1)]
        both = bh.hessians(ys, [x], gate_gradients=True, aggregation_method=None, name="mine")
        assert len(both) == 1 and both[0].op.name.startswith("mine")
        feed = {x: [[1.0, 2.0]], z: [[3.0, 4.0]]}
        np.testing.assert_allclose(session.run(both[0], feed), [[[12.0, 0.0], [0.0, 20.0]]])
        of_both = bh.hessians(ys[0] + tf.reduce_sum(z**2), [x, z])
        np.testing.assert_allclose(session.run(of_both[1], feed), [[[2.0, 0.0], [0.0, 2.0]]])


@pytest.mark.parametrize("use_resource", [True, False])
def test_hessians_takes_variables(use_resource):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.get_variable(
            "x", initializer=np.array([[1.0, 2.0]]), use_resource=use_resource
        )
        (blocks,) = bh.hessians(tf.reduce_sum(x**3) + tf.reduce_sum(x**2), x)
        session.run(tf.compat.v1.global_variables_initializer())
        np.testing.assert_allclose(session.run(blocks), [[[8.0, 0.0], [0.0, 14.0]]])


def test_hessians_is_refused_in_eager_mode_as_tf_hessians_is():
    with pytest.raises(RuntimeError, match="blockhess.hessian"):
        bh.hessians(tf.constant(1.0), tf.constant([[1.0]]))


def test_a_constant_function_has_zero_blocks_and_a_disconnected_one_is_an_error():
    x = tf.ones((2, 3))
    blocks = bh.hessian(lambda x: tf.reduce_sum(tf.stop_gradient(x) ** 2), x)
    np.testing.assert_array_equal(blocks, np.zeros((2, 3, 3)))
    blocks = bh.hessian(lambda x: tf.reduce_sum(tf.floor(x)), x, route="autodiff")
    np.testing.assert_array_equal(blocks, np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="f's result.*not connected to x"):
        bh.hessian(lambda _: tf.constant(1.0), x)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
def test_a_linear_function_has_zero_blocks(route):
    x = tf.ones((2, 3))
    result = bh.value_grad_hessian(lambda x: tf.reduce_sum(2.0 * x), x, route=route)
    np.testing.assert_array_equal(result.hessian, np.zeros((2, 3, 3)))
    np.testing.assert_array_equal(result.gradient, np.full((2, 3), 2.0))


REFUSED = {
    "an integer x": (
        lambda x: tf.reduce_sum(x), np.ones((2, 3), int), TypeError, "x has dtype int64"),
    "a complex x": (
        lambda x: tf.reduce_sum(x), np.ones((2, 3), complex), TypeError, "x has dtype complex128"),
    "text for x": (lambda x: x, "text", TypeError, "x has dtype string"),
    "a ragged list": (lambda x: x, [[1.0], [1.0, 2.0]], TypeError, "x cannot be made a tensor"),
    "a scalar x": (lambda x: x, 3.0, ValueError, r"x is a scalar, shape \(\)"),
    "a result of x's shape": (
        lambda x: x**2, np.ones((2, 3)), ValueError, r"f's result has shape \(2, 3\); expected"),
    "a result of another length": (
        lambda x: tf.ones(7, x.dtype) * tf.reduce_sum(x), np.ones((2, 3)), ValueError,
        r"f's result has shape \(7,\)"),
    "an integer result": (
        lambda x: tf.cast(tf.reduce_sum(x), tf.int32), np.ones((2, 3)), ValueError,
        "f's result has dtype int32"),
    "no result": (lambda x: None, np.ones((2, 3)), ValueError, "f's result is NoneType"),
    "two results": (lambda x: (x, x), np.ones((2, 3)), ValueError, "f's result is tuple"),
}  # fmt: skip


def test_bad_input_is_refused_by_name(subtests):
    for name, (f, x, error, message) in REFUSED.items():
        with subtests.test(name):
            with pytest.raises(error, match=message):
                bh.hessian(f, x)


def test_an_unknown_option_is_refused_with_those_that_are_known(subtests):
    for option in ("layout", "route", "coupling"):
        with subtests.test(option=option):
            with pytest.raises(ValueError, match=f"{option} is 'mine'; expected one of"):
                bh.hessian(density, np.ones((2, 3)), **{option: "mine"})


def test_a_route_that_cannot_serve_says_why():
    f = lambda x: tf.reduce_sum(tf.tanh(tf.tanh(x @ A) @ A, name="second"))  # noqa: E731
    with pytest.raises(ValueError, match="fused route cannot serve f: .*is not linear"):
        bh.hessian(f, np.ones((2, 3)), route="fused")
    with pytest.raises(ValueError, match="Erfinv.*'mine"):
        bh.hessian(
            lambda x: tf.reduce_sum(tf.math.erfinv(x, name="mine")),
            np.full((2, 3), 0.5),
            route="fused",
        )


def test_an_unknown_rank_is_refused_when_the_graph_is_built():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def blocks(x):
        return bh.hessian(lambda x: tf.reduce_sum(x**2), x)

    with pytest.raises(ValueError, match="x has an unknown rank"):
        blocks(tf.ones((2, 3)))


def test_an_unknown_K_takes_the_autodiff_route(rng):
    x = rng.normal(size=(4, 3))

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float64)])
    def blocks(x):
        return bh.hessian(lambda x: tf.reduce_sum(tf.exp(x)), x)

    np.testing.assert_allclose(blocks(x), np.exp(x)[:, :, None] * np.eye(3))

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.float64)])
    def fused(x):
        return bh.hessian(lambda x: tf.reduce_sum(tf.exp(x)), x, route="fused")

    with pytest.raises(ValueError, match="the last axis of x is not known"):
        fused(x)


def test_shapes_that_disagree_at_run_time_are_named():
    @tf.function(
        input_signature=[tf.TensorSpec((None, 3), tf.float32), tf.TensorSpec((None, 3), tf.float32)]
    )
    def blocks(x, weights):
        return bh.hessian(lambda x: tf.reduce_sum(weights * x**2), x, route="fused")

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[2,3\]") as caught:
        blocks(tf.ones((4, 3)), tf.ones((2, 3)))
    assert "[4,3]" in str(caught.value)


@pytest.mark.parametrize("route", ["fused", "autodiff"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_row_spoils_no_other(route, bad, rng):
    x = rng.normal(size=(5, 3))
    x[2, 1] = bad
    blocks = bh.hessian(density, x, route=route).numpy()
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(blocks[others], density_blocks(x[others]), rtol=1e-10)
    assert not np.isfinite(blocks[2]).all()


def test_sizes_past_all_memory_are_an_error_and_the_process_lives():
    @tf.function(input_signature=[tf.TensorSpec((None, 1 << 20), tf.float64)])
    def blocks(x):
        return bh.hessian(lambda x: tf.reduce_sum(x**2), x, route="fused")

    with pytest.raises(tf.errors.ResourceExhaustedError):
        blocks(tf.zeros((16, 1 << 20), tf.float64))
    assert bh.hessian(density, np.zeros((1, 3))).shape == (1, 3, 3)


def test_a_weight_that_may_be_zero_is_never_divided_by(rng, subtests):
    x, w, scale = rng.normal(size=(4, 3)), rng.normal(size=3), tf.Variable(0.0, dtype=tf.float64)
    rows = np.zeros(4)

    def penalised(x):
        return scale * tf.reduce_sum(x * (x @ A), 1) + tf.reduce_sum(tf.sin(x), 1)

    def by_row(x):
        return rows * tf.reduce_sum(x * (x @ A), 1) + tf.reduce_sum(tf.sin(x), 1)

    def linked(x):
        return tf.exp(scale * tf.reduce_sum(x * (x @ A), 1) + tf.linalg.matvec(x, w))

    for f in (penalised, by_row, linked):
        for weight in (0.0, 1e-39, 2.0):
            scale.assign(weight)
            rows[:] = weight * np.array([1.0, 0.0, 2.0, -1.0])
            with subtests.test(f=f.__name__, weight=weight):
                fused, autodiff = (
                    bh.value_grad_hessian(f, x, route=route) for route in ("fused", "autodiff")
                )
                for actual, expected in zip(fused, autodiff, strict=True):
                    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_explain_names_the_route_the_terms_and_the_bytes():
    plan = bh.explain(lambda x: density(x) + tf.reduce_sum(x**3, 1), np.ones((5, 3)))
    assert plan.route == "fused" and len(plan.terms) == 2
    text = str(plan)
    assert "exp(-s)" in text and "x**3" in text and "8 * (N*9)" in text
    assert "proved" in plan.coupling


def test_explain_says_why_the_fused_route_did_not_fit_and_where():
    plan = bh.explain(lambda x: tf.reduce_sum(tf.math.erfinv(x, name="mine")), np.ones((5, 3)))
    assert plan.route == "autodiff"
    assert plan.refused[0][0] == "fused" and "mine" in plan.refused[0][1]
    assert "mine" in str(plan)


def test_build_info_tells_how_it_was_built():
    info = bh.build_info()
    assert info["tensorflow"].split(".")[:2] == tf.__version__.split(".")[:2]
    assert info["cuda"] is bool(info["cuda_archs"]) and isinstance(info["xla"], bool)
    assert info["isa"] in info["isas"] and info["version"] == bh.__version__
    assert Path(info["library"]).is_file()
    with pytest.raises(TypeError):
        info["version"] = "other"


def test_another_TensorFlow_is_refused_in_one_sentence():
    from blockhess.build import check_tensorflow

    check_tensorflow("2.21.3", "2.21.0")
    with pytest.raises(ImportError, match="is for TensorFlow 2.21, but TensorFlow 2.22.0"):
        check_tensorflow("2.22.0", "2.21.0")
