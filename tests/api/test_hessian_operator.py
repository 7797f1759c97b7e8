"""The operator is that of the blocks, in the structure that the terms have, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.linalg import LinearOperatorDiagonalPlusLowRank, LinearOperatorScaledPlusRankOne

N, K = 5, 8
DIAGONAL = tf.linalg.LinearOperatorDiag
LOW_RANK = LinearOperatorDiagonalPlusLowRank
SCALED = LinearOperatorScaledPlusRankOne
FULL = tf.linalg.LinearOperatorFullMatrix
random = np.random.default_rng(3)
X = random.normal(size=(N, K))
A = np.eye(K) + 0.1 * np.ones((K, K))
W, SCALES = random.normal(size=K), random.uniform(0.5, 1.5, N)


def constant(values, x):
    return tf.constant(values, x.dtype)


def ridge(x):
    return 0.5 * tf.reduce_sum(x**2, -1)


def density(x):
    return tf.exp(-0.05 * tf.reduce_sum(x * (x @ constant(A, x)), 1))


def network(x):
    return tf.reduce_sum(tf.nn.softmax(x) ** 2, 1) + tf.reduce_sum(x**2, 1)


class Case(NamedTuple):
    f: Callable[[tf.Tensor], tf.Tensor]
    kind: type
    positive_definite: bool | None
    non_singular: bool | None


CASES = {
    "exp": Case(lambda x: tf.reduce_sum(tf.exp(x)), DIAGONAL, True, True),
    "sin": Case(lambda x: tf.reduce_sum(tf.sin(x), 1), DIAGONAL, None, None),
    "a fourth power": Case(lambda x: tf.reduce_sum(x**4, 1), DIAGONAL, None, None),
    "minus cosh": Case(lambda x: -tf.reduce_sum(tf.cosh(x), 1), DIAGONAL, None, True),
    "linear": Case(lambda x: tf.linalg.matvec(x, constant(W, x)), DIAGONAL, None, None),
    "logsumexp": Case(lambda x: tf.reduce_logsumexp(x, 1), LOW_RANK, None, None),
    "logsumexp and a ridge": Case(
        lambda x: tf.reduce_logsumexp(x, 1) + ridge(x), LOW_RANK, None, None
    ),
    "logistic regression and a ridge": Case(
        lambda x: tf.nn.softplus(tf.linalg.matvec(x, constant(W, x))) + tf.reduce_sum(x**2, 1),
        LOW_RANK,
        True,
        True,
    ),
    "rows scaled by parameters": Case(
        lambda x: constant(SCALES, x) * tf.sqrt(1.0 + tf.reduce_sum(tf.cosh(x), 1)),
        LOW_RANK,
        None,
        None,
    ),
    "a softplus of squares": Case(
        lambda x: tf.nn.softplus(tf.reduce_sum(x**2, 1) - 3.0), LOW_RANK, True, True
    ),
    "minus the exponential of squares": Case(
        lambda x: -tf.exp(0.1 * tf.reduce_sum(x**2, 1)), LOW_RANK, None, True
    ),
    "two links": Case(
        lambda x: tf.exp(0.1 * tf.reduce_sum(x**2, 1)) + tf.reduce_logsumexp(x, 1),
        LOW_RANK,
        None,
        None,
    ),
    "three links": Case(
        lambda x: (
            sum(tf.math.log(tf.reduce_sum(tf.cosh(n * x), 1)) for n in (0.5, 1.0, 1.5)) + ridge(x)
        ),
        FULL,
        None,
        None,
    ),
    "a quadratic form": Case(
        lambda x: tf.reduce_sum(x * (x @ constant(A, x)), 1), SCALED, None, None
    ),
    "a quadratic form scaled by row": Case(
        lambda x: (
            constant(SCALES, x) * tf.reduce_sum(x * (x @ constant(A, x)), 1)
            + tf.linalg.matvec(x, constant(W, x))
        ),
        SCALED,
        None,
        None,
    ),
    "a Gaussian density": Case(density, SCALED, None, None),
    "a root of a shifted form": Case(
        lambda x: tf.sqrt(1.0 + 0.1 * tf.reduce_sum((x - 0.5) @ constant(A, x) * (x - 0.5), 1)),
        SCALED,
        None,
        None,
    ),
    "a Gaussian density and a ridge": Case(lambda x: density(x) + ridge(x), FULL, None, None),
    "autodiff": Case(network, FULL, None, None),
}
every_case = pytest.mark.parametrize("name", CASES)


@cache
def blocks(name: str) -> np.ndarray:
    """By TensorFlow, in float64."""

    @tf.function(autograph=False)
    def hessian(x):
        y = tf.reduce_sum(CASES[name].f(x))
        gradient = tf.gradients(y, x)[0]
        if tf.gradients(gradient, x)[0] is None:
            return tf.zeros((N, K, N, K), x.dtype)
        return tf.hessians(y, x)[0]

    return np.einsum("nknl->nkl", hessian(tf.constant(X)).numpy())


def check(name: str, op: tf.linalg.LinearOperator, shape=(N,), rtol=1e-9) -> None:
    H = blocks(name).reshape(*shape, K, K)
    v = np.linspace(-1.0, 1.0, K) * np.ones((*shape, 1))
    scale = np.max(np.abs(H))

    def same(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)

    same(op.to_dense(), H)
    same(op.matvec(v.astype(op.dtype.as_numpy_dtype)), np.einsum("...kl,...l->...k", H, v))
    same(op.trace(), np.einsum("...kk->...", H))
    same(op.diag_part(), np.einsum("...kk->...k", H))


@every_case
def test_eager_calls_give_the_operator_of_the_blocks_each_time(name, subtests):
    case, H = CASES[name], blocks(name)
    op = bh.hessian_operator(case.f, tf.constant(X))
    with subtests.test("the class and what is claimed follow from the terms"):
        assert type(op) is case.kind
        assert op.is_self_adjoint is True and op.shape == (N, K, K) and op.dtype == tf.float64
        assert op.is_positive_definite is case.positive_definite
        assert op.is_non_singular is case.non_singular
        eigenvalues = np.linalg.eigvalsh(H)
        assert not op.is_positive_definite or np.all(eigenvalues > 0)
        assert not op.is_non_singular or np.all(np.abs(eigenvalues) > 0)
    for call in range(5):  # from the third on a small trace is replayed
        with subtests.test(call=call):
            check(name, bh.hessian_operator(case.f, tf.constant(X)))
    with subtests.test("rows of several axes are batch axes"):
        flat = lambda x: tf.reduce_sum(case.f(tf.reshape(x, (N, K))))  # noqa: E731
        batched = bh.hessian_operator(flat, X.reshape(1, N, K))
        assert batched.shape == (1, N, K, K)
        check(name, batched, (1, N))
    if name in ("linear", "logsumexp"):
        return
    with subtests.test("solve and logdet of regular blocks"):
        b = random.normal(size=(N, K))
        expected = np.linalg.solve(H, b[..., None])[..., 0]
        np.testing.assert_allclose(op.solvevec(b), expected, rtol=1e-7)
        np.testing.assert_allclose(op.log_abs_determinant(), np.linalg.slogdet(H)[1], rtol=1e-7)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.full)])
@every_case
def test_it_leaves_a_function_with_unknown_N(name, jit):
    @tf.function(
        autograph=False, jit_compile=jit, input_signature=[tf.TensorSpec((None, K), tf.float64)]
    )
    def operator(x):
        return bh.hessian_operator(CASES[name].f, x)

    op = operator(tf.constant(X))
    assert type(op) is CASES[name].kind
    check(name, op)
    if "scaled by" not in name:
        assert operator(tf.zeros((0, K), tf.float64)).to_dense().shape == (0, K, K)


def test_a_single_row_has_no_batch_axis():
    op = bh.hessian_operator(lambda x: tf.reduce_logsumexp(x) + ridge(x), X[0])
    assert op.shape == (K, K) and type(op) is LOW_RANK
    p = np.exp(X[0]) / np.sum(np.exp(X[0]))
    np.testing.assert_allclose(op.to_dense(), np.diag(p) - np.outer(p, p) + np.eye(K), rtol=1e-12)


@pytest.mark.parametrize("name", ["exp", "logsumexp and a ridge", "a quadratic form", "autodiff"])
def test_an_x_of_16_bits_has_an_operator_in_float32(name, subtests):
    for dtype in (tf.float16, tf.bfloat16):
        with subtests.test(dtype=dtype.name):
            op = bh.hessian_operator(CASES[name].f, tf.cast(X, dtype))
            assert op.dtype == tf.float32 and type(op) is CASES[name].kind
            check(name, op, rtol=0.05)


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "a Gaussian density",
        *(pytest.param(n, marks=pytest.mark.full) for n in ("two links", "autodiff")),
    ],
)
def test_gradients_flow_to_x_and_to_what_f_captures(name):
    b = random.normal(size=(N, K))

    def gradients(make):
        x, scale = tf.Variable(X), tf.Variable(1.3, dtype=tf.float64)
        with tf.GradientTape() as tape:
            op = make(lambda x: scale * CASES[name].f(x), x)
            y = tf.reduce_sum(b * op.solvevec(b)) + tf.reduce_sum(op.log_abs_determinant())
        return tape.gradient(y, [x, scale])

    def of_blocks(f, x):
        return FULL(bh.hessian(f, x, route="autodiff"))

    expected = gradients(of_blocks)
    for _ in range(4):
        for ours, theirs in zip(gradients(bh.hessian_operator), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9)


def test_a_block_that_the_diagonal_alone_leaves_singular_is_solved():
    x = np.array([[0.0, 1.0, -1.0, 2.0]])

    def f(x):  # phi'' vanishes at zero, and the rank one fills the hole
        return tf.exp(0.1 * tf.reduce_sum(x**4 + x, 1))

    H = bh.hessian(f, x).numpy()
    op = bh.hessian_operator(f, x)
    assert type(op) is LOW_RANK and op.diagonal.numpy()[0, 0] == 0.0
    np.testing.assert_allclose(op.solvevec(x)[0], np.linalg.solve(H[0], x[0]), rtol=1e-10)


def test_rows_that_interact_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        bh.hessian_operator(lambda x: tf.reduce_sum(x) ** 2 + tf.reduce_sum(x**4), X).to_dense()


def test_a_route_that_cannot_serve_is_an_error():
    with pytest.raises(ValueError, match="the fused route cannot serve f"):
        bh.hessian_operator(network, X, route="fused")
    assert type(bh.hessian_operator(CASES["exp"].f, X, route="autodiff")) is FULL


def test_it_is_a_value_within_keras():
    import keras

    class Whitened(keras.layers.Layer):
        def call(self, x):
            return bh.hessian_operator(CASES["logsumexp and a ridge"].f, x).solvevec(x)

    inputs = keras.Input((K,))
    model = keras.Model(inputs, Whitened()(inputs))
    x = X.astype(np.float32)
    expected = np.linalg.solve(blocks("logsumexp and a ridge"), X[..., None])[..., 0]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-3, atol=1e-5)


def test_the_determinant_of_a_singular_block_is_zero():
    x = tf.constant([[0.0, 0.0, 1.0, 2.0]], tf.float64)
    operator = bh.hessian_operator(lambda x: tf.square(tf.reduce_sum(x**4, -1)), x)
    np.testing.assert_array_equal(operator.determinant(), [0.0])
    np.testing.assert_array_equal(operator.log_abs_determinant(), [-np.inf])
