"""A choice is pointwise through derivatives of every order: what it does not take has none."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import check

import blockhess as bh

W = tf.constant(np.random.default_rng(5).normal(size=(3, 3)) * 0.5)
PAIRS = ~np.eye(4, dtype=bool)


def coordinates(x):
    return tf.reshape(x, [-1, 4, 3])


def differences(x):
    return coordinates(x)[:, :, tf.newaxis] - coordinates(x)[:, tf.newaxis]


def squares(x):
    return tf.reduce_sum(differences(x) ** 2, -1)


def energy(d):
    return 4 * (d**-12 - d**-6)


def masked_before(x):
    d = tf.sqrt(tf.where(PAIRS, squares(x), 1.0))
    return 0.5 * tf.reduce_sum(tf.where(PAIRS, energy(d), 0.0), [1, 2])


def after(d):
    return 0.5 * tf.reduce_sum(tf.where(PAIRS, energy(d), 0.0), [1, 2])


PLACES, POINTS = np.flatnonzero(PAIRS), np.argwhere(PAIRS)
FACTOR = PAIRS.astype(np.float64)


def flat(cells):
    return tf.reshape(cells, [-1, 16])


def total(d):
    return 0.5 * tf.reduce_sum(energy(d), 1)


AFTER = {
    "sqrt": lambda x: after(tf.sqrt(squares(x))),
    "norm": lambda x: after(tf.norm(differences(x), axis=-1)),
    "euclidean_norm": lambda x: after(tf.math.reduce_euclidean_norm(differences(x), -1)),
    "rsqrt": lambda x: (
        0.5 * tf.reduce_sum(tf.where(PAIRS, energy(1 / tf.math.rsqrt(squares(x))), 0.0), [1, 2])
    ),
    "the distance masked, then its power": lambda x: after(
        tf.where(PAIRS, tf.sqrt(squares(x)), 1.0)
    ),
    "gathered": lambda x: total(tf.gather(flat(tf.sqrt(squares(x))), PLACES, axis=1)),
    "gathered energies": lambda x: (
        0.5 * tf.reduce_sum(tf.gather(flat(energy(tf.sqrt(squares(x)))), PLACES, axis=1), 1)
    ),
    "gathered by points": lambda x: total(
        tf.transpose(
            tf.gather_nd(tf.transpose(tf.norm(differences(x), axis=-1), [1, 2, 0]), POINTS)
        )
    ),
    "a boolean mask": lambda x: total(tf.boolean_mask(tf.sqrt(squares(x)), PAIRS, axis=1)),
    "slices": lambda x: (
        2 * total(tf.concat([tf.sqrt(squares(x))[:, i, i + 1 :] for i in range(3)], 1))
    ),
    "another diagonal": lambda x: (
        0.5
        * tf.reduce_sum(
            FACTOR * energy(tf.linalg.set_diag(tf.sqrt(squares(x)), tf.ones_like(x[:, :4]))), [1, 2]
        )
    ),
    "a factor": lambda x: (
        0.5 * tf.reduce_sum(FACTOR * energy(tf.sqrt(squares(x)) + tf.eye(4, dtype=x.dtype)), [1, 2])
    ),
    "a factor that is computed": lambda x: (
        0.5
        * tf.reduce_sum(
            (1 - tf.eye(4, dtype=x.dtype)) * energy(tf.sqrt(squares(x)) + np.eye(4)), [1, 2]
        )
    ),
    "a factor of several": lambda x: (
        0.5
        * tf.reduce_sum(
            tf.cast(tf.sqrt(squares(x)) < 9, x.dtype)
            * (1 - tf.eye(4, dtype=x.dtype))[tf.newaxis]
            * energy(tf.sqrt(squares(x)) + np.eye(4)),
            [1, 2],
        )
    ),
    "unstacked": lambda x: (
        0.5
        * sum(
            energy(d)
            for d, is_pair in zip(
                tf.unstack(flat(tf.sqrt(squares(x))), axis=1), PAIRS.flat, strict=True
            )
            if is_pair
        )
    ),
    "a factor and no number": lambda x: (
        0.5 * tf.reduce_sum(tf.math.multiply_no_nan(energy(tf.sqrt(squares(x))), FACTOR), [1, 2])
    ),
    "quotients without numbers": lambda x: (
        lambda r: 0.5 * tf.reduce_sum(4 * (r**12 - r**6), [1, 2])
    )(tf.math.divide_no_nan(tf.ones([], x.dtype), tf.sqrt(squares(x)))),
}


QUICK = ("sqrt", "gathered", "a factor", "quotients without numbers")


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(f, id=name, marks=() if name in QUICK else pytest.mark.full)
        for name, f in AFTER.items()
    ],
)
def test_an_energy_of_pairs_without_those_of_a_point_and_itself(f):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 12)) * 0.2 + np.array([0, 0, 0, 1.2, 0, 0, 0, 1.3, 0, 0, 0, 1.4])
    x, weights = tf.constant(x), tf.constant(rng.normal(size=(12, 12)))
    blocks, slopes = [], []
    for function in (masked_before, f):
        with tf.GradientTape() as tape:
            tape.watch(x)
            blocks.append(bh.hessian(function, x, route="autodiff"))
            total = tf.reduce_sum(blocks[-1] * weights)
        slopes.append(tape.gradient(total, x))
    for actual, expected in (blocks[::-1], slopes[::-1]):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13 * scale)


def mixed(y):
    return tf.reduce_sum(tf.sin(y @ W + 0.2), 1)


def normalised(x):
    norm = tf.norm(tf.nn.relu(x), axis=1, keepdims=True)
    return tf.where(norm > 0, tf.nn.relu(x) / norm, x)


X = [[0.3, -0.5, 0.8], [-0.3, -0.5, -0.2], [0.9, 0.6, -0.7]]
CASES = {
    "sqrt": (
        lambda x: mixed(tf.where(x > 0, tf.sqrt(x), x)),
        lambda x: mixed(tf.where(x > 0, tf.sqrt(tf.abs(x)), x)),
    ),
    "log of zero": (
        lambda x: mixed(tf.where(x > 0, x * tf.math.log(tf.nn.relu(x)), x)),
        lambda x: mixed(tf.where(x > 0, x * tf.math.log(tf.abs(x)), x)),
    ),
    "exp that overflows": (
        lambda x: mixed(tf.where(x > 0, x, tf.exp(1e4 * x + 1e3 * x * x) - tf.exp(x))),
        lambda x: mixed(tf.where(x > 0, x, -tf.exp(tf.minimum(x, 0.0)))),
    ),
    "a floor under a root": (
        lambda x: mixed(tf.maximum(tf.sqrt(tf.nn.relu(x)), 0.1)),
        lambda x: mixed(tf.where(x > 0, tf.sqrt(tf.abs(x)), 0.1 + 0 * x)),
    ),
    "relu of a root": (
        lambda x: mixed(tf.nn.relu(tf.sqrt(tf.nn.relu(x)) - 0.2)),
        lambda x: mixed(tf.where(x > 0, tf.sqrt(tf.abs(x)) - 0.2, 0 * x)),
    ),
    "a sum of roots": (
        lambda x: tf.sin(
            tf.where(x[:, 0] > 0, tf.reduce_sum(tf.sqrt(tf.nn.relu(x)[:, :1]), 1), x[:, 1])
        ),
        lambda x: tf.sin(tf.where(x[:, 0] > 0, tf.sqrt(tf.abs(x[:, 0])), x[:, 1])),
    ),
    "a row of zeros normalised": (
        lambda x: mixed(normalised(x)),
        lambda x: mixed(
            tf.where(
                tf.reduce_any(x > 0, 1, keepdims=True),
                tf.nn.relu(x)
                / tf.sqrt(tf.reduce_sum(tf.nn.relu(x) ** 2, 1, keepdims=True) + 1e-300),
                x,
            )
        ),
    ),
    "two choices": (
        lambda x: (lambda r: mixed(tf.where(x > 0, r, x) + tf.where(x > 0.5, r * r * r, -x)))(
            tf.sqrt(tf.nn.relu(x))
        ),
        lambda x: (lambda r: mixed(tf.where(x > 0, r, x) + tf.where(x > 0.5, r * r * r, -x)))(
            tf.sqrt(tf.abs(x))
        ),
    ),
}


@pytest.mark.parametrize("f, truth", CASES.values(), ids=CASES.keys())
def test_choices_that_do_not_take_what_is_singular(f, truth):
    check(f, X, truth=truth, h=0.01, tolerance=3e-6)


def test_the_same_with_an_unknown_number_of_rows_under_xla():
    f, _ = CASES["two choices"]

    @tf.function(
        input_signature=[tf.TensorSpec([None, 3], tf.float64)], jit_compile=True, autograph=False
    )
    def blocks(x):
        return bh.hessian(f, x, route="autodiff", coupling="assume_independent")

    x = tf.constant(X, tf.float64)
    np.testing.assert_allclose(blocks(x), bh.hessian(f, x, route="autodiff"), atol=1e-13)


def reversed_choice(choice, function):
    return lambda x: mixed(choice(function(x)[:, ::-1]))


REGULAR = {
    "reversed, then relu": (
        reversed_choice(tf.nn.relu, tf.math.log),
        lambda x: mixed(tf.nn.relu(tf.math.log(tf.reverse(x, [1])))),
    ),
    "reversed, then chosen": (
        reversed_choice(lambda y: tf.where([True, False, False], y, 0.0), tf.sqrt),
        lambda x: mixed(tf.stack([tf.sqrt(x[:, 2]), 0 * x[:, 2], 0 * x[:, 2]], 1)),
    ),
    "a factor, reversed": (
        reversed_choice(lambda y: np.array([1.0, 1.0, 0.0]) * y, tf.sqrt),
        lambda x: mixed(tf.stack([tf.sqrt(x[:, 2]), tf.sqrt(x[:, 1]), 0 * x[:, 0]], 1)),
    ),
    "split": (
        lambda x: tf.sin(tf.split(tf.sqrt(x), 3, 1)[1][:, 0]),
        lambda x: tf.sin(tf.sqrt(x[:, 1])),
    ),
}


@pytest.mark.parametrize("f, truth", REGULAR.values(), ids=REGULAR.keys())
def test_cells_in_another_order(f, truth):
    check(f, [[0.3, 2.0, 0.5], [1.5, 0.7, 1.2]], truth=truth, h=0.02)


def test_slices_of_an_unknown_length():
    def f(x):
        lengths = tf.sqrt(tf.reduce_sum(tf.reshape(x, [tf.shape(x)[0], -1, 3]) ** 2, 2))
        return tf.reduce_sum(tf.nn.relu(3 - lengths[:, 1:]) ** 2, 1)

    @tf.function(input_signature=[tf.TensorSpec([None, 9], tf.float64)], autograph=False)
    def blocks(x):
        return bh.hessian(f, x, route="autodiff")

    x = tf.constant(np.random.default_rng(2).normal(size=(2, 9)))
    np.testing.assert_allclose(blocks(x), bh.hessian(f, x, route="autodiff"), atol=1e-12)


@pytest.mark.parametrize("weight", [tf.constant, tf.Variable], ids=["constant", "variable"])
def test_a_weight_of_zero_has_derivatives(weight):
    w = weight(np.array([0.0, 1.0]))
    x = tf.constant([[1.0, 2.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(w)
        trace = tf.reduce_sum(bh.laplacian(lambda x: tf.reduce_sum(w * tf.exp(x * x), 1), x))
    expected = (2 + 4 * x[0] ** 2) * tf.exp(x[0] ** 2)
    np.testing.assert_allclose(tape.gradient(trace, w), expected, rtol=1e-12)


SINGULAR = {
    "no choice": lambda x: mixed(tf.sqrt(x)),
    "taken": lambda x: mixed(tf.where(x >= 0, tf.sqrt(x), x)),
    "taken elsewhere": lambda x: (lambda r: mixed(tf.where(x > 0, r, x)) + r[:, 0])(tf.sqrt(x)),
    "relu at its corner": lambda x: mixed(tf.nn.relu(tf.sqrt(x))),
    "an index": lambda x: mixed(tf.concat([tf.sqrt(x)[:, :2], x[:, 2:]], 1)),
    "a factor that depends on x": lambda x: tf.reduce_sum(x * tf.sqrt(x)[:, ::-1], 1) * x[:, 0],
    "an infinity times zero": lambda x: mixed(tf.constant([0.0, 1, 1], x.dtype) / x),
    "a factor by equality": lambda x: mixed(tf.cast(tf.not_equal(x, 0), x.dtype) * tf.sqrt(x)),
    "is it a number": lambda x: mixed(
        (lambda y: tf.where(tf.math.is_nan(y), 1 + 0 * x, y))(tf.sin(x) / x)
    ),
    "an equality by row": lambda x: mixed(
        tf.where(tf.equal(x[:, 0], 0)[:, tf.newaxis], 1 + 0 * x, tf.sin(x) / x)
    ),
    "an equality": lambda x: mixed(tf.where(tf.equal(x, 0), 1 + 0 * x, tf.sin(x) / x)),
}


@pytest.mark.parametrize("f", SINGULAR.values(), ids=SINGULAR.keys())
def test_what_is_singular_is_not_hidden(f):
    x = tf.constant([[0.0, 0.5, 0.4]], tf.float64)
    assert not np.isfinite(bh.hessian(f, x, route="autodiff")).all()


def test_the_result_itself_is_not_only_what_is_chosen_of_it():
    @tf.function(autograph=False)
    def blocks(x):
        def f(x):
            y = tf.sqrt(x[:, 0])
            tf.where(x[:, 0] > 1, y, 0.0)  # Nobody needs it.
            return y

        return bh.hessian(f, x, route="autodiff")

    np.testing.assert_allclose(blocks(tf.constant([[0.25]])), [[[-2.0]]])
