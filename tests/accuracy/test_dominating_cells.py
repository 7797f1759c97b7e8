"""Blocks of norms and of log-sum-exp where one cell of a row outweighs the others.

There psi' phi'' and psi'' u u' cancel on the diagonal, to noise of any sign: the entry is made of
the sum of the other cells, and no less exact than the rest of the block.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

MOST_ULPS = 64.0
K = 5
DOMINATED = [5.0, 0.1, -3.0, 0.5, 0.25]
ROWS = [
    DOMINATED,
    [80.0, 1.0, 0.5, -7.0, 0.0],
    [-1.0, 3.0, 2.9, -2.0, 0.0],
    [0.5, 0.5, 0.5, 0.5, 0.5],
    [0.001, -0.002, 1.0, 0.003, 30.0],
    [-100.0, -101.0, -130.0, -125.0, -110.0],
    [1e-4, 1e-4, 0.0, 0.2, 0.0],
]


def _log_sum_exp(offset):
    """H = diag(p) - p p' of log(offset + sum(exp(x)))."""

    def block(x):
        powers = [mp.exp(v) for v in x]
        total = offset + sum(powers)
        p = [power / total for power in powers]
        return [[-a * b if j != k else a * _rest(p, k, offset / total) for k, b in enumerate(p)]
                for j, a in enumerate(p)]  # fmt: skip

    return block


def _norm(p, offset=0):
    """Of (offset + sum(|x|**p))**(1/p), each diagonal by what is not the cell."""

    def block(x):
        size = [abs(v) ** p for v in x]
        t = offset + sum(size)
        u = [mp.sign(v) * abs(v) ** (p - 1) for v in x]
        scale = (p - 1) * t ** (mp.mpf(1) / p - 2)
        return [[-scale * a * b if j != k
                 else scale * abs(x[k]) ** (p - 2) * _rest(size, k, offset)
                 for k, b in enumerate(u)] for j, a in enumerate(u)]  # fmt: skip

    return block


def _rest(values, k, offset):
    return offset + sum(v for j, v in enumerate(values) if j != k)


FUNCTIONS = {
    "reduce_logsumexp": (lambda x: tf.reduce_logsumexp(x, 1), _log_sum_exp(0)),
    "log(sum(exp))": (lambda x: tf.math.log(tf.reduce_sum(tf.exp(x), 1)), _log_sum_exp(0)),
    "softmax_cross_entropy": (
        lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.zeros(tf.shape(x)[:1], tf.int32), x
        ),
        _log_sum_exp(0),
    ),
    "norm": (lambda x: tf.norm(x, axis=1), _norm(2)),
    "reduce_euclidean_norm": (lambda x: tf.math.reduce_euclidean_norm(x, 1), _norm(2)),
    "pseudo-Huber": (lambda x: tf.sqrt(1.0 + tf.reduce_sum(x * x, 1)) - 1.0, _norm(2, 1)),
    "3-norm": (lambda x: tf.norm(x, ord=3, axis=1), _norm(3)),
    "4-norm": (lambda x: tf.reduce_sum(x**4, 1) ** 0.25, _norm(4)),
}


def full(value):
    return pytest.param(value, marks=pytest.mark.full)


def _check(blocks, truth, dtype):
    """Every entry within 64 last places of it; where it vanishes, it is as small."""
    tiny, eps = np.finfo(dtype).tiny * 2.0**10, np.finfo(dtype).eps
    for row, result in enumerate(blocks):
        for place, value in np.ndenumerate(result):
            exact = truth[row]
            for index in place:
                exact = exact[index]
            error = abs(mp.mpf(float(value)) - exact)
            assert error <= MOST_ULPS * eps * abs(exact) + tiny, (row, place, value, exact)


def _rows(dtype):
    return np.array(ROWS, dtype)


def _truths(block, x):
    with mp.workdps(50):
        return [block([mp.mpf(float(v)) for v in row]) for row in x]


@pytest.mark.parametrize("dtype", ["float32", full("float64")])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_entry_is_as_exact_where_one_cell_dominates(name, dtype):
    f, block = FUNCTIONS[name]
    x = _rows(dtype)
    truth = _truths(block, x)
    _check(bh.hessian(f, tf.constant(x), route="fused").numpy(), truth, dtype)
    upper = [[rows[j][k] for j in range(K) for k in range(j, K)] for rows in truth]
    _check(bh.hessian(f, tf.constant(x), layout="packed").numpy(), upper, dtype)
    diagonal = [[rows[k][k] for k in range(K)] for rows in truth]
    _check(bh.hessian(f, tf.constant(x), layout="diag").numpy(), diagonal, dtype)
    traces = [[sum(values)] for values in diagonal]
    trace = bh.laplacian(f, tf.constant(x)).numpy()
    _check(trace[:, None], traces, dtype)


def _confident(N, K, dtype):
    """Rows of which one cell outweighs the others, each in another column."""
    x = np.random.default_rng(5).normal(size=(N, K)).astype(dtype)
    x[np.arange(N), np.arange(N) * 7 % K] += 60.0
    return x


def _softmax_diagonal(x):
    """p_k times the sum of the others, in float64."""
    powers = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    others = (powers[:, None, :] * (1 - np.eye(x.shape[1]))).sum(-1)
    return powers * others / powers.sum(1, keepdims=True) ** 2


@pytest.mark.parametrize("K", [2, 17, *map(full, (1, 3, 8, 16, 33, 1100))])
@pytest.mark.parametrize("layout", ["dense", "diag", "packed"])
def test_rows_of_any_width_have_the_sum_of_the_others(layout, K):
    x = _confident(9, K, np.float32)
    blocks = bh.hessian(lambda x: tf.reduce_logsumexp(x, 1), tf.constant(x), layout=layout).numpy()
    row, column = np.triu_indices(K)
    diagonal = {
        "dense": lambda: np.einsum("nkk->nk", blocks),
        "diag": lambda: blocks,
        "packed": lambda: blocks[:, row == column],
    }[layout]()
    np.testing.assert_allclose(diagonal, _softmax_diagonal(x), rtol=1e-4)


def test_blocks_that_are_streamed_or_compiled_or_of_NumPy_are_the_same():
    x = _confident(40_000, 8, np.float32)
    x[0] = 0.0
    expected = _softmax_diagonal(x)

    def call(x):
        return bh.hessian(lambda x: tf.reduce_logsumexp(x, 1), x)

    compiled = tf.function(call, jit_compile=True, autograph=False)
    shifted = x - x.max(1, keepdims=True)
    for blocks in (
        call(tf.constant(x)).numpy(),
        compiled(tf.constant(x)).numpy(),
        bh.numpy.hessian(bh.numpy.Term(function="exp(x)", link="log(s)"), shifted),
    ):
        np.testing.assert_allclose(np.einsum("nkk->nk", blocks), expected, rtol=1e-4)


def test_a_second_norm_or_a_ridge_is_added_to_what_dominates():
    x = _confident(6, 4, np.float32)

    def two(x):
        return tf.reduce_sum(tf.reduce_logsumexp(x, 1) + 0.5 * tf.reduce_sum(x * x, 1))

    blocks = bh.hessian(two, tf.constant(x)).numpy()
    expected = _softmax_diagonal(x) + 1.0
    np.testing.assert_allclose(np.einsum("nkk->nk", blocks), expected, rtol=1e-6)


def test_the_row_of_zeros_has_no_norm_to_differentiate_as_in_tensorflow():
    x = tf.constant([[0.0, 0.0], [3.0, 4.0]])
    value, gradient, blocks = bh.value_grad_hessian(lambda x: tf.norm(x, axis=1), x)
    assert value.numpy().tolist() == [0.0, 5.0]
    assert np.isnan(gradient[0]).all() and np.isnan(blocks[0]).all()
    np.testing.assert_allclose(blocks[1], [[0.128, -0.096], [-0.096, 0.072]], rtol=1e-6)
    smooth = bh.hessian(lambda x: tf.sqrt(tf.reduce_sum(x * x, 1) + 1e-6), x).numpy()
    np.testing.assert_allclose(smooth[0], 1e3 * np.eye(2), rtol=1e-5)


@pytest.mark.parametrize("layout", ["dense", "diag", "packed", "trace"])
def test_a_slope_of_zero_has_blocks_of_zeros(layout):
    """t is (4 - w s) / -w, -inf where w is 0."""
    w = tf.constant([1.0, 0.0, 2.0], tf.float64)
    x = tf.constant([[0.3, 0.4], [0.5, 0.2], [0.1, 0.2]], tf.float64)
    blocks = bh.hessian(lambda x: tf.sqrt(4 - w * tf.reduce_sum(x * x, 1)), x, layout=layout)
    assert not np.any(blocks[1])
    assert np.all(np.isfinite(blocks))


@pytest.mark.parametrize("square", [lambda w, x: w * x * x, lambda w, x: w * x**2])
def test_a_weighted_norm_is_right_however_it_is_spelled(square):
    w, a, b = tf.constant([2.0, 3.0], tf.float64), 3.0, 1e-6
    x = tf.constant([[a, b]], tf.float64)
    block = bh.hessian(lambda x: tf.sqrt(tf.reduce_sum(square(w, x), 1)), x)[0]
    expected = 6 * b * b / mp.mpf(2 * a * a + 3 * b * b) ** 1.5
    assert float(block[0, 0]) == pytest.approx(float(expected), rel=1e-14, abs=0)
