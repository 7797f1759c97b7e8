"""Determinants are differentiated at singular matrices as anywhere else."""

from __future__ import annotations

import matrix_cases as cases
import numpy as np
import pytest
import tensorflow as tf
from checks import blocks_by_differences, in_numpy

import blockhess as bh


def matrices(n: int) -> np.ndarray:
    """A regular matrix, one of rank n - 1, the unit matrix and one of rank 1, each a row of x."""
    rng = np.random.default_rng(n)
    a = rng.normal(size=(4, n, n))
    a[1, -1] = 2 * a[1, 0] if n > 1 else 0
    a[2] = np.eye(n)
    a[3] = np.outer(a[3, 0], a[3, 1 % n])
    return a.reshape(4, n * n)


def determinant(n: int):
    return lambda x: tf.linalg.det(tf.reshape(x, (-1, n, n)))


def expansion(n: int):
    return in_numpy(lambda x: np.linalg.det(x.reshape(-1, n, n)))


@pytest.mark.parametrize("n", range(1, 8))
def test_blocks_of_a_determinant_are_the_second_differences_of_its_expansion(n):
    x = matrices(n)
    # The determinant is linear in each entry: differences have no error but that of rounding.
    expected = blocks_by_differences(expansion(n), x, 0.5)
    np.testing.assert_allclose(cases.blocks(determinant(n), x), expected, atol=1e-8)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_third_derivatives_of_a_determinant_at_singular_matrices(n):
    x = matrices(n)
    weights = np.random.default_rng(1).normal(size=(n * n, n * n))
    actual, expected = cases.slopes_of_blocks(determinant(n), x, weights, 0.1)
    np.testing.assert_allclose(actual, expected, atol=1e-9)


def test_a_determinant_that_is_zero_by_rounding_only():
    x = np.arange(1.0, 10.0)[None] / 5
    f = determinant(3)
    expected = blocks_by_differences(expansion(3), x, 0.5)
    assert cases.relative(cases.blocks(f, x), expected).max() < 1e-12
    in_float32 = cases.blocks(f, x.astype(np.float32))
    assert cases.relative(in_float32, expected).max() < 1e-6


@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_none_spoils_its_own_row_only(n, number):
    x = matrices(n)
    x[1, 2] = number
    cases.assert_spoils_only(1, determinant(n), x)


@pytest.mark.parametrize("spoilt", [0.0, np.nan])
def test_a_matrix_without_a_logarithm_spoils_its_own_row_only(spoilt):
    x = matrices(3)[[0, 2, 0]]
    x[1, :3] = spoilt
    cases.assert_spoils_only(1, lambda x: tf.linalg.slogdet(tf.reshape(x, (-1, 3, 3)))[1], x)


def test_a_logarithm_of_a_determinant_in_closed_form():
    """-inv(A)_jk inv(A)_li is the second derivative by A_ij and A_kl, transposed as need be."""
    x = matrices(3)[[0, 2]]
    inverse = np.linalg.inv(x.reshape(-1, 3, 3))
    expected = -np.einsum("njk,nli->nijkl", inverse, inverse).reshape(2, 9, 9)
    actual = cases.blocks(lambda x: tf.linalg.slogdet(tf.reshape(x, (-1, 3, 3)))[1], x)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


def test_determinants_of_matrices_whose_number_or_order_is_not_known():
    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None, None), tf.float64), tf.TensorSpec((), tf.int32)],
    )
    def of_unknown(x, n):
        return bh.hessian(lambda x: tf.linalg.det(tf.reshape(x, (-1, n, n))), x, route="autodiff")

    for n in (2, 5):
        x = matrices(n)
        actual = of_unknown(tf.constant(x), n).numpy()
        np.testing.assert_allclose(actual, cases.blocks(determinant(n), x), atol=1e-12)
