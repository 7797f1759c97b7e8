"""Cells that are padded, stitched, scattered, counted and shuffled; sparse values."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import Case, curved, in_batches

import blockhess as bh

raw = tf.raw_ops
X = np.array([[0.5, -0.3, 0.8], [-0.6, 0.0, 0.4]])


def columns(op):
    """The operation on the transposed x: its cells are rows, each of one cell an x."""
    return lambda x: tf.transpose(op(tf.transpose(x)))


def single(op):
    """The operation on the cells of each of two rows."""
    return lambda x: tf.stack([tf.reshape(op(x[n]), [-1]) for n in range(2)])


def together(*ops):
    """Curved in the operations of sin(x)."""
    return lambda x: tf.add_n([curved(op(tf.sin(x))) for op in ops])


def sparse(x):
    """Row n of x as cells (n, 0), (n, 1) and (n, 3) of (2, 5)."""
    indices = [[n, k] for n in range(2) for k in (0, 1, 3)]
    return tf.SparseTensor(tf.constant(indices, tf.int64), tf.reshape(x, [-1]), (2, 5))


def shifted(x):
    indices = [[n, k] for n in range(2) for k in (1, 2, 3)]
    return tf.SparseTensor(tf.constant(indices, tf.int64), tf.reshape(x * x, [-1]), (2, 5))


def square(r):
    return tf.reshape(tf.stack([r[0], r[1], r[1], r[0]]), (2, 2))


PLACED = together(
    single(lambda r: tf.pad(r[:2], [[1, 2]], constant_values=r[2])),
    single(lambda r: tf.linalg.diag(r[:2], k=1, padding_value=r[2])),
    single(lambda r: tf.linalg.diag(square(r), k=(0, 1), padding_value=r[2])),
    single(lambda r: tf.linalg.diag_part(square(r), k=(-1, 1), padding_value=r[2])),
    single(lambda r: tf.one_hot([1, 0, 4], 3, r[0], r[1], dtype=r.dtype)),
    single(lambda r: raw.Range(start=r[0], limit=r[0] + 2.5, delta=1.3 + 0 * r[1])[:2]),
    single(lambda r: raw.LinSpace(start=r[0], stop=r[2], num=4)),
)
SCATTERED = together(
    columns(lambda x: tf.dynamic_stitch([[0, 2], [2, 1], 0], [x[:2], x[1:], x[2]])),
    columns(lambda x: tf.tensor_scatter_nd_update(x, [[0], [2], [0]], x * x)),
    columns(lambda x: tf.tensor_scatter_nd_update(x, [[1, 0], [1, 1]], x[0] * x[2])),
    columns(lambda x: tf.random.experimental.stateless_shuffle(x, [1, 2])),
    single(lambda r: tf.math.bincount([0, 1, 0], weights=r, minlength=3, dtype=r.dtype)),
)


def of_rows(tensor):
    return tf.reshape(tensor, (2, -1))


SPARSE = together(
    lambda x: of_rows(tf.sparse.add(sparse(x), shifted(x)).values),
    lambda x: tf.ensure_shape(
        tf.sparse.to_dense(tf.sparse.concat(1, [sparse(x), shifted(x)])), (2, 10)
    ),
    lambda x: tf.ensure_shape(tf.sparse.to_dense(tf.sparse.softmax(sparse(x))), (2, 5)),
    lambda x: tf.ensure_shape(
        tf.sparse.to_dense(tf.sparse.slice(sparse(x), [0, 1], [2, 3])), (2, 3)
    ),
    columns(lambda x: tf.sparse.segment_sum(x, [0, 2, 1, 0], [0, 0, 1, 1])),
    columns(lambda x: tf.sparse.segment_mean(x, [0, 2, 1, 0], [0, 0, 1, 3])),
    columns(lambda x: tf.sparse.segment_sqrt_n(x, [0, 2, 1, 0], [0, 0, 1, 3], num_segments=5)),
)


def filled(x):
    """The third row of (3, 5) is empty and takes its value from x, so x has one row."""
    y = tf.sin(x)
    cells = tf.SparseTensor([[0, 0], [1, 1]], y[0, :2], (3, 5))
    found, _ = tf.sparse.fill_empty_rows(cells, y[0, 2])
    return curved(tf.reshape(found.values, (1, 3)))


CASES = [
    Case("placed", PLACED, X, in_batches(PLACED, 2), h=0.1),
    Case("scattered", SCATTERED, X, in_batches(SCATTERED, 2), h=0.1),
    Case("sparse", SPARSE, X, in_batches(SPARSE, 2), h=0.1),
    Case("filled", filled, X[:1], in_batches(filled, 1), h=0.1),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cells_in_new_places(case):
    case.check(third=case.name in ("placed", "filled"))


def test_a_range_of_constants_in_a_loop_is_no_obstacle():
    def f(x):
        def body(row):
            steps = raw.Range(start=0.0, limit=3.0, delta=1.0)
            is_first = tf.one_hot(0, 3, 1.0, 0.0)
            return tf.reduce_sum(tf.cast(steps + is_first, row.dtype) * row**3)

        return tf.map_fn(body, x)

    blocks = bh.hessian(f, tf.constant(X), route="autodiff")
    expected = [np.diag(6 * row * [1, 1, 2]) for row in X]
    np.testing.assert_allclose(blocks, expected, atol=1e-12)


@pytest.mark.parametrize(
    "largest",
    [
        lambda x: tf.math.segment_max(x, [0, 0, 1]),
        lambda x: tf.math.unsorted_segment_max(x, [0, 0, 1], 2),
        lambda x: tf.tensor_scatter_nd_max(x[1:], [[0]], x[:1]),
    ],
    ids=["segment_max", "unsorted_segment_max", "tensor_scatter_nd_max"],
)
def test_of_equal_cells_each_has_the_share_that_the_gradient_gives_it(largest):
    """f = sum w sin(max): with shares s of the gradient the block is -w sin(max) s s'."""
    x = tf.constant([[0.5, 0.5, 0.2], [0.1, 0.3, 0.7]], tf.float64)

    def f(t):
        return tf.reduce_sum(tf.sin(columns(largest)(t)), 1)

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        first = columns(largest)(x)[:, 0]
    shares = tape.gradient(first, x).numpy()
    blocks = bh.hessian(f, x, route="autodiff").numpy()
    expected = -np.sin(first.numpy())[:, None, None] * shares[:, :, None] * shares[:, None, :]
    expected[:, 2, 2] = -np.sin(x[:, 2])
    np.testing.assert_allclose(blocks, expected, atol=1e-12)


def test_unknown_rows():
    f = together(
        columns(lambda x: tf.dynamic_stitch([[0, 2], [2, 1]], [x[:2], x[1:]])),
        columns(lambda x: tf.tensor_scatter_nd_update(x, [[0], [2], [0]], x * x)),
        lambda x: tf.pad(x, [[0, 0], [1, 0]], constant_values=0.5),
    )
    blocks = tf.function(
        lambda x: bh.hessian(f, x, route="autodiff"),
        input_signature=[tf.TensorSpec([None, 3], tf.float64)],
    )
    expected = bh.hessian(f, tf.constant(X), route="autodiff")
    np.testing.assert_allclose(blocks(tf.constant(X)), expected, atol=1e-12)
