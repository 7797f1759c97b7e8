"""Multiples of one matrix plus rank one, against numpy.linalg in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess.linalg import LinearOperatorScaledPlusRankOne

N, K = 6, 7


def parts(rng, batch=(N,), dtype="float64"):
    S = rng.normal(size=(K, K))
    a, u, c = rng.normal(size=batch), rng.normal(size=(*batch, K)), rng.normal(size=batch)
    return [np.asarray(t, dtype) for t in (S + S.T, a, u, c)]


def singular(rng):
    """S of rank K - 1, to which the rank one adds what it lacks."""
    S, a, u, c = parts(rng)
    values, vectors = np.linalg.eigh(S)
    values[np.argmin(np.abs(values))] = 0.0
    return [vectors * values @ vectors.T, a, u, c]


def dense(S, a, u, c):
    S, a, u, c = (np.asarray(t, np.float64) for t in (S, a, u, c))
    return a[..., None, None] * S + c[..., None, None] * u[..., :, None] * u[..., None, :]


def operator(S, a, u, c):
    return LinearOperatorScaledPlusRankOne(*(tf.constant(t) for t in (S, a, u, c)))


def test_all_methods_are_those_of_the_dense_matrix(rng, subtests):
    for batch in [(), (N,), (2, 3), (0,)]:
        for dtype in ("float32", "float64"):
            with subtests.test(batch=batch, dtype=dtype):
                check_methods(rng, batch, dtype)


def check_methods(rng, batch, dtype):
    S, a, u, c = parts(rng, batch, dtype)
    A, op = dense(S, a, u, c), operator(S, a, u, c)
    tolerance = {"float32": 1e-3, "float64": 1e-11}[dtype]

    def same(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)

    v = rng.normal(size=(*batch, K)).astype(dtype)
    B = rng.normal(size=(*batch, K, 2)).astype(dtype)
    assert op.shape == A.shape and tuple(op.shape_tensor().numpy()) == A.shape
    assert op.is_self_adjoint and op.is_positive_definite is None
    same(op.to_dense(), A)
    same(op.matvec(v), np.einsum("...kl,...l->...k", A, v))
    same(op.matmul(np.swapaxes(B, -1, -2), adjoint_arg=True), A @ B)
    same(op.diag_part(), np.einsum("...kk->...k", A))
    same(op.trace(), np.einsum("...kk->...", A))
    same(op.solve(B), np.linalg.solve(A, B.astype(np.float64)))
    same(op.solvevec(v), np.linalg.solve(A, v[..., None].astype(np.float64))[..., 0])
    same(op.log_abs_determinant(), np.linalg.slogdet(A)[1])


@pytest.mark.parametrize("make", [parts, singular])
def test_a_right_hand_side_is_broadcast(rng, make, subtests):
    S, a, u, c = make(rng)
    for shape in [(K, 2), (3, 1, K, 2), (1, K, 1)]:
        with subtests.test(shape=shape):
            rhs = rng.normal(size=shape)
            expected = np.linalg.solve(dense(S, a, u, c), rhs)
            np.testing.assert_allclose(operator(S, a, u, c).solve(rhs), expected, rtol=1e-8)


def test_a_singular_matrix_plus_what_it_lacks_is_solved(rng):
    S, a, u, c = singular(rng)
    A, b = dense(S, a, u, c), rng.normal(size=(N, K))
    op = operator(S, a, u, c)
    np.testing.assert_allclose(op.solvevec(b), np.linalg.solve(A, b[..., None])[..., 0], rtol=1e-8)
    np.testing.assert_allclose(op.log_abs_determinant(), np.linalg.slogdet(A)[1], rtol=1e-8)


@pytest.mark.parametrize("make", [parts, singular])
def test_gradients_of_every_order_are_those_of_the_dense_matrix(rng, make):
    values = make(rng)
    b, w = rng.normal(size=(N, K)), rng.normal(size=(N, K))

    def gradients(make):
        variables = [tf.Variable(t) for t in values]
        with tf.GradientTape() as second:
            with tf.GradientTape() as first:
                S, *rest = variables
                op = make(0.5 * (S + tf.transpose(S)), *rest)
                y = tf.reduce_sum(w * op.solvevec(b))
            slopes = first.gradient(y, variables)
            z = tf.add_n([tf.reduce_sum(tf.sin(slope)) for slope in slopes])
        return slopes + second.gradient(z, variables)

    def full(S, a, u, c):
        update = tf.einsum("n,nk,nl->nkl", c, u, u)
        return tf.linalg.LinearOperatorFullMatrix(a[:, None, None] * S + update)

    ours, theirs = gradients(LinearOperatorScaledPlusRankOne), gradients(full)
    for actual, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(
            actual, expected, atol=1e-8 * np.max(np.abs(expected)), rtol=1e-6
        )


def test_the_gradient_of_the_determinant_is_that_of_the_dense_matrix_also_for_equal_eigenvalues(
    rng,
):
    for S in (np.eye(K), parts(rng)[0]):
        _, a, u, c = parts(rng)
        variables = [tf.Variable(t) for t in (S, a, u, c)]
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(LinearOperatorScaledPlusRankOne(*variables).log_abs_determinant())
        S_bar, a_bar, _, c_bar = tape.gradient(y, variables)
        inverse = np.linalg.inv(dense(S, a, u, c))
        expected = np.einsum("n,nkl->kl", a, inverse)
        symmetric = 0.5 * (S_bar + tf.transpose(S_bar))
        np.testing.assert_allclose(symmetric, expected, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(a_bar, np.einsum("nkl,lk->n", inverse, S), rtol=1e-8)
        np.testing.assert_allclose(c_bar, np.einsum("nk,nkl,nl->n", u, inverse, u), rtol=1e-8)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.full)])
def test_it_goes_in_and_out_of_functions_with_unknown_sizes(rng, jit):
    S, a, u, c = parts(rng)
    shapes = [(K, K), (None,), (None, K), (None,)]

    @tf.function(jit_compile=jit, input_signature=[tf.TensorSpec(s, tf.float64) for s in shapes])
    def made(S, a, u, c):
        op = LinearOperatorScaledPlusRankOne(S, a, u, c)
        return op, op.solvevec(u), op.log_abs_determinant()

    op, x, logarithm = made(S, a, u, c)
    A = dense(S, a, u, c)
    np.testing.assert_allclose(op.to_dense(), A, rtol=1e-12)
    np.testing.assert_allclose(x, np.linalg.solve(A, u[..., None])[..., 0], rtol=1e-9)
    np.testing.assert_allclose(logarithm, np.linalg.slogdet(A)[1], rtol=1e-9)
