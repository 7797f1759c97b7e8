"""Under jit_compile=True everything is what it is without."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess import expressions as e

pytestmark = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")

N, K = 6, 3
LAYOUTS = ("dense", "diag", "packed", "trace")
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}

every_dtype = pytest.mark.parametrize("dtype", TOLERANCE)


def compiled(function: Callable, **options) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False, jit_compile=True, **options)


def uncompiled(function: Callable) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, autograph=False)


def points(rng: np.random.Generator, dtype: str = "float64", rows: int = N) -> tf.Tensor:
    return tf.constant(rng.normal(size=(rows, K)), dtype)


def assert_equal(actual, expected, dtype: str = "float64") -> None:
    for one, other in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        scale = np.max(np.abs(other), initial=1)
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE[dtype] * scale)


def gaussian(x, A):
    return tf.exp(-0.5 * tf.einsum("nk,kl,nl->n", x, A, x))


def sines(x, A):
    return tf.reduce_sum(tf.sin(x) * tf.exp(-tf.square(A[0] * x)) + tf.nn.softplus(x), 1)


def logsumexp(x, A):
    return tf.reduce_logsumexp(x + A[0], 1)


def two_terms(x, A):
    return gaussian(x, A) + logsumexp(x, A)


def network(x, A):
    return tf.reduce_sum(tf.tanh(tf.tanh(x @ A) @ A), 1)


CASES = {
    "fused": {"gaussian": gaussian, "sines": sines, "logsumexp": logsumexp, "two terms": two_terms},
    "autodiff": {"gaussian": gaussian, "network": network},
}


def matrix(dtype: str, rng: np.random.Generator) -> tf.Variable:
    return tf.Variable(np.eye(K) + 0.1 * rng.normal(size=(K, K)), dtype=dtype)


def results_of_cases(of_case: Callable, route: str, *arguments):
    """(case, compiled, uncompiled) of all cases of a route, in one trace and one compilation."""

    def of_all(*arguments):
        return {name: of_case(f, *arguments) for name, f in CASES[route].items()}

    plain = uncompiled(of_all).get_concrete_function(*arguments)
    results = compiled(lambda *arguments: plain(*arguments))(*arguments)
    expected = plain(*arguments)
    return [(name, results[name], expected[name]) for name in CASES[route]]


@pytest.mark.parametrize(
    ("route", "dtype"),
    [
        ("fused", "float64"),
        pytest.param("fused", "float32", marks=pytest.mark.full),
        pytest.param("autodiff", "float64", marks=pytest.mark.full),
        pytest.param("autodiff", "float32", marks=pytest.mark.full),
    ],
)
def test_values_blocks_and_gradients_in_every_layout(route, dtype, rng, subtests):
    x, A = points(rng, dtype), matrix(dtype, rng)

    def everything(f, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            results = [
                bh.value_grad_hessian(lambda x: f(x, A), x, layout=layout, route=route)
                for layout in LAYOUTS
            ]
            total = tf.add_n([tf.reduce_sum(tf.sin(r)) for r in tf.nest.flatten(results)])
        return results, tape.gradient(total, [x, A])

    for name, actual, expected in results_of_cases(everything, route, x):
        with subtests.test(case=name):
            assert_equal(actual, expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.full)])
@pytest.mark.parametrize("route", CASES)
def test_products_and_their_gradients(route, dtype, rng, subtests):
    x, v, A = points(rng, dtype), points(rng, dtype), matrix(dtype, rng)

    def everything(f, x, v):
        with tf.GradientTape() as tape:
            tape.watch([x, v])
            products = [
                bh.hvp(lambda x: f(x, A), x, v, route=route, coupling=coupling)
                for coupling in ("check", "exact")
            ]
            total = tf.add_n([tf.reduce_sum(tf.sin(product)) for product in products])
        return products, tape.gradient(total, [x, v, A])

    for name, actual, expected in results_of_cases(everything, route, x, v):
        with subtests.test(case=name):
            assert_equal(actual, expected, dtype)


@every_dtype
def test_the_blocks_of_known_functions(dtype, rng):
    x = points(rng, dtype)

    @compiled
    def blocks(x):
        return [
            bh.hessian(lambda x: tf.exp(-0.5 * tf.reduce_sum(x * x, 1)), x),
            bh.hessian(lambda x: tf.reduce_logsumexp(x, 1), x),
            bh.hessian(lambda x: tf.reduce_sum(x**3, 1), x, layout="diag"),
        ]

    x64 = x.numpy().astype(np.float64)
    density = np.exp(-0.5 * np.sum(x64 * x64, 1))[:, None, None]
    p = np.exp(x64) / np.sum(np.exp(x64), 1, keepdims=True)
    products = np.einsum("nk,nl->nkl", x64, x64)
    softmax_blocks = np.einsum("nk,kl->nkl", p, np.eye(K)) - np.einsum("nk,nl->nkl", p, p)
    expected = [(products - np.eye(K)) * density, softmax_blocks, 6 * x64]
    assert_equal([b.numpy().astype(np.float64) for b in blocks(x)], expected, dtype)


def test_the_gradients_of_gradients_of_known_blocks(rng):
    x = points(rng)

    @compiled
    def derivatives(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(bh.hessian(lambda x: tf.reduce_sum(x**4, 1), x))
            first = inner.gradient(total, x)
        return first, outer.gradient(first, x)

    assert_equal(derivatives(x), [24 * x, np.full((N, K), 24.0)])


def test_hessians_stands_in_for_its_namesake(rng):
    x = points(rng)
    blocks = compiled(lambda x: bh.hessians(tf.reduce_sum(x**3), x, layout="diag")[0])
    assert_equal(blocks(x), 6 * x)


def test_another_number_of_rows_is_compiled_anew_and_right(rng):
    blocks = compiled(
        lambda x: bh.hessian(lambda x: tf.reduce_sum(x**3, 1), x, layout="diag"),
        input_signature=[tf.TensorSpec((None, K), tf.float64)],
    )
    for rows in (6, 1, 0, 11, 6):
        x = points(rng, rows=rows)
        assert_equal(blocks(x), 6 * x)
    assert blocks.experimental_get_tracing_count() == 1


def test_transposed_inputs_and_outputs(rng):
    """XLA likes to leave a transposition to whoever reads the tensor."""
    y, A = tf.transpose(points(rng)), tf.constant(rng.normal(size=(K, K)))

    def blocks(y, A):
        x = tf.transpose(y)
        return tf.transpose(bh.hessian(lambda x: gaussian(x, tf.transpose(A)), x), [2, 0, 1])

    assert_equal(compiled(blocks)(y, A), uncompiled(blocks)(y, A))


def test_NaN_and_infinity_stay_in_their_rows(rng):
    x = points(rng).numpy()
    x[1, 2], x[4, 0] = np.nan, np.inf
    A = tf.eye(K, dtype=tf.float64)
    blocks = compiled(lambda x: bh.hessian(lambda x: gaussian(x, A), x))(x).numpy()
    rows = [0, 2, 3, 5]
    assert_equal(blocks[rows], bh.hessian(lambda x: gaussian(x, A), x[rows]))
    assert np.isnan(blocks[[1, 4]]).any((1, 2)).all()


def test_rows_that_interact_turn_the_blocks_NaN(rng):
    def interacting(x):
        return tf.reduce_sum(x) ** 2

    def seemingly_interacting(x):
        return tf.linalg.trace(tf.matmul(x, x, transpose_b=True))

    @compiled
    def blocks(x):
        return (
            bh.hessian(interacting, x),
            bh.hessian(interacting, x, coupling="exact"),
            bh.hessian(seemingly_interacting, x),
        )

    checked, exact, free = blocks(points(rng))
    assert np.isnan(checked).all()
    assert_equal(exact, np.full((N, K, K), 2.0))
    assert_equal(free, np.tile(2 * np.eye(K), (N, 1, 1)))


@pytest.mark.full
def test_the_gradients_of_rows_that_interact_are_NaN_too():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])

    @tf.function(jit_compile=True, autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            blocks = bh.hessian(lambda x: tf.reduce_sum(tf.nn.softmax(x @ v, axis=0) ** 2), x)
            loss = tf.reduce_sum(v**2) + tf.reduce_sum(blocks**2)
        return tape.gradient(loss, v)

    x = tf.constant([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    assert np.isnan(gradient(x)).all()


def test_a_training_step(rng):
    x = points(rng)

    def losses(wrap):
        A = tf.Variable(tf.eye(K, dtype=tf.float64))
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build([A])

        @wrap
        def step(x):
            with tf.GradientTape() as tape:
                blocks = bh.hessian(lambda x: gaussian(x, A @ tf.transpose(A)), x)
                loss = tf.reduce_mean(tf.square(blocks - tf.eye(K, dtype=x.dtype)))
            optimizer.apply_gradients([(tape.gradient(loss, A), A)])
            return loss

        return [float(step(x)) for _ in range(5)]

    curve = losses(compiled)
    assert curve[-1] < curve[0]
    assert_equal(curve, losses(uncompiled), "float32")  # Adam's own arithmetic is float32.


class TestRawOps:
    """blockhess.ops, without a row graph."""

    def test_terms_and_their_vector_jacobian_product(self, rng):
        x, S = points(rng), tf.constant(rng.normal(size=(N, K, K)))
        b, a = tf.constant(rng.normal(size=K)), tf.constant(rng.uniform(size=(N,)))
        X, link, A = map(e.Variable, "xsa")

        def call(x, S, b, a):
            terms = [
                bh.ops.Term(None, (), S, b, e.exp(-A * link * link), ((A, a),)),
                bh.ops.Term(e.sin(X), (), None, None, link, ()),
            ]
            x_bar, (bars, _) = bh.ops.terms_vjp(x, terms, value=a, gradient=x, hessian=S)
            return (
                bh.ops.terms(x, terms, want_value=True, want_gradient=True),
                (x_bar, bars.S, bars.b, bars.psi_parameters),
            )

        assert_equal(compiled(call)(x, S, b, a), uncompiled(call)(x, S, b, a))

    @every_dtype
    def test_map(self, dtype, rng):
        x = points(rng, dtype)
        A, B = map(e.Variable, "ab")
        product = compiled(lambda x, y: bh.ops.map([A * e.exp(B), A], {A: x, B: y}))
        assert_equal(product(x, x[0, 0]), [x * tf.exp(x[0, 0]), x], dtype)


class TestErrors:
    def test_wrong_shapes_are_named(self, rng):
        link = e.Variable("s")
        blocks = compiled(
            lambda x, b: bh.ops.terms(x, [bh.ops.Term(None, (), None, b, e.exp(link), ())]).hessian
        )
        message = r"b has shape \[4\]; expected \[3\] or \[6,3\] for x of shape \[6,3\]"
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            blocks(points(rng), tf.ones(4, tf.float64))

    def test_a_size_that_depends_on_values_is_named(self, rng):
        blocks = compiled(
            lambda x: bh.hessian(lambda x: tf.reduce_sum(x**3, 1), tf.boolean_mask(x, x[:, 0] > 0))
        )
        message = r"input 0 has shape f64\[<=6,3\], whose size depends on values"
        with pytest.raises(tf.errors.UnimplementedError, match=message):
            blocks(points(rng))

    def test_blocks_that_no_memory_holds_leave_the_process_alive(self):
        link = e.Variable("s")
        term = bh.ops.Term(e.square(e.Variable("x")), (), None, None, e.exp(link), ())
        blocks = compiled(lambda: bh.ops.terms(tf.zeros([2, 2**31]), [term]).hessian)
        with pytest.raises(tf.errors.ResourceExhaustedError, match="is larger than 2\\^63 bytes"):
            blocks()
