"""Factors, roots and least squares of matrices."""

from __future__ import annotations

from itertools import product

import matrix_cases as cases
import numpy as np
import pytest
import tensorflow as tf
from checks import blocks_by_differences, in_numpy

import blockhess as bh

WEIGHTS = np.array([[1.7, 0.4], [-0.3, 1.1]])


def matrix(x):
    return tf.reshape(x, (-1, 2, 2))


def weighted(y):
    return tf.reduce_sum(tf.sin(y) * WEIGHTS[: y.shape[-2], : y.shape[-1]], [-2, -1])


def lower(x):
    """A matrix whose upper triangle does not depend on x, positive definite by its lower one."""
    a, b, c, d = tf.unstack(x, axis=-1)
    return tf.stack([tf.stack([a * a + 2, 0 * d + 9.0], -1), tf.stack([b, c * c + 2], -1)], -2)


def closed_form(x):
    """The factor of `lower`, written out."""
    a, b, c, _ = x[..., 0], x[..., 1], x[..., 2], x[..., 3]
    first = (a * a + 2) ** 0.5
    second = (c * c + 2 - b * b / (a * a + 2)) ** 0.5
    of_first = 1.7 * np.sin(first) - 0.3 * np.sin(b / first)
    return of_first + 1.1 * np.sin(second)


def root(x):
    """The principal root of a 2 x 2 matrix A: (A + sqrt(det A)) / sqrt(trace A + 2 sqrt(det A))."""
    a = x.reshape(-1, 2, 2)
    s = np.sqrt(np.linalg.det(a))[:, None, None]
    t = np.sqrt(np.trace(a, axis1=1, axis2=2)[:, None, None] + 2 * s)
    return np.sum(np.sin((a + s * np.eye(2)) / t) * WEIGHTS, (1, 2))


def solution(x):
    a = np.concatenate([x.reshape(-1, 2, 2), np.broadcast_to([[[0.3, 0.7]]], (len(x), 1, 2))], 1)
    return np.sum(np.sin(np.linalg.pinv(a) @ np.ones((3, 1))) * WEIGHTS[:, :1], (1, 2))


def least_squares(x):
    a = tf.concat(
        [matrix(x), tf.tile([[[tf.constant(0.3, x.dtype), 0.7]]], (tf.shape(x)[0], 1, 1))], 1
    )
    return weighted(tf.linalg.lstsq(a, tf.ones((x.shape[0], 3, 1), x.dtype), fast=False))


X = np.array([[1.3, 0.2, -0.4, 0.8], [0.9, -0.5, 0.3, 1.1], [1.0, 0.0, 0.0, 1.0]])
CASES = {
    "cholesky of the lower triangle": (
        lambda x: weighted(tf.linalg.cholesky(lower(x))),
        closed_form,
    ),
    "square root": (lambda x: weighted(tf.linalg.sqrtm(matrix(x))), root),
    "least squares, orthogonal": (least_squares, solution),
}


@pytest.mark.parametrize("name", CASES)
def test_blocks_and_their_slopes_are_those_of_the_closed_form(name):
    f, truth = CASES[name]
    expected = blocks_by_differences(in_numpy(truth), X, 0.02)
    np.testing.assert_allclose(cases.blocks(f, X), expected, rtol=1e-6, atol=1e-6)
    weights = np.random.default_rng(4).normal(size=(4, 4))
    actual, slopes = cases.slopes_of_blocks(f, X, weights, 1e-2)
    np.testing.assert_allclose(actual, slopes, rtol=1e-5, atol=1e-5)


SINGULAR = {
    "cholesky": lambda x: weighted(tf.linalg.cholesky(matrix(x) @ tf.linalg.adjoint(matrix(x)))),
    "square root": lambda x: weighted(tf.linalg.sqrtm(matrix(x))),
    "triangle of QR": lambda x: weighted(tf.linalg.qr(matrix(x))[1]),
    "logarithm of the determinant": lambda x: tf.linalg.slogdet(matrix(x))[1],
    "eigenvalues of a general matrix": lambda x: tf.reduce_sum(
        tf.math.real(tf.linalg.eigvals(matrix(x)) ** 2), 1
    ),
    "least squares": lambda x: weighted(
        tf.linalg.lstsq(matrix(x), tf.ones((x.shape[0], 2, 1), x.dtype), fast=False)
    ),
}


SPOILT = {"zeros": [0.0, 0, 0, 0], "defective": [0.0, 1, 0, 0], "NaN": [np.nan, 1, 2, 3]}
# tf.linalg.eigvals itself fails at NaN.
PAIRS = [*product(SINGULAR, SPOILT)]
PAIRS.remove(("eigenvalues of a general matrix", "NaN"))


@pytest.mark.parametrize(("name", "spoilt"), PAIRS)
def test_a_matrix_without_a_derivative_spoils_its_own_row_only(name, spoilt):
    x = X[[0, 1, 0]]
    x[1] = SPOILT[spoilt]
    cases.assert_spoils_only(1, SINGULAR[name], x)


REFUSED = {
    "Lu": lambda x: weighted(tf.linalg.lu(matrix(x))[0]),
    "MatrixLogarithm": lambda x: tf.reduce_sum(
        tf.math.real(tf.linalg.logm(tf.cast(matrix(x), tf.complex128))), [1, 2]
    ),
    "eigh_tridiagonal": lambda x: tf.map_fn(
        lambda r: tf.reduce_sum(tf.linalg.eigh_tridiagonal(r[:2], r[2:3]) ** 2), x
    ),
    "QrGrad": lambda x: tf.linalg.qr(tf.reshape(x, (-1, 4, 1)), full_matrices=True)[0][:, 0, 0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_derivative_is_refused_by_name(name):
    with pytest.raises((LookupError, NotImplementedError), match=name):
        bh.hessian(REFUSED[name], tf.constant(X), route="autodiff")
