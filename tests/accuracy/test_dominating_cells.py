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
LAYOUTS = ("dense", "diag", "packed", "trace")
ROWS = [
    [5.0, 0.1, -3.0, 0.5, 0.25],
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
    """The blocks of (offset + sum(|x|**p))**(1/p), each diagonal by what is not the cell."""

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


def _truths(block, x):
    """The blocks to 50 digits, in every layout."""
    with mp.workdps(50):
        dense = [block([mp.mpf(float(v)) for v in row]) for row in x]
        diagonal = [[rows[k][k] for k in range(K)] for rows in dense]
        return {
            "dense": dense,
            "packed": [[rows[j][k] for j in range(K) for k in range(j, K)] for rows in dense],
            "diag": diagonal,
            "trace": [sum(values) for values in diagonal],
        }


def _in_layouts(f, x, layouts=LAYOUTS):
    """The blocks in every layout, by the fused route, in one trace."""

    @tf.function(autograph=False)
    def blocks(x):
        return [bh.hessian(f, x, layout=layout, route="fused") for layout in layouts]

    return {layout: b.numpy() for layout, b in zip(layouts, blocks(tf.constant(x)), strict=True)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_entry_is_as_exact_where_one_cell_dominates(name, subtests):
    f, block = FUNCTIONS[name]
    for dtype in ("float32", "float64"):
        x = np.array(ROWS, dtype)
        truths = _truths(block, x)
        for layout, blocks in _in_layouts(f, x).items():
            with subtests.test(dtype=dtype, layout=layout):
                _check(blocks, truths[layout], dtype)


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


@pytest.mark.parametrize("K", [1, 2, 3, 8, 16, 17, 33, 1100])
def test_rows_of_any_width_have_the_sum_of_the_others(K, subtests):
    x = _confident(9, K, np.float32)
    blocks = _in_layouts(lambda x: tf.reduce_logsumexp(x, 1), x, LAYOUTS[:3])
    row, column = np.triu_indices(K)
    diagonals = {
        "dense": np.einsum("nkk->nk", blocks["dense"]),
        "diag": blocks["diag"],
        "packed": blocks["packed"][:, row == column],
    }
    for layout, diagonal in diagonals.items():
        with subtests.test(layout=layout):
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


def test_a_slope_of_zero_has_blocks_of_zeros(subtests):
    """t is (4 - w s) / -w, -inf where w is 0."""
    w = tf.constant([1.0, 0.0, 2.0], tf.float64)
    x = np.array([[0.3, 0.4], [0.5, 0.2], [0.1, 0.2]])
    results = _in_layouts(lambda x: tf.sqrt(4 - w * tf.reduce_sum(x * x, 1)), x)
    for layout, blocks in results.items():
        with subtests.test(layout=layout):
            assert not np.any(blocks[1])
            assert np.all(np.isfinite(blocks))


def test_a_weighted_norm_is_right_however_it_is_spelled(subtests):
    w, a, b = tf.constant([2.0, 3.0], tf.float64), 3.0, 1e-6
    x = tf.constant([[a, b]], tf.float64)
    expected = 6 * b * b / mp.mpf(2 * a * a + 3 * b * b) ** 1.5
    spelled = {"w x x": lambda w, x: w * x * x, "w x**2": lambda w, x: w * x**2}
    for name, square in spelled.items():
        block = bh.hessian(lambda x, g=square: tf.sqrt(tf.reduce_sum(g(w, x), 1)), x)[0]
        with subtests.test(name):
            assert float(block[0, 0]) == pytest.approx(float(expected), rel=1e-14, abs=0)


def test_a_norm_spelled_with_its_largest_cell_is_right_for_rows_of_any_size(subtests):
    """Against (1 - n n') / |x|, over the range that docs/accuracy.md gives."""

    def norm(x):
        a = tf.stop_gradient(tf.reduce_max(tf.abs(x), 1))
        return tf.sqrt(a) * tf.sqrt(tf.reduce_sum(x * (x / a[:, tf.newaxis]), 1))

    cells = np.random.default_rng(5).normal(size=(20, 5))
    for exponent in range(-25, 25):
        x = (cells * 10.0**exponent / np.abs(cells).max(1, keepdims=True)).astype(np.float32)
        exact = x.astype(np.float64)
        length = np.linalg.norm(exact, axis=1)
        n = exact / length[:, np.newaxis]
        result = bh.value_grad_hessian(norm, x, route="fused")
        with subtests.test(exponent=exponent):
            np.testing.assert_allclose(result.value, length, rtol=1e-6)
            np.testing.assert_allclose(result.gradient, n, atol=1e-6)
            times_length = result.hessian.numpy().astype(np.float64) * length[:, None, None]
            expected = np.eye(5) - n[:, :, None] * n[:, None, :]
            np.testing.assert_allclose(times_length, expected, atol=2e-6)
