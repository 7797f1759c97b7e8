"""BlockhessNewton and BlockhessNewtonSolve: Newton directions, row by row."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from gill_murray_wright import directions, factors
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blockhess import _core, build_info, ops
from blockhess import expressions as e
from blockhess.expressions import Variable
from blockhess.ops import Term
from term_cases import CASES

X, S = Variable("x"), Variable("s")
ISAS = _core.build_facts()["isas"]
DTYPES = ["float64", "float32"]
# Packs have 2 to 16 lanes; from 65 columns on they lie along the rows of a block.
ROWS = [0, 1, 2, 7, 16, 33]
COLUMNS = [1, 2, 3, 8, 17, 64, 65, 130]

needs_xla = pytest.mark.skipif(not build_info()["xla"], reason="this build has no XLA kernels")
compiled_or_not = pytest.mark.parametrize("jit", [False, pytest.param(True, marks=needs_xla)])


def positive_definite(rng, N, K):
    B = rng.normal(size=(N, K, 2 * K))
    return B @ np.swapaxes(B, 1, 2) / K


def symmetric(rng, N, K):
    B = rng.normal(size=(N, K, K))
    return B + np.swapaxes(B, 1, 2)


def solved(H, g, damping=0.0):
    K = g.shape[1]
    return -np.linalg.solve(H + np.reshape(damping, (-1, 1, 1)) * np.eye(K), g[..., None])[..., 0]


def assert_close(p, expected, tolerance):
    scale = np.abs(expected).max(initial=1e-300)
    np.testing.assert_allclose(p, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("K", COLUMNS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_definite_blocks_have_the_directions_of_numpy(dtype, K, rng, subtests):
    for N in ROWS:
        with subtests.test(N=N):
            assert_directions_of_numpy(dtype, N, K, rng)


def assert_directions_of_numpy(dtype, N, K, rng):
    H = positive_definite(rng, N, K).astype(dtype)
    g = rng.normal(size=(N, K)).astype(dtype)
    for damping in (np.array(0.5, dtype), rng.uniform(0, 1, N).astype(dtype)):
        expected = solved(*(np.float64(a) for a in (H, g, damping)))
        for on_indefinite in ("modify", "nan", "error"):
            p = ops.newton_solve(g, H, damping, on_indefinite=on_indefinite)
            assert p.shape == (N, K)
            assert_close(p, expected, 1e-12 if dtype == "float64" else 2e-4)


@pytest.mark.parametrize("K", COLUMNS)
def test_indefinite_blocks_are_modified_as_the_book_says(K, rng):
    H, g = symmetric(rng, 33, K), rng.normal(size=(33, K))
    assert np.mean(np.linalg.eigvalsh(H).min(1) < 0) > 0.4
    assert_close(ops.newton_solve(g, H), directions(H, g), 1e-9)


def test_blocks_of_special_form_are_modified_as_the_book_says():
    blocks = {
        "saddle": [[0, 1], [1, 0]],
        "singular": [[1, 1], [1, 1]],
        "negative": [[-2, 0], [0, -3]],
        "a zero pivot": [[0, 0], [0, 1]],
        "large beside the diagonal": [[1, 100], [100, 1]],
        "zero": [[0, 0], [0, 0]],
    }
    H, g = np.array(list(blocks.values()), float), np.ones((len(blocks), 2))
    np.testing.assert_allclose(ops.newton_solve(g, H), directions(H, g), rtol=1e-12)


@pytest.mark.parametrize("K", [1, 3, 8, 65])
def test_a_definite_block_is_not_modified(K, rng):
    """To the bit: what is modified is what the other modes call indefinite."""
    H, g = positive_definite(rng, 20, K), rng.normal(size=(20, K))
    modified, unmodified = (ops.newton_solve(g, H, on_indefinite=m) for m in ("modify", "nan"))
    np.testing.assert_array_equal(modified, unmodified)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.integers(1, 6), st.data())
def test_every_modified_direction_descends(K, data):
    numbers = st.floats(-4, 4).map(lambda value: round(value, 2))
    B = data.draw(arrays(np.float64, (K, K), elements=numbers))
    g = data.draw(arrays(np.float64, (K,), elements=numbers))
    p = ops.newton_solve(g[None], (B + B.T)[None])[0].numpy()
    assert np.isfinite(p).all()
    assert p @ g < 0 if g.any() else not p.any()


@pytest.mark.parametrize("K", [1, 2, 8, 65])
def test_what_is_modified_is_a_diagonal_that_is_not_negative(K, rng):
    for A in symmetric(rng, 10, K):
        L, d = factors(A, 2.0**-52)
        E = L @ np.diag(d) @ L.T - A
        np.testing.assert_allclose(E, np.diag(np.diag(E)), atol=1e-10 * np.abs(E).max())
        assert np.diag(E).min() >= -1e-12 * np.abs(A).max()


@pytest.mark.parametrize("K", [2, 3, 8])
def test_modified_directions_are_about_as_long_as_with_eigenvalues_made_positive(K, rng):
    """The book's beta, without its interchanges, has one in twenty 1 / eps times too long."""
    H, g = symmetric(rng, 3000, K), rng.normal(size=(3000, K))
    values, vectors = np.linalg.eigh(H)
    along = np.einsum("nkj,nk->nj", vectors, g)
    lengths = np.linalg.norm(along / np.abs(values), axis=1)
    ratios = np.linalg.norm(ops.newton_solve(g, H), axis=1) / lengths
    assert np.quantile(ratios, 0.95) < 50 and ratios.max() < 1e5


@pytest.mark.parametrize("exponent", [-90, -30, 30, 90])
@pytest.mark.parametrize("K", [2, 8, 65])
def test_a_multiple_of_f_has_the_same_direction(K, exponent, rng):
    H, g = symmetric(rng, 9, K), rng.normal(size=(9, K))
    scaled = ops.newton_solve(g * 4.0**exponent, H * 4.0**exponent)
    np.testing.assert_array_equal(ops.newton_solve(g, H), scaled)


def test_a_block_of_zeros_counts_as_the_identity():
    g = tf.constant([[1.0, -2.0], [0.0, 0.0]])
    for p in (
        ops.newton_solve(g, tf.zeros([2, 2, 2])),
        ops.newton(tf.ones([2, 2]), [Term(None, (), None, g, S, ())]).direction,
    ):
        np.testing.assert_array_equal(p, -g)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
@pytest.mark.parametrize("on_indefinite", ["modify", "nan"])
@pytest.mark.parametrize("N, K", [(37, 3), (5, 1), (3, 70)])
def test_terms_have_the_directions_of_their_blocks(case, on_indefinite, N, K, rng):
    x, damping = tf.constant(rng.normal(size=(N, K))), rng.uniform(0, 0.1, N)
    t = {name: tf.constant(value / K) for name, value in case.tensors(rng, N, K).items()}
    truth = ops.terms(x, case.terms(t), want_value=True, want_gradient=True)
    outputs = ops.newton(
        x,
        case.terms(t),
        damping,
        on_indefinite=on_indefinite,
        want_value=True,
        want_gradient=True,
    )
    np.testing.assert_array_equal(outputs.value, truth.value)
    np.testing.assert_array_equal(outputs.gradient, truth.gradient)
    H = truth.hessian + damping[:, None, None] * np.eye(K)
    expected = directions(H.numpy(), truth.gradient.numpy())
    if on_indefinite == "nan":
        # A pivot of a block that is singular up to rounding may have either sign.
        lowest = np.linalg.eigvalsh(H).min(1) / np.abs(H).max((1, 2))
        indefinite, unclear = lowest < -1e-12, np.abs(lowest) <= 1e-12
        np.testing.assert_array_equal(
            np.isnan(outputs.direction).all(1) | unclear, indefinite | unclear
        )
        kept = ~indefinite & ~unclear
        assert_close(outputs.direction[kept], expected[kept], 1e-6)
    else:
        assert_close(outputs.direction, expected, 1e-6)


def rank_one(rng, N, K, scale):
    """Terms whose blocks are D + c u u' with c of either sign, and D of either sign."""
    weights, factor = tf.constant(rng.normal(size=(N, K))), tf.constant(scale * np.ones(N))
    w, q = Variable("w"), Variable("q")
    return [
        Term(w * X * X, ((w, weights),), None, None, S, ()),
        Term(e.sin(X), (), None, None, q * e.square(S), ((q, factor),)),
    ]


@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-6, 1e6])
@pytest.mark.parametrize("N, K", [(40, 1), (40, 2), (33, 8), (20, 70), (3, 600), (2, 2100)])
def test_a_diagonal_plus_rank_one_is_modified_as_the_dense_block_is(N, K, scale, rng):
    x = tf.constant(rng.normal(size=(N, K)))
    terms = rank_one(rng, N, K, scale)
    _, gradient, hessian = ops.terms(x, terms, want_gradient=True)
    expected = ops.newton_solve(gradient, hessian)
    assert_close(ops.newton(x, terms).direction, expected.numpy(), 1e-7)


@pytest.mark.parametrize("K", [1, 3, 8, 100])
def test_in_float32_a_positive_diagonal_plus_rank_one_is_exact_to_rounding(K, rng):
    """Where D and c are positive nothing cancels: each entry is right, however large c is."""
    x = rng.normal(size=(50, K)).astype(np.float32)
    terms = [
        Term(X * X, (), None, None, S, ()),
        Term(None, (), None, tf.constant(rng.normal(size=K), tf.float32), 1e4 * e.square(S), ()),
    ]
    _, g, H = ops.terms(x, terms, want_gradient=True)
    b = np.float64(terms[1].b)
    g, c = np.float64(g), 2e4  # Sherman and Morrison's formula in float64
    expected = -(g / 2 - c * np.outer(g @ b / 2, b / 2) / (1 + c * b @ b / 2))
    assert H.shape == (50, K, K)
    # What is left is rounding of g, amplified by the large c b b'.
    scale = np.abs(g).max(1, keepdims=True)
    assert np.all(np.abs(ops.newton(x, terms).direction - expected) <= 2e-6 * scale)


LOGSUMEXP = Term(e.exp(X), (), None, None, e.log(S), ())
RIDGE = Term(X * X, (), None, None, S, ())
QUADRATIC = Term(None, (), tf.eye(2), None, S, ())


@pytest.mark.parametrize("terms", [[RIDGE], [LOGSUMEXP, RIDGE], [QUADRATIC, RIDGE]])
@pytest.mark.parametrize("on_indefinite", ["modify", "nan", "error"])
def test_what_is_not_finite_stays_in_its_row(terms, on_indefinite):
    x = np.ones((40, 2), np.float32)
    x[3, 0], x[17, 1], x[20] = np.nan, np.inf, [np.nan, np.inf]
    damping = np.zeros(40, np.float32)
    damping[25] = np.nan
    p = ops.newton(x, terms, damping, on_indefinite=on_indefinite).direction
    np.testing.assert_array_equal(np.isnan(p).all(1), np.isin(np.arange(40), [3, 17, 20, 25]))
    assert np.isfinite(p[0]).all()


@pytest.mark.parametrize("K", [2, 70])
def test_a_block_that_is_not_finite_has_no_direction(K, subtests):
    places = ["on the diagonal", "beside it", "in the gradient"]
    modes = ["modify", "nan", "error"]
    for value, place, mode in itertools.product([np.nan, np.inf, -np.inf], places, modes):
        with subtests.test(value=value, place=place, on_indefinite=mode):
            assert_row_alone_has_no_direction(K, value, place, mode)


def assert_row_alone_has_no_direction(K, value, place, on_indefinite):
    H, g = np.tile(np.eye(K), (20, 1, 1)), np.ones((20, K))
    if place == "in the gradient":
        g[11, 1] = value
    else:
        column = 1 if place == "beside it" else 0
        H[11, 0, column] = H[11, column, 0] = value
    p = ops.newton_solve(g, H, on_indefinite=on_indefinite)
    np.testing.assert_array_equal(np.isnan(p).all(1), np.arange(20) == 11)
    np.testing.assert_array_equal(p[:11], -g[:11])


@pytest.mark.parametrize("K", [2, 70])
def test_nan_marks_exactly_the_rows_that_are_not_positive_definite(K, rng):
    H, g = symmetric(rng, 50, K), rng.normal(size=(50, K))
    damping = rng.uniform(0, 4 * np.sqrt(K), 50)
    shifted = H + damping[:, None, None] * np.eye(K)
    definite = np.linalg.eigvalsh(shifted).min(1) > 0
    assert 5 < definite.sum() < 45
    p = ops.newton_solve(g, H, damping, on_indefinite="nan").numpy()
    np.testing.assert_array_equal(~np.isnan(p).any(1), definite)
    assert_close(p[definite], solved(shifted, g)[definite], 1e-8)


@compiled_or_not
@pytest.mark.parametrize("N", [1, 6, 5000])
def test_the_error_names_the_first_row_and_its_pivot(N, jit):
    H = np.tile(np.diag([1.0, 2.0, 3.0]), (N, 1, 1))
    H[N // 2 :, 2, 2] = -2.5
    message = rf"the block of row {N // 2} is not positive definite: pivot 2 .* is -1.5, damping"
    solve = tf.function(ops.newton_solve, jit_compile=jit)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        solve(np.ones((N, 3)), H, 1.0, on_indefinite="error")


def test_shapes_that_disagree_are_errors_that_name_them():
    g, H, message = np.ones((3, 2)), np.ones((3, 2, 2)), tf.errors.InvalidArgumentError
    with pytest.raises(message, match=r"hessian has shape \[3,2,3\]; expected \[3,2,2\]"):
        ops.newton_solve(g, np.ones((3, 2, 3)))
    with pytest.raises(message, match=r"damping has shape \[2\]; expected a scalar or \[3\]"):
        ops.newton_solve(g, H, np.ones(2))
    with pytest.raises(message, match=r"damping has shape \[3,1\]; expected a scalar or \[3\]"):
        ops.newton(g, [RIDGE], np.ones((3, 1)))
    with pytest.raises(message, match=r"gradient has shape \[3\]; expected two axes"):
        ops.newton_solve(np.ones(3), H)


def test_no_terms_and_an_unknown_mode_are_errors():
    with pytest.raises(ValueError, match="at least one term"):
        ops.newton(tf.ones([2, 2]), [])
    with pytest.raises(ValueError, match="on_indefinite is 'ignore'; expected 'modify', 'nan'"):
        ops.newton(tf.ones([2, 2]), [RIDGE], on_indefinite="ignore")


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16], ids=lambda d: d.name)
@compiled_or_not
def test_16_bits_are_computed_in_float32(dtype, jit, rng):
    x = tf.cast(rng.normal(size=(9, 3)), dtype)
    terms = [LOGSUMEXP, RIDGE]
    _, g, H = ops.terms(x, terms, want_gradient=True)
    newton = tf.function(lambda x: ops.newton(x, terms).direction, jit_compile=jit)
    solve = tf.function(ops.newton_solve, jit_compile=jit)
    wide = ops.newton(tf.cast(x, tf.float32), terms).direction
    np.testing.assert_array_equal(newton(x), tf.cast(wide, dtype))
    wide = ops.newton_solve(tf.cast(g, tf.float32), tf.cast(H, tf.float32))
    np.testing.assert_array_equal(solve(g, H), tf.cast(wide, dtype))


@pytest.mark.parametrize("K", [3, 8, 64, 65, 300])
@pytest.mark.parametrize("terms", ["rank one", "dense"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_alone_has_the_bits_that_it_has_among_others(dtype, terms, K, rng):
    """However rows meet in packs and tiles, and threads share them out."""
    x = tf.constant(rng.normal(size=(1000, K)), dtype)
    if terms == "dense" and K == 300:
        x = x[:40]
    sum_of_terms = [LOGSUMEXP, RIDGE]
    if terms == "dense":
        A = tf.constant(symmetric(rng, 1, K)[0] / K, dtype)
        sum_of_terms.append(Term(None, (), A, None, e.exp(0.1 * S), ()))
    together = ops.newton(x, sum_of_terms).direction
    for row in (0, 5, len(x) - 1):
        alone = ops.newton(x[row : row + 1], sum_of_terms).direction
        np.testing.assert_array_equal(alone[0], together[row])


def fused(x, A, damping):
    terms = [Term(None, (), A, None, e.exp(0.3 * S), ()), Term(e.exp(X), (), None, None, S, ())]
    return ops.newton(x, terms, damping).direction


@pytest.mark.parametrize("damping", [0.3, [0.1, 0.7]], ids=["shared", "a row"])
def test_gradients_are_those_of_the_solution(damping, rng):
    A = rng.normal(size=(3, 3))
    A = A @ A.T + np.eye(3)
    arguments = [rng.normal(size=(2, 3)) / 2, A, np.array(damping)]
    theory, numeric = tf.test.compute_gradient(fused, arguments, delta=1e-5)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_gradients_of_the_solve_op_and_of_its_gradients_are_those_of_the_solution(rng):
    B, damping = rng.normal(size=(2, 3, 3)), np.array(0.3)

    def solution(g, B, damping):
        H = tf.matmul(B, B, transpose_b=True) + tf.eye(3, dtype=B.dtype)
        return ops.newton_solve(g, H, damping)

    def slopes(*arguments):
        arguments = [tf.convert_to_tensor(argument) for argument in arguments]
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            target = tf.reduce_sum(solution(*arguments) ** 3)
        return tf.concat([tf.reshape(g, [-1]) for g in tape.gradient(target, arguments)], 0)

    for function in (solution, slopes):
        theory, numeric = tf.test.compute_gradient(
            function, [rng.normal(size=(2, 3)), B, damping], delta=1e-5
        )
        for one, other in zip(theory, numeric, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_value_and_gradient_of_the_op_have_gradients_beside_the_direction(rng):
    x = tf.constant(rng.normal(size=(4, 3)))
    terms = [Term(e.exp(X), (), None, None, e.square(S), ())]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value, gradient, _ = ops.newton(x, terms, want_value=True, want_gradient=True)
        target = tf.reduce_sum(value) + tf.reduce_sum(gradient**2)
    actual = tape.gradient(target, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value, gradient, _ = ops.terms(x, terms, want_value=True, want_gradient=True)
        target = tf.reduce_sum(value) + tf.reduce_sum(gradient**2)
    np.testing.assert_allclose(actual, tape.gradient(target, x), rtol=1e-13)


@pytest.mark.full
@pytest.mark.skipif("BLOCKHESS_ISA" in os.environ, reason="this run is of one instruction set")
@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa != build_info()["isa"]])
def test_every_other_instruction_set_passes_these_tests(isa):
    which = "book or numpy or rank_one or have_the_directions or finite or alone"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-k",
        which,
        __file__,
    ]
    result = subprocess.run(
        command,
        env={**os.environ, "BLOCKHESS_ISA": isa},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-3000:]
