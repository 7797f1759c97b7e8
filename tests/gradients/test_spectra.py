"""Functions of eigenvalues and singular values are right where values coincide, or NaN."""

from __future__ import annotations

import matrix_cases as cases
import numpy as np
import pytest
import tensorflow as tf
from checks import blocks_by_differences, in_numpy

import blockhess as bh


def symmetric(x):
    """The symmetric matrix of [xx, yy, zz, xy, yz, xz]."""
    xx, yy, zz, xy, yz, xz = tf.unstack(x, axis=-1)
    rows = [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


def eigenvalues(x):
    return tf.linalg.eigvalsh(symmetric(x))


POINTS = np.array(
    [
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0],
        [1.5, 0.8, 0.8, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.7, 0.7, 0.7, 0.2, 0.2, 0.2],
        [1.0, 1.0 + 1e-9, 1.0 - 1e-7, 1e-10, 0.0, 1e-12],
        [1.0, 1.0 + 3e-7, 1.0 - 5e-6, 1e-7, 0.0, 0.0],
        [0.9, -0.5, 0.3, 1.1, 0.2, -0.6],
    ]
)


def of_exponential(x: np.ndarray) -> np.ndarray:
    """Blocks of trace(exp(A)) by the series: those of trace(A^k) / k! by products of powers."""
    basis = np.stack([np.asarray(symmetric(tf.constant(e)), float) for e in np.eye(6)])
    result = np.zeros((len(x), 6, 6))
    for n, a in enumerate(symmetric(tf.constant(x)).numpy()):
        powers, factorial = [np.eye(3)], 1.0
        for k in range(2, 30):
            powers.append(powers[-1] @ a)
            factorial *= k
            for j in range(k - 1):
                both = np.einsum("aij,jk,bkl,li->ab", basis, powers[j], basis, powers[k - 2 - j])
                result[n] += k / factorial * both
    return result


SMOOTH = {
    "squares": (
        lambda x: tf.reduce_sum(eigenvalues(x) ** 2, 1),
        lambda x: np.broadcast_to(np.diag([2.0, 2, 2, 4, 4, 4]), (len(x), 6, 6)),
    ),
    "exponentials": (lambda x: tf.reduce_sum(tf.exp(eigenvalues(x)), 1), of_exponential),
    "by eigh, vectors unused": (
        lambda x: tf.reduce_sum(tf.exp(tf.linalg.eigh(symmetric(x))[0]), 1),
        of_exponential,
    ),
    "square of a sum": (
        lambda x: tf.reduce_sum(eigenvalues(x), 1) ** 2,
        lambda x: np.broadcast_to(
            2 * np.outer([1.0, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]), (len(x), 6, 6)
        ),
    ),
    "product": (
        lambda x: tf.reduce_prod(eigenvalues(x), 1),
        lambda x: cases.blocks(lambda x: tf.linalg.det(symmetric(x)), x),
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_of_eigenvalues_at_equal_and_at_close_ones(name):
    f, expected = SMOOTH[name]
    x = np.delete(POINTS, 2, 0) if name == "product" else POINTS  # Prod has rules elsewhere.
    np.testing.assert_allclose(cases.blocks(f, x), expected(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("order", [20, None])
def test_many_equal_eigenvalues_of_which_each_acts_on_its_own(order):
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, 2), tf.float64)])
    def ours(x):
        n = tf.constant(20) if order is None else order
        eye = tf.eye(n, dtype=x.dtype)

        def f(x):
            a = x[:, :1, None] * eye + x[:, 1:, None] * tf.ones([n, n], x.dtype) / 20
            return tf.reduce_sum(tf.sinh(tf.linalg.eigvalsh(a)), 1)

        return bh.hessian(f, x, route="autodiff")

    x = np.array([[0.5, 0.0], [0.5, 0.3]])
    # The eigenvalues are 19 times x0 and once x0 + x1.
    single, last = np.sinh(x[:, 0]), np.sinh(x[:, 0] + x[:, 1])
    expected = np.array([[19 * single + last, last], [last, last]]).transpose(2, 0, 1)
    np.testing.assert_allclose(ours(tf.constant(x)).numpy(), expected, rtol=1e-9)


def test_float32_at_equal_and_at_close_eigenvalues():
    f, expected = SMOOTH["exponentials"]
    x = POINTS.astype(np.float32)
    x[5, 1] += np.float32(1e-4)
    np.testing.assert_allclose(cases.blocks(f, x), expected(x), rtol=2e-3, atol=1e-3)


def test_third_derivatives_are_right_where_eigenvalues_differ_and_nan_where_they_do_not():
    weights = np.random.default_rng(3).normal(size=(6, 6))
    f = SMOOTH["exponentials"][0]
    actual, expected = cases.slopes_of_blocks(f, POINTS[[6, 0]], weights, 1e-2)
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-6)
    assert np.isnan(actual[1]).all()


def of_vectors(x):
    e, v = tf.linalg.eigh(symmetric(x))
    return tf.reduce_sum(tf.sin(tf.matmul(v * tf.exp(e)[:, None], v, transpose_b=True)), [1, 2])


UNKNOWN = {
    "the largest alone": lambda x: eigenvalues(x)[:, 2],
    "decomposed twice": lambda x: tf.reduce_sum(eigenvalues(x) * tf.exp(eigenvalues(x)), 1),
    "with vectors": of_vectors,
    "in a loop": lambda x: tf.map_fn(lambda r: tf.reduce_sum(eigenvalues(r[None]) ** 2), x),
    "in a function": lambda x: tf.reduce_sum(tf.function(eigenvalues)(x) ** 2, 1),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_has_no_limit_that_could_be_known_is_nan_in_its_row_only(name):
    f, x = UNKNOWN[name], POINTS[[6, 0, 6]]
    blocks = cases.blocks(f, x)
    assert not np.isfinite(blocks[1]).all()
    np.testing.assert_array_equal(blocks[0], blocks[2])
    values = tf.function(f, autograph=False)
    expected = blocks_by_differences(values, x[:1], 1e-2)
    np.testing.assert_allclose(blocks[:1], expected, rtol=1e-5, atol=1e-5)


def test_an_exponential_by_vectors_is_right_or_nan_as_eigenvalues_come_together():
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    gaps = np.array([1e-2, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-14, 0])
    a = np.stack([basis @ np.diag([0.5, 0.5 + gap, 1.7]) @ basis.T for gap in gaps])
    x = np.stack([a[:, i, j] for i, j in [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)]], 1)
    actual = cases.blocks(of_vectors, x)
    values = tf.function(of_vectors, autograph=False)
    expected = blocks_by_differences(values, x, 0.03)
    assert np.isfinite(actual).all((1, 2)).tolist() == [True] * 4 + [False] * 5
    assert cases.relative(actual[:4], expected[:4]).max() < 1e-4


def frobenius(rows: int, columns: int):
    def f(x):
        s = tf.linalg.svd(tf.reshape(x, (-1, rows, columns)), compute_uv=False)
        return tf.reduce_sum(s**2, 1) + 0.5 * tf.reduce_sum(s**4, 1)

    def same(x):
        a = tf.reshape(x, (-1, rows, columns))
        gram = tf.matmul(a, a, transpose_a=True)
        return tf.reduce_sum(a**2, [1, 2]) + 0.5 * tf.reduce_sum(gram**2, [1, 2])

    return f, same


@pytest.mark.parametrize("shape", [(2, 2), (3, 2), (2, 3), (3, 3)])
def test_even_functions_of_singular_values_that_are_equal_or_zero(shape):
    n = shape[0] * shape[1]
    x = np.random.default_rng(2).normal(size=(5, n))
    x[1] = np.eye(*shape).ravel()
    x[2] = 0
    x[3] = np.outer(np.arange(1.0, shape[0] + 1), np.ones(shape[1])).ravel()
    x[4] = (np.eye(*shape) * (1 + 1e-9 * np.arange(shape[1]))).ravel()
    f, same = frobenius(*shape)
    np.testing.assert_allclose(cases.blocks(f, x), cases.blocks(same, x), rtol=1e-7, atol=1e-7)


def test_the_nuclear_norm_at_equal_singular_values():
    """At the unit matrix its second derivative is that of the antisymmetric part."""
    x = np.array([[1.0, 0.0, 0.0, 1.0]])
    blocks = cases.blocks(
        lambda x: tf.reduce_sum(tf.linalg.svd(tf.reshape(x, (-1, 2, 2)), compute_uv=False), 1), x
    )
    turn = np.array([0.0, 1.0, -1.0, 0.0])
    np.testing.assert_allclose(blocks[0], np.outer(turn, turn) / 2, atol=1e-12)


def test_a_matrix_of_unknown_shape_has_a_largest_singular_value():
    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None, 6), tf.float64), tf.TensorSpec((2,), tf.int32)],
    )
    def of_unknown(x, shape):
        def f(x):
            a = tf.reshape(x, tf.concat([tf.shape(x)[:1], shape], 0))
            return tf.norm(a, ord=2, axis=(-2, -1))

        return bh.hessian(f, x, route="autodiff")

    x = np.random.default_rng(8).normal(size=(2, 6))
    for shape in [(2, 3), (3, 2)]:
        actual = of_unknown(tf.constant(x), tf.constant(shape)).numpy()
        expected = blocks_by_differences(
            in_numpy(lambda a, shape=shape: np.linalg.norm(a.reshape(-1, *shape), 2, (1, 2))),
            x,
            1e-2,
        )
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)


def test_eigenvalues_of_a_general_matrix_that_coincide_are_nan_in_their_row_only():
    def f(x):
        return tf.reduce_sum(tf.math.real(tf.linalg.eigvals(tf.reshape(x, (-1, 2, 2))) ** 2), 1)

    x = np.array([[1.3, 0.2, -0.4, 0.8], [1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0]])
    blocks = cases.blocks(f, x)
    assert np.isfinite(blocks).all((1, 2)).tolist() == [True, False, False]
    # The trace of the square: 2 for x00 and x11, 2 for the pair of the others.
    expected = np.array([[2.0, 0, 0, 0], [0, 0, 2, 0], [0, 2, 0, 0], [0, 0, 0, 2]])
    np.testing.assert_allclose(blocks[0], expected, atol=1e-12)


@pytest.mark.parametrize("decompose", ["values", "vectors"])
def test_a_nan_row_of_singular_values_stays_one(decompose):
    def f(x):
        s, u, v = tf.linalg.svd(tf.reshape(x, (-1, 2, 2)))
        return tf.reduce_sum(s**2, 1) if decompose == "values" else tf.reduce_sum(u * v, [1, 2])

    x = np.random.default_rng(5).normal(size=(3, 4))
    x[1, 2] = np.nan
    cases.assert_spoils_only(1, f, x)
