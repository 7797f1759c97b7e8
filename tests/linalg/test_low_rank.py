"""Diagonal plus low rank, against numpy.linalg in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess.linalg import LinearOperatorDiagonalPlusLowRank

N, K = 6, 9
EPS = {"float32": 2.0**-24, "float64": 2.0**-53}
every_rank = pytest.mark.parametrize("r", [1, 2, 3])


def parts(rng, r, dtype="float64", batch=(N,)):
    D = rng.normal(size=(*batch, K))
    U, C = rng.normal(size=(*batch, K, r)), rng.normal(size=(*batch, r))
    return [a.astype(dtype) for a in (D, U, C)]


def dense(D, U, C):
    """In float64, whatever the parts are in."""
    D, U, C = (np.asarray(a, np.float64) for a in (D, U, C))
    return D[..., None] * np.eye(D.shape[-1]) + np.einsum("...kr,...r,...lr->...kl", U, C, U)


def operator(D, U, C):
    return LinearOperatorDiagonalPlusLowRank(*(tf.constant(a) for a in (D, U, C)))


def solved_well(A, x, b, dtype):
    """Whether the error is that of a stable solver in the dtype: its unit times the condition."""
    exact = np.linalg.solve(A, b[..., None].astype(np.float64))[..., 0]
    error = np.linalg.norm(x - exact, axis=-1) / np.linalg.norm(exact, axis=-1)
    return np.all(error <= 200 * EPS[dtype] * np.linalg.cond(A)), error


@every_rank
def test_all_methods_are_those_of_the_dense_matrix(rng, r, subtests):
    for batch in [(), (N,), (2, 3), (0,)]:
        for dtype in EPS:
            with subtests.test(batch=batch, dtype=dtype):
                check_methods(rng, r, batch, dtype)


def check_methods(rng, r, batch, dtype):
    D, U, C = parts(rng, r, dtype, batch)
    A, op = dense(D, U, C), operator(D, U, C)
    tolerance = {"float32": 2e-4, "float64": 1e-11}[dtype]

    def same(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)

    v = rng.normal(size=(*batch, K)).astype(dtype)
    B = rng.normal(size=(*batch, K, 2)).astype(dtype)
    assert op.shape == A.shape and tuple(op.shape_tensor().numpy()) == A.shape
    assert op.is_self_adjoint and op.is_positive_definite is None
    same(op.to_dense(), A)
    same(op.matvec(v), np.einsum("...kl,...l->...k", A, v))
    same(op.matmul(B), A @ B)
    same(op.matmul(np.swapaxes(B, -1, -2), adjoint_arg=True), A @ B)
    same(op.diag_part(), np.einsum("...kk->...k", A))
    same(op.trace(), np.einsum("...kk->...", A))
    same(op.solve(B), np.linalg.solve(A, B.astype(np.float64)))
    same(op.solvevec(v), np.linalg.solve(A, v[..., None].astype(np.float64))[..., 0])
    same(op.log_abs_determinant(), np.linalg.slogdet(A)[1])
    same(op.determinant(), np.linalg.det(A))
    same(op.inverse().matvec(op.matvec(v)), v)


def test_a_right_hand_side_is_broadcast(rng):
    D, U, C = parts(rng, 1)
    b = rng.normal(size=(3, 1, K, 2))
    actual = operator(D, U, C).solve(b)
    np.testing.assert_allclose(actual, np.linalg.solve(dense(D, U, C), b), rtol=1e-10)
    b = rng.normal(size=(K, 2))
    actual = operator(D, U, C).solve(b)
    np.testing.assert_allclose(actual, np.linalg.solve(dense(D, U, C), b), rtol=1e-10)


@every_rank
def test_as_many_vanishing_entries_as_the_rank_may_stand_on_the_diagonal(rng, r, subtests):
    for small in (0.0, 1e-30, -1e-12, 1e-4):
        for dtype in EPS:
            with subtests.test(small=small, dtype=dtype):
                check_vanishing_entries(rng, r, small, dtype)


def check_vanishing_entries(rng, r, small, dtype):
    D, U, C = parts(rng, r, dtype)
    for row in range(N):
        D[row, rng.choice(K, r, replace=False)] = small
    A, b = dense(D, U, C), rng.normal(size=(N, K)).astype(dtype)
    good, error = solved_well(A, operator(D, U, C).solvevec(b), b, dtype)
    assert good, (error, np.linalg.cond(A))
    logarithm = operator(D, U, C).log_abs_determinant()
    np.testing.assert_allclose(
        logarithm, np.linalg.slogdet(A)[1], atol=500 * EPS[dtype] * np.max(np.linalg.cond(A))
    )


@every_rank
def test_solutions_are_as_good_as_the_condition_allows_over_all_scales(rng, r, subtests):
    batch = (40 * N,)
    for dtype in EPS:
        D, U, C = parts(rng, r, dtype, batch)
        D *= (10.0 ** rng.uniform(-8, 2, D.shape)).astype(dtype)
        U *= (10.0 ** rng.uniform(-4, 2, (*batch, K, 1))).astype(dtype)
        C *= (10.0 ** rng.uniform(-8, 4, C.shape)).astype(dtype)
        A, b = dense(D, U, C), rng.normal(size=(*batch, K)).astype(dtype)
        with subtests.test(dtype=dtype):
            good, error = solved_well(A, operator(D, U, C).solvevec(b), b, dtype)
            assert good, (error, np.linalg.cond(A))


def test_weights_that_vanish_leave_the_diagonal(rng):
    D, U, C = parts(rng, 2)
    C[:] = 0.0
    b = rng.normal(size=(N, K))
    np.testing.assert_allclose(operator(D, U, C).solvevec(b), b / D, rtol=1e-12)


def test_a_singular_or_spoilt_row_has_no_finite_answer_and_leaves_the_others_alone(rng):
    D, U, C = parts(rng, 1)
    b = rng.normal(size=(N, K))
    whole = operator(D, U, C)
    D[1, :2] = 0.0  # one rank cannot fill two holes
    D[2, 4] = np.nan
    U[3, 5] = np.inf
    D[4, 3], U[4, 3] = 0.0, 0.0
    op, spoilt = operator(D, U, C), [1, 2, 3, 4]
    for part, same in (
        (op.solvevec(b).numpy(), whole.solvevec(b).numpy()),
        (op.log_abs_determinant().numpy()[:, None], whole.log_abs_determinant().numpy()[:, None]),
    ):
        assert not np.any(np.all(np.isfinite(part[spoilt]), -1))
        np.testing.assert_array_equal(np.delete(part, spoilt, 0), np.delete(same, spoilt, 0))


@every_rank
def test_gradients_of_every_order_are_those_of_the_dense_matrix(rng, r):
    D, U, C = parts(rng, r)
    D[0, 3] = 0.0
    b, w = rng.normal(size=(N, K)), rng.normal(size=(N, K))

    def gradients(make):
        variables = [tf.Variable(a) for a in (D, U, C)]
        with tf.GradientTape() as second:
            with tf.GradientTape() as first:
                op = make(*variables)
                y = tf.reduce_sum(w * op.solvevec(b)) + tf.reduce_sum(op.log_abs_determinant())
            slopes = first.gradient(y, variables)
            z = tf.add_n([tf.reduce_sum(tf.sin(slope)) for slope in slopes])
        return slopes + second.gradient(z, variables)

    def full(D, U, C):
        matrix = tf.linalg.diag(D) + tf.einsum("nkr,nr,nlr->nkl", U, C, U)
        return tf.linalg.LinearOperatorFullMatrix(matrix)

    for ours, theirs in zip(
        gradients(LinearOperatorDiagonalPlusLowRank), gradients(full), strict=True
    ):
        scale = np.max(np.abs(theirs))
        np.testing.assert_allclose(ours, theirs, atol=1e-9 * scale, rtol=1e-7)


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.full)])
def test_it_goes_in_and_out_of_functions_with_unknown_sizes(rng, jit):
    D, U, C = parts(rng, 1)

    @tf.function(jit_compile=jit)
    def double(op):
        return LinearOperatorDiagonalPlusLowRank(
            2.0 * op.diagonal, op.vectors, 2.0 * op.weights, is_non_singular=True
        )

    result = double(operator(D, U, C))
    assert isinstance(result, LinearOperatorDiagonalPlusLowRank) and result.is_non_singular
    np.testing.assert_allclose(result.to_dense(), 2.0 * dense(D, U, C), rtol=1e-12)

    shapes = [(None, K), (None, K, 1), (None, 1)]

    @tf.function(jit_compile=jit, input_signature=[tf.TensorSpec(s, tf.float64) for s in shapes])
    def solved(D, U, C):
        op = LinearOperatorDiagonalPlusLowRank(D, U, C)
        return op.solvevec(D), op.log_abs_determinant()

    x, logarithm = solved(D, U, C)
    A = dense(D, U, C)
    np.testing.assert_allclose(x, np.linalg.solve(A, D[..., None])[..., 0], rtol=1e-9)
    np.testing.assert_allclose(logarithm, np.linalg.slogdet(A)[1], rtol=1e-9)


def test_rows_can_be_picked(rng):
    D, U, C = parts(rng, 1)
    np.testing.assert_allclose(operator(D, U, C)[1:3].to_dense(), dense(D, U, C)[1:3])
