"""Rows that interact are found at run time, rows that do not are left in peace."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from blockhess.routes.autodiff import columns as autodiff
from blockhess.routes.autodiff import coupling
from blockhess.routes.autodiff.hessian_products import Products, pull_back

Function = Callable[[tf.Tensor], tf.Tensor]
K = 2


def squared_sum(x):
    return tf.reduce_sum(x) ** 2


def batch_normalised(x):
    """As keras.layers.BatchNormalization does in training mode."""
    mean, variance = tf.nn.moments(x, [0])
    return tf.reduce_sum(tf.nn.softplus((x - mean) * tf.math.rsqrt(variance + 1e-3)))


def batch_normalised_by_hand(x):
    """The same in words that TensorFlow differentiates rightly twice."""
    mean = tf.reduce_mean(x, 0)
    variance = tf.reduce_mean((x - mean) ** 2, 0)
    return tf.reduce_sum(tf.nn.softplus((x - mean) * tf.math.rsqrt(variance + 1e-3)))


def softmax_over_rows(x):
    return tf.reduce_sum(tf.nn.softmax(x, axis=0) ** 2)


def pairwise_distances(x):
    squares = tf.reduce_sum((x[:, tf.newaxis] - x) ** 2, -1)
    return tf.reduce_sum(tf.sqrt(squares + 0.1))


def centred(x):
    return tf.reduce_sum((x - tf.reduce_mean(x, 0)) ** 2)


INTERACTING: dict[str, Function] = {
    f.__name__: f
    for f in (squared_sum, batch_normalised, softmax_over_rows, pairwise_distances, centred)
}
centred_and_others = pytest.mark.parametrize(
    "f",
    [f if f is centred else pytest.param(f, marks=pytest.mark.full) for f in INTERACTING.values()],
    ids=INTERACTING,
)
DTYPES = [tf.float32, tf.float64]


def points(N: int, columns: int = K) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(N, columns))


@cache
def route(f: Function, dtype=tf.float64, mode="check", layout="dense", columns=K, xla=False):
    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None, columns), dtype)],
        jit_compile=xla,
    )
    def blocks(x):
        return autodiff.differentiate(f(x), x, layout=layout, coupling=mode)[1]

    return lambda x: blocks(tf.constant(x, dtype)).numpy()


@cache
def full_hessian(f: Function) -> Callable[[tf.Tensor], tf.Tensor]:
    spelled = batch_normalised_by_hand if f is batch_normalised else f
    return tf.function(
        lambda x: tf.hessians(spelled(x), x)[0],
        autograph=False,
        input_signature=[tf.TensorSpec((None, K), tf.float64)],
    )


@cache
def hessian_slices(f: Function, N: int) -> np.ndarray:
    """At `points(N)`."""
    return np.einsum("nknl->nkl", full_hessian(f)(tf.constant(points(N))).numpy())


@centred_and_others
def test_check_fails_the_run_where_rows_interact(f: Function, subtests):
    for dtype in DTYPES:
        for N in (2, 3, 10, 82, 83, 1000):
            with subtests.test(dtype=dtype.name, N=N):
                with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                    route(f, dtype)(points(N))


@pytest.mark.full
@pytest.mark.parametrize("f", [squared_sum, softmax_over_rows, centred])
def test_check_fails_the_run_in_other_layouts_and_for_many_columns(f, subtests):
    for layout, columns in (("diag", K), ("packed", K), ("dense", coupling.FEW_COLUMNS + 1)):
        blocks = route(f, tf.float32, layout=layout, columns=columns)
        for N in (2, 100):
            with subtests.test(layout=layout, columns=columns, N=N):
                with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                    blocks(points(N, columns))


@centred_and_others
def test_a_single_row_has_none_to_interact_with(f: Function):
    blocks = route(f, tf.float64)(points(1))
    np.testing.assert_allclose(blocks, hessian_slices(f, 1), rtol=1e-11, atol=1e-11)


@centred_and_others
def test_exact_blocks_are_those_of_the_true_hessian(f: Function, subtests):
    blocks = route(f, mode="exact")
    for N in (2, 9):
        with subtests.test(N=N):
            expected = hessian_slices(f, N)
            np.testing.assert_allclose(blocks(points(N)), expected, rtol=1e-11, atol=1e-11)


def test_exact_blocks_of_a_thousand_rows_have_the_closed_form(subtests):
    N = 1000
    dense = 2 * (1 - 1 / N) * np.eye(K)
    in_layouts = {"dense": dense, "diag": np.diag(dense), "packed": dense[np.triu_indices(K)]}
    for layout, expected in in_layouts.items():
        with subtests.test(layout=layout):
            blocks = route(centred, mode="exact", layout=layout)(points(N))
            np.testing.assert_allclose(blocks, np.broadcast_to(expected, blocks.shape), atol=1e-12)
            assert len(blocks) == N


@centred_and_others
def test_compiled_by_xla_the_blocks_turn_nan(f: Function):
    blocks = route(f, tf.float32, xla=True)
    assert np.isnan(blocks(points(40))).all()


@pytest.mark.full
def test_compiled_by_xla_the_diagonals_turn_nan():
    blocks = route(centred, tf.float32, layout="diag", xla=True)
    for N in (2, 100):
        assert np.isnan(blocks(points(N))).all()


def test_the_message_names_the_result_and_the_ways_out():
    def f(x):
        return tf.identity(squared_sum(x), name="my_result")

    with pytest.raises(tf.errors.InvalidArgumentError) as failure:
        route(f)(points(3))
    for part in ("my_result:0", "coupling='exact'", "coupling='assume_independent'"):
        assert part in failure.value.message.replace("\\'", "'")


def test_a_session_run_fails_where_rows_interact():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, K))
        _, blocks = autodiff.differentiate(centred(x), x, layout="dense", coupling="check")
        with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
            session.run(blocks, {x: points(5)})


def test_a_single_pair_among_independent_rows_is_found():
    i, k, j, m = (tf.Variable(0, dtype=tf.int32) for _ in range(4))

    def f(x):
        return tf.reduce_sum(tf.sin(x)) + x[i, k] * x[j, m]

    blocks = route(f, tf.float32, columns=3)
    for first in range(6):
        for second in range(first):
            for at in ((0, 0), (2, 1)):
                for variable, value in zip((i, j, k, m), (first, second, *at), strict=True):
                    variable.assign(value)
                with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                    blocks(points(6, 3))


def test_rows_at_any_distance_are_found(subtests):
    variable = tf.Variable(1)

    def f(x):
        distance = variable.read_value()
        return tf.reduce_sum(x[:-distance] * x[distance:] ** 2)

    blocks = route(f, tf.float32)
    for distance in (1, 41, 82, 164, 300):
        variable.assign(distance)
        with subtests.test(distance=distance):
            with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                blocks(points(600))


def test_interaction_among_small_rows_shows_beside_a_huge_one():
    def f(x):
        return tf.reduce_sum(x**4) + 0.1 * x[1, 0] * x[2, 1]

    x = points(4)
    x[0] = 1e12
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        route(f, tf.float32)(x)


def test_nan_and_inf_rows_neither_trip_the_check_nor_hide_others():
    pair = tf.Variable(0.0)

    def f(x):
        cubes = tf.reduce_sum(x, 1) ** 3
        return tf.reduce_sum(tf.exp(x)) + tf.reduce_sum(cubes) + pair * x[1, 0] * x[2, 0]

    x = points(5)
    x[0], x[3, 1], x[4] = np.nan, np.inf, -np.inf
    blocks = route(f, tf.float32)
    assert np.isfinite(blocks(x)).all((1, 2)).tolist() == [False, True, True, False, False]
    pair.assign(1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
        blocks(x)


def deep(activation, depth: int, gain: float) -> Function:
    def f(x):
        rng = np.random.default_rng(1)
        sizes = [x.shape[-1], *[32] * depth, 1]
        for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
            weights = tf.constant(gain * rng.normal(size=(fan_in, fan_out)) / fan_in**0.5, x.dtype)
            x = activation(x @ weights)
        return x

    return f


def cancelling(x):
    """w'x / w'x: its Hessian is nothing but what rounding leaves."""
    z = 3.0 + tf.linalg.matvec(x, tf.range(1, x.shape[-1] + 1, dtype=x.dtype)) ** 2
    return tf.reduce_sum(z * (1 / z))


NOT_INTERACTING: dict[str, Function] = {
    "a network that is nearly linear": deep(tf.tanh, 2, 1e-3),
    "a network that is saturated": deep(tf.tanh, 3, 10.0),
    "a deep network": deep(tf.nn.softplus, 10, 1.0),
    "a network of relu, all of whose second derivatives are zero": deep(tf.nn.relu, 3, 1.0),
    "blocks of rank one": lambda x: tf.math.softplus(tf.reduce_sum(x * [1.0, -1.0, 2.0, 0.5], 1)),
    "second derivatives that cancel": cancelling,
    "huge ones": lambda x: 1e25 * tf.reduce_logsumexp(x, 1),
    "tiny ones": lambda x: 1e-25 * tf.reduce_logsumexp(x, 1),
}
ROUNDED_MOST = {"blocks of rank one", "second derivatives that cancel"}


@pytest.mark.parametrize(
    "f",
    [
        pytest.param(f, marks=[] if name in ROUNDED_MOST else pytest.mark.full)
        for name, f in NOT_INTERACTING.items()
    ],
    ids=NOT_INTERACTING,
)
def test_ten_thousand_rows_that_do_not_interact_pass_in_float32(f: Function, subtests):
    x = tf.constant(points(10000, 4), tf.float32)
    v = tf.constant(np.random.default_rng(4).normal(size=x.shape), tf.float32)

    @tf.function(autograph=False)
    def blocks_and_products(x, v):
        y = f(x)
        blocks = [
            autodiff.differentiate(y, x, layout=layout, coupling="check")[1]
            for layout in ("dense", "diag")
        ]
        modes = ("check", "assume_independent")
        return blocks, [autodiff.multiply(y, x, v, coupling=mode) for mode in modes]

    (dense, diagonal), (checked, unchecked) = blocks_and_products(x, v)
    with subtests.test("blocks"):
        assert np.isfinite(dense).all()
        np.testing.assert_array_equal(np.einsum("nkk->nk", dense), diagonal)
    with subtests.test("products"):
        np.testing.assert_array_equal(checked, unchecked)
        assert np.isfinite(checked).all()


def suspects_and_culprit(f: Function, layout: str, dtype=tf.float32, N: int = 1000):
    @tf.function(autograph=False)
    def of(x):
        products = Products(pull_back(f(x), [x]), [x])
        blocks = autodiff.blocks(products, layout=layout)
        axes, probes = coupling._axes(layout), coupling._probes_of_blocks(blocks, products, layout)
        suspects = coupling._suspects_of_any(blocks, axes, products, probes)
        finite = coupling._finite(blocks, axes)
        return suspects, coupling._culprit(products, probes[0], suspects, finite)

    suspects, culprit = of(tf.constant(points(N, 4), dtype))
    return suspects.numpy(), culprit.numpy()


def test_suspects_that_only_rounding_made_are_cleared():
    suspects, culprit = suspects_and_culprit(cancelling, "dense")
    assert suspects.sum() > 10
    assert culprit == -1


@pytest.mark.parametrize(
    "name",
    [
        *("a network that is saturated", "huge ones"),
        pytest.param("a network that is nearly linear", marks=pytest.mark.full),
        pytest.param("a deep network", marks=pytest.mark.full),
        pytest.param("blocks of rank one", marks=pytest.mark.full),
        pytest.param("tiny ones", marks=pytest.mark.full),
    ],
)
def test_rounding_makes_no_suspects_of_ordinary_rows(name, subtests):
    for layout in ("dense", "diag"):
        for dtype in DTYPES:
            with subtests.test(layout=layout, dtype=dtype.name):
                suspects, _ = suspects_and_culprit(NOT_INTERACTING[name], layout, dtype, 10000)
                assert suspects.sum() == 0


def test_isolated_pairs_of_rows_at_random_distances_are_found(subtests):
    """300 pairs of 3000 rows; of factors that are powers of two alone one product misses 4."""
    first, second = tf.Variable(0), tf.Variable(0)

    def f(x):
        return tf.reduce_sum(tf.sin(x)) + x[first, 0] * x[second, 1]

    rng, x = np.random.default_rng(8), points(3000)
    pairs = [rng.choice(3000, 2, replace=False) for _ in range(300)]
    for dtype in DTYPES:
        for layout in ("dense", "diag"):
            blocks, missed = route(f, dtype, layout=layout), 0
            for pair in pairs:
                first.assign(pair[0])
                second.assign(pair[1])
                try:
                    blocks(x)
                    missed += 1
                except tf.errors.InvalidArgumentError:
                    pass
            with subtests.test(dtype=dtype.name, layout=layout):
                assert missed == 0


def factors_of_rows(N: int, dtype=tf.float32, parts=True, within=None) -> list[np.ndarray]:
    """Those of the first probe and of the second."""

    def f(x):
        return x**3 if within is None else tf.cast(tf.cast(x, within) ** 3, x.dtype)

    @tf.function(autograph=False)
    def factors(x):
        products = Products(pull_back(f(x), [x]), [x])
        return [coupling._factors(products, number, parts)[0] for number in range(2)]

    return [f.numpy().ravel() for f in factors(tf.zeros((N, K), dtype))]


def alike(factors: list[np.ndarray], r: float) -> int:
    """Pairs of rows all of whose factors differ by less than the share r."""
    (first, *others), count = factors, 0
    order = np.argsort(first)
    first, others = first[order], [other[order] for other in others]
    for shift in range(1, len(first)):
        near = np.abs(first[shift:] / first[:-shift] - 1) < r
        if not near.any():
            break
        for other in others:
            near &= np.abs(other[shift:] / other[:-shift] - 1) < r
        count += int(near.sum())
    return count


def test_two_rows_have_factors_alike_as_seldom_as_the_documentation_says(subtests):
    """5 r / levels for one probe, its square for two; what rounding hides has r = 1e-5 or less."""
    N = 20000
    pairs = N * (N - 1) / 2
    for dtype, levels, probes, r in (
        (tf.float32, 82, 1, 1e-4),
        (tf.float32, 82, 2, 0.02),
        (tf.float64, 1602, 1, 1e-4),
    ):
        expected = pairs * (5 * r / levels) ** probes
        with subtests.test(dtype=dtype.name, probes=probes, expected=expected):
            count = alike(factors_of_rows(N, dtype)[:probes], r)
            assert abs(count - expected) < 0.1 * expected + 4 * expected**0.5


def test_factors_differ_among_rows_near_each_other(subtests):
    """By a quarter at least, as long as the levels last."""
    rounds = (
        (82, {"dtype": tf.float32}),
        (1602, {"dtype": tf.float64}),
        (82, {"dtype": tf.float32, "within": tf.bfloat16}),
        (82, {"dtype": tf.float64, "within": tf.float32}),
        (26, {"dtype": tf.float32, "within": tf.float16}),
    )
    for levels, case in rounds:
        parts = "within" not in case
        for factors in factors_of_rows(5000, parts=parts, **case):
            with subtests.test(levels=levels, **case):
                for start in range(0, 5000, levels):
                    ordered = np.sort(factors[start : start + levels])
                    assert np.min(np.diff(ordered) / np.abs(ordered[1:])) > 0.25
                for distance in (levels, 2 * levels):
                    ratios = factors[distance:] / factors[:-distance]
                    assert np.mean(np.abs(ratios - 1) < 1e-4) < 0.2
                powers = np.log2(np.abs(factors))
                assert parts or np.array_equal(powers, np.round(powers))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_what_a_check_costs_in_products(dtype, monkeypatch, subtests):
    """One of float64 and two of float32; where blocks are not multiplied, one more."""
    made = []
    multiply = Products.__call__

    def counted(products, v):
        made.append(v)
        return multiply(products, v)

    monkeypatch.setattr(Products, "__call__", counted)
    monkeypatch.setattr(coupling, "_culprit", lambda *_: tf.constant(-1))
    probes = 1 if dtype == tf.float64 else 2
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(dtype, (None, 3))
        y = tf.reduce_sum(tf.exp(tf.reduce_sum(x, 1)))
        for layout, base in (("dense", 0), ("diag", 1), ("packed", 1)):
            with subtests.test(layout):
                made.clear()
                autodiff.differentiate(y, x, layout=layout, coupling="check")
                assert len(made) == 3 + base + probes
        with subtests.test("a product"):
            made.clear()
            autodiff.multiply(y, x, x, coupling="check")
            assert len(made) == 1 + 2


def test_types_are_found_in_the_functions_that_f_calls():
    half = tf.function(lambda x: tf.cast(tf.cast(x, tf.float16) ** 2, x.dtype))
    plain = tf.function(lambda x: x**2)
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, K))
        found = [Products(pull_back(f(x) ** 2, [x]), [x]).types for f in (plain, half)]
    assert found == [{tf.float32}, {tf.float16, tf.float32}]


def test_checked_blocks_are_differentiated_as_others():
    def gradient(mode):
        @tf.function(autograph=False)
        def of_blocks(x):
            y = tf.reduce_sum(tf.exp(tf.reduce_sum(x, 1)) * x[:, 0])
            blocks = autodiff.differentiate(y, x, layout="dense", coupling=mode)[1]
            return tf.gradients(tf.reduce_sum(blocks[:, 0]), x)[0]

        return of_blocks(tf.constant(points(4))).numpy()

    assert np.abs(gradient("check")).max() > 0.1
    np.testing.assert_array_equal(gradient("check"), gradient("assume_independent"))


@cache
def product_route(f: Function, dtype=tf.float64, mode="check", xla=False):
    @tf.function(
        autograph=False, input_signature=[tf.TensorSpec((None, K), dtype)] * 2, jit_compile=xla
    )
    def product(x, v):
        return autodiff.multiply(f(x), x, v, coupling=mode)

    return lambda x, v: product(tf.constant(x, dtype), tf.constant(v, dtype)).numpy()


def vectors(N: int) -> dict[str, np.ndarray]:
    of_one_row = np.zeros((N, K))
    of_one_row[N // 2] = 1.0
    random = np.random.default_rng(4).normal(size=(N, K))
    return {"random": random, "ones": np.ones((N, K)), "of one row": of_one_row}


@centred_and_others
def test_products_fail_the_run_where_rows_interact_in_them(f: Function, subtests):
    for dtype in DTYPES:
        for N in (2, 3, 10, 83, 1000):
            for name, v in vectors(N).items():
                with subtests.test(dtype=dtype.name, N=N, vectors=name):
                    with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                        product_route(f, dtype)(points(N), v)


def test_products_with_tiny_and_huge_vectors_are_checked(subtests):
    def cubes(x):
        return tf.reduce_sum(x**3)

    for scale in (1e-30, 1e30):
        x, v = points(10), scale * vectors(10)["random"]
        with subtests.test(scale=scale):
            with pytest.raises(tf.errors.InvalidArgumentError, match="rows of f interact"):
                product_route(centred, tf.float32)(x, v)
            alone = product_route(cubes, tf.float32)(x, v)
            np.testing.assert_allclose(alone, 6 * x * v, rtol=1e-5)


@centred_and_others
def test_exact_products_are_those_of_the_true_diagonal_blocks(f: Function, subtests):
    product = product_route(f, mode="exact")
    for N in (2, 9):
        for name, v in vectors(N).items():
            with subtests.test(N=N, vectors=name):
                expected = np.einsum("nkl,nl->nk", hessian_slices(f, N), v)
                np.testing.assert_allclose(product(points(N), v), expected, rtol=1e-11, atol=1e-11)


def test_exact_products_of_a_thousand_rows_have_the_closed_form():
    N = 1000
    v = vectors(N)["random"]
    product = product_route(centred, mode="exact")(points(N), v)
    np.testing.assert_allclose(product, 2 * (1 - 1 / N) * v, atol=1e-12)


@pytest.mark.full
def test_compiled_by_xla_the_products_turn_nan():
    product = product_route(centred, tf.float32, xla=True)
    for v in vectors(10).values():
        assert np.isnan(product(points(10), v)).all()
