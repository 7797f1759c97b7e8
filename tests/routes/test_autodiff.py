"""The autodiff route gives the diagonal blocks, whichever way it takes through the columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.routes.autodiff import columns, hessian_products
from blockhess.routes.autodiff.hessian_products import CannotStack, Products, pull_back

Function = Callable[[tf.Tensor], tf.Tensor]
LAYOUTS = ("dense", "diag", "packed", "trace")
K = 3


def weights(dtype: tf.DType) -> list[tf.Tensor]:
    rng = np.random.default_rng(1)
    return [tf.constant(rng.normal(size=size), dtype) for size in ((K, 4), (4, 4), (4, 1))]


def mlp(x: tf.Tensor) -> tf.Tensor:
    first, second, last = weights(x.dtype)
    return tf.tanh(tf.tanh(x @ first) @ second) @ last


def mix(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x))


def density(x: tf.Tensor) -> tf.Tensor:
    first, *_ = weights(x.dtype)
    return tf.exp(-tf.reduce_sum((x @ first) ** 2, 1) / 8)


def recurrent(x: tf.Tensor) -> tf.Tensor:
    """A loop over columns of x, and a branch."""
    first = weights(x.dtype)[0][:, :K]

    def step(k, state):
        return k + 1, tf.tanh(state @ first + x[:, k, None])

    state = tf.while_loop(lambda k, _: k < K, step, (0, tf.zeros_like(x)), maximum_iterations=K)[1]
    return tf.cond(
        tf.shape(x)[0] > 1, lambda: tf.reduce_sum(state**2), lambda: tf.reduce_sum(state)
    )


def nested(x: tf.Tensor) -> tf.Tensor:
    return tf.function(mlp, autograph=False)(x) * tf.reduce_sum(x**3, 1, keepdims=True)


def reflected(x: tf.Tensor) -> tf.Tensor:
    """Reflecting pads can be differentiated, but pfor has no converter for them."""
    padded = tf.pad(x, [[0, 0], [1, 1]], "REFLECT")
    return tf.reduce_sum(tf.tanh(padded[:, 1:] * padded[:, :-1]), 1)


def gathered(x: tf.Tensor) -> tf.Tensor:
    """The gradient of a gather is sparse."""
    rows = tf.gather(tf.transpose(x), [2, 0, 2])
    return tf.reduce_sum(rows[0] ** 2 * rows[1] + rows[2])


def accumulated(x: tf.Tensor) -> tf.Tensor:
    """Its gradient function takes the logarithm of what it pulls back."""
    return tf.reduce_sum(tf.math.cumulative_logsumexp(x, 1), 1)


CASES: dict[str, Function] = {
    f.__name__: f for f in (mlp, mix, density, nested, reflected, gathered, accumulated)
}
full = pytest.mark.full
every_case = pytest.mark.parametrize(
    "f",
    [
        pytest.param(f, marks=full if f in (nested, gathered, accumulated) else [])
        for f in CASES.values()
    ],
    ids=CASES,
)


def points(N: int, columns: int = K, dtype=np.float64) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(N, columns)).astype(dtype)


@cache
def full_hessian(f: Function):
    spec = tf.TensorSpec((None, K), tf.float64)
    return tf.function(
        lambda x: tf.hessians(tf.reduce_sum(f(x)), x)[0], autograph=False, input_signature=[spec]
    )


def hessian_slices(f: Function, x: np.ndarray) -> np.ndarray:
    """(N, K, K) cut out of tf.hessians in float64."""
    return np.einsum("nknl->nkl", full_hessian(f)(tf.constant(x)).numpy())


def in_layout(blocks: np.ndarray, layout: str) -> np.ndarray:
    if layout in ("diag", "trace"):
        return np.einsum("...kk->...k" if layout == "diag" else "...kk->...", blocks)
    upper = (..., *np.triu_indices(blocks.shape[-1]))
    return blocks if layout == "dense" else blocks[upper]


def in_every_layout(y: tf.Tensor, x: tf.Tensor, coupling: str) -> dict[str, tf.Tensor]:
    return {
        layout: columns.differentiate(y, x, layout=layout, coupling=coupling)[1]
        for layout in LAYOUTS
    }


def route(f: Function, layout="dense", coupling="assume_independent", shape=None, xla=False):
    """x -> blocks, in a tf.function that knows of x only `shape`; of every layout for None."""

    def blocks(x):
        y = f(x if x.shape[-1] is not None else tf.ensure_shape(x, (None, K)))
        if layout is None:
            return in_every_layout(y, x, coupling)
        return columns.differentiate(y, x, layout=layout, coupling=coupling)[1]

    function = tf.function(blocks, autograph=False, jit_compile=xla)

    def call(x: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
        spec = tf.TensorSpec(x.shape if shape is None else shape, x.dtype)
        blocks = function.get_concrete_function(spec)(tf.constant(x))
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), blocks)

    return call


def close(actual: np.ndarray, expected: np.ndarray, tolerance: float = 1e-12) -> bool:
    return actual.shape == expected.shape and np.allclose(
        actual, expected, rtol=tolerance, atol=tolerance * np.max(np.abs(expected), initial=0)
    )


@every_case
def test_blocks_are_the_slices_of_tf_hessians(f: Function, subtests):
    x = points(4)
    expected = hessian_slices(f, x)
    for layout, blocks in route(f, None)(x).items():
        with subtests.test(layout=layout):
            assert close(blocks, in_layout(expected, layout))


@full
def test_f_may_hold_loops_and_branches():
    x = points(4)
    assert close(route(recurrent)(x), hessian_slices(recurrent, x))


@pytest.mark.parametrize(
    ("coupling", "shape"),
    [
        ("assume_independent", (None, K)),
        ("assume_independent", (None, None)),
        ("exact", (None, None)),
    ],
    ids=["unknown N", "unknown N and K", "exact"],
)
def test_sizes_may_be_unknown_when_the_graph_is_built(shape, coupling, subtests):
    every_layout = route(mlp, None, coupling, shape)
    for N in (5, 1, 0):
        x = points(N)
        expected = hessian_slices(mlp, x) if N else np.zeros((0, K, K))
        for layout, blocks in every_layout(x).items():
            with subtests.test(N=N, layout=layout):
                assert close(blocks, in_layout(expected, layout))


@pytest.mark.parametrize(
    ("coupling", "shape"),
    [
        ("check", None),
        pytest.param("check", (None, None), marks=full),
        pytest.param("exact", (None, None), marks=full),
    ],
    ids=["known sizes", "unknown sizes", "exact"],
)
def test_blocks_are_right_under_xla(coupling: str, shape):
    x = points(3)
    blocks = route(nested, "packed", coupling, shape, xla=True)(x)
    assert close(blocks, in_layout(hessian_slices(nested, x), "packed"), 1e-10)


@pytest.mark.parametrize("f", [mlp, mix, density, reflected])
def test_float32_blocks_agree_with_float64(f: Function):
    x = points(4)
    assert close(route(f)(x.astype(np.float32)), hessian_slices(f, x), 2e-5)


def second_derivative_of_mix(x: np.ndarray) -> np.ndarray:
    sigmoid = 1 / (1 + np.exp(-x))
    bell = np.exp(-x * x) * ((4 * x * x - 3) * np.sin(x) - 4 * x * np.cos(x))
    return bell + sigmoid * (1 - sigmoid)


@pytest.mark.parametrize(
    ("N", "columns", "shape"),
    [
        pytest.param(1, 130, None, marks=full),  # more than are written out one by one
        (60, 20, None),
        pytest.param(2, 130, (None, 130), marks=full),
        pytest.param(300, 20, (None, None), marks=full),
        pytest.param(15000, 8, None, marks=full),
    ],
    ids=["many columns", "small pieces", "a loop", "a loop over unknown K", "pieces of four"],
)
def test_columns_in_pieces_and_loops_have_the_closed_form(N, columns, shape, subtests):
    def f(x):
        return mix(x) + tf.reduce_sum(tf.reduce_sum(x, 1) ** 2)

    x = points(N, columns)
    expected = 2 + second_derivative_of_mix(x)[..., np.newaxis] * np.eye(columns)
    every_layout = tf.function(
        lambda x: in_every_layout(f(x), x, "assume_independent"),
        autograph=False,
        input_signature=[tf.TensorSpec(x.shape if shape is None else shape, tf.float64)],
    )
    for layout, blocks in every_layout(tf.constant(x)).items():
        with subtests.test(layout=layout):
            assert close(blocks.numpy(), in_layout(expected, layout), 1e-11)


@pytest.mark.parametrize(
    "coupling", ["assume_independent", *(pytest.param(c, marks=full) for c in ("check", "exact"))]
)
def test_all_axes_but_the_last_are_rows(coupling: str, subtests):
    @tf.function(autograph=False)
    def every_layout(x):
        return in_every_layout(density(tf.reshape(x, (-1, K))), x, coupling)

    for shape in ((K,), (2, 3, K)):
        x = np.random.default_rng(2).normal(size=shape)
        expected = hessian_slices(density, x.reshape(-1, K)).reshape(*shape, K)
        for layout, blocks in every_layout(tf.constant(x)).items():
            with subtests.test(shape=shape, layout=layout):
                assert close(blocks.numpy(), in_layout(expected, layout))


@full
def test_it_works_in_a_session_where_control_flow_v1_is_on():
    expected = {N: hessian_slices(mlp, points(N)) for N in (1, 4)}
    tf.compat.v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            x = tf.compat.v1.placeholder(tf.float64, (None, None))
            y = mlp(tf.ensure_shape(x, (None, K)))
            results = [
                columns.differentiate(y, x, layout="dense", coupling=coupling)[1]
                for coupling in ("check", "exact")
            ]
            third = [tf.gradients(blocks, x)[0] for blocks in results]
            for N in expected:
                for blocks in session.run(results, {x: points(N)}):
                    assert close(blocks, expected[N])
                checked, exact = session.run(third, {x: points(N)})
                assert np.abs(exact).max() > 0.1 and close(checked, exact, 1e-10)
    finally:
        tf.compat.v1.enable_control_flow_v2()


def derivatives_of_a_product_with_blocks(make, x: np.ndarray, w: np.ndarray) -> list[np.ndarray]:
    """First derivatives of <M, blocks> to x and w, and derivatives of a product with those."""
    rng = np.random.default_rng(3)

    @tf.function(autograph=False)
    def derivatives(x, w):
        blocks = make(x, w)
        M = tf.constant(rng.normal(size=(x.shape[0], K, K)))
        first = tf.gradients(tf.reduce_sum(M * blocks), [x, w])
        product = tf.add_n([tf.reduce_sum(tf.sin(derivative)) for derivative in first])
        return [*first, *tf.gradients(product, [x, w])]

    return [derivative.numpy() for derivative in derivatives(tf.constant(x), tf.constant(w))]


@pytest.mark.parametrize(
    ("coupling", "shape"),
    [
        ("check", (None, K)),
        pytest.param("assume_independent", (None, None), marks=full),
        pytest.param("exact", (None, K), marks=full),
    ],
    ids=["columns", "a loop over columns", "a loop over rows"],
)
def test_blocks_can_be_differentiated_twice_more(coupling: str, shape):
    x, w = points(3), np.random.default_rng(4).normal(size=(K, 2))

    def f(x, w):
        return tf.reduce_sum(tf.sin(x @ w))

    def ours(x, w):
        x = tf.compat.v1.placeholder_with_default(x, shape)
        y = f(tf.ensure_shape(x, (None, K)), w)
        return columns.differentiate(y, x, layout="dense", coupling=coupling)[1]

    def closed_form(x, w):
        return -tf.einsum("nj,kj,lj->nkl", tf.sin(x @ w), w, w)

    expected = derivatives_of_a_product_with_blocks(closed_form, x, w)
    for actual, wanted in zip(
        derivatives_of_a_product_with_blocks(ours, x, w), expected, strict=True
    ):
        assert np.abs(wanted).max() > 0.1
        assert close(actual, wanted, 1e-10)


def test_a_tape_sees_through_the_blocks_to_variables():
    w = tf.Variable(np.random.default_rng(4).normal(size=(K,)))

    @tf.function(autograph=False)
    def blocks(x):
        y = tf.reduce_sum(tf.exp(tf.linalg.matvec(x, w)))
        return columns.differentiate(y, x, layout="diag", coupling="check")[1]

    x = points(4)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(blocks(tf.constant(x)))
    # The diagonal is exp(w'x) w_k^2.
    density = np.exp(x @ w.numpy())
    expected = x.T @ density * np.sum(w.numpy() ** 2) + 2 * w.numpy() * density.sum()
    assert close(tape.gradient(total, w).numpy(), expected)


def test_a_linear_function_has_blocks_of_zeros():
    x = points(2)
    for coupling in ("check", "exact"):
        every_layout = route(lambda x: x[:, 0] - 3 * x[:, 2], None, coupling, (None, K))(x)
        for layout, blocks in every_layout.items():
            assert close(blocks, in_layout(np.zeros((2, K, K)), layout)), (coupling, layout)


def test_a_function_without_a_derivative_has_zeros():
    def derivatives(x):
        y = tf.reduce_sum(tf.stop_gradient(x) ** 2)
        return columns.differentiate(y, x, layout="packed", coupling="check")

    gradient, blocks = tf.function(derivatives, autograph=False)(tf.constant(points(2)))
    assert close(gradient.numpy(), np.zeros((2, K)))
    assert close(blocks.numpy(), np.zeros((2, K * (K + 1) // 2)))


def test_further_reads_of_a_variable_count_as_x():
    v = tf.Variable(points(2))

    @tf.function(autograph=False)
    def blocks():
        first, second = v.read_value(), v.read_value()
        y = tf.reduce_sum(first**2 * second)
        return columns.differentiate(y, first, layout="diag", coupling="check", reads=[second])

    gradient, diagonal = blocks()
    assert close(gradient.numpy(), 3 * v.numpy() ** 2)
    assert close(diagonal.numpy(), 6 * v.numpy())


@tf.custom_gradient
def cube_with_one_way_only(x):
    """x^3, whose second derivative cannot be transposed: a third gradient is refused."""

    @tf.custom_gradient
    def first(dy, x):
        def second(w):
            refused = tf.raw_ops.PreventGradient(input=6 * w * dy * x, message="refused")
            return 3 * w * x**2, refused

        return 3 * dy * x**2, second

    return x**3, lambda dy: first(dy, x)


def test_where_a_product_cannot_be_transposed_twice_it_is_transposed_once():
    x = points(3)
    expected = 6 * x[..., np.newaxis] * np.eye(K)
    for shape in (None, (None, None)):
        assert close(route(cube_with_one_way_only, shape=shape)(x), expected)


def test_a_missing_gradient_is_named():
    @tf.custom_gradient
    def once(x):
        return x**2, lambda dy: tf.raw_ops.PreventGradient(input=2 * dy * x, message="only once")

    with pytest.raises(LookupError, match="differentiates f twice.*only once"):
        route(once)(points(2))


def test_products_that_do_not_vectorize_say_so():
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, (None, K))
        products = Products(pull_back(reflected(x), [x]), [x])
        with pytest.raises(CannotStack):
            products.stacked(tf.zeros((2, 5, K), tf.float64))


def test_columns_come_one_by_one_where_they_do_not_vectorize():
    x = points(3)
    expected = hessian_slices(reflected, x)
    for coupling in ("assume_independent", "exact"):
        assert close(route(reflected, coupling=coupling, shape=(None, None))(x), expected)


def test_nan_stays_in_its_row():
    x = points(5)
    expected = hessian_slices(mlp, x)
    x[2, 1] = np.nan
    blocks = route(mlp, coupling="check")(x)
    assert np.isnan(blocks[2]).all()
    others = [0, 1, 3, 4]
    assert close(blocks[others], expected[others])


@pytest.mark.parametrize(
    ("axis", "N"), [(1, 50), (-1, 50), *(pytest.param(axis, 1, marks=full) for axis in (1, -1))]
)
def test_rolled_columns_have_the_blocks_of_hand(axis, N):
    """f is x2 x0^2 + x0 x1^2 + x1 x2^2; TensorFlow's pfor rolls a negative axis wrongly."""
    x = tf.constant(np.random.default_rng(3).normal(size=(N, 3)))
    a, b, c = tf.unstack(x, axis=1)
    expected = 2 * tf.stack([[c, b, a], [b, a, c], [a, c, b]])

    @tf.function(autograph=False)
    def rolled(x):
        return tf.roll(x, 1, axis)

    for roll in (rolled, lambda x: tf.roll(x, 1, axis)):
        blocks = bh.hessian(lambda x, roll=roll: tf.reduce_sum(roll(x) * x**2), x)
        np.testing.assert_allclose(blocks, tf.transpose(expected, [2, 0, 1]), rtol=1e-12)


@pytest.mark.parametrize("rows", [3, None])
def test_columns_are_not_stacked_where_broadcasts_would_have_too_many_axes(rows):
    """Kronecker products by broadcasting have five axes, and a column's axis is one more."""

    def f(x):
        a = tf.reshape(x, (-1, 2, 2))
        product = a[:, :, None, :, None] * tf.sin(a)[:, None, :, None, :]
        return tf.reduce_sum(tf.sin(product), [1, 2, 3, 4])

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((rows, 4), tf.float64)])
    def ours(x):
        return columns.differentiate(f(x), x, layout="dense", coupling="check")[1]

    @tf.function(autograph=False)
    def full(x):
        return tf.hessians(tf.reduce_sum(f(x)), x)[0]

    x = tf.constant(np.random.default_rng(6).normal(size=(3, 4)))
    assert close(ours(x).numpy(), np.einsum("nknl->nkl", full(x).numpy()))


@pytest.mark.parametrize("error", [AttributeError, ZeroDivisionError])
@pytest.mark.parametrize("product", [Products.__call__, Products.stacked])
def test_errors_of_the_library_are_not_taken_for_what_tensorflow_cannot_do(
    product, error, monkeypatch
):
    def broken(*_, **__):
        raise error

    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [3, 2])
        products = Products(tf.gradients(tf.reduce_sum(x**3), x)[0], [x])
        monkeypatch.setattr(hessian_products, "pull_back", broken)
        with pytest.raises(error):
            product(
                products, tf.ones([3, 2]) if product is Products.__call__ else tf.ones([1, 3, 2])
            )
