"""The functions that must take the fused route, as users write them: one table for all tests.

Each case gives f as a function of x and of the dtype's parameters, so that the same text serves
every type; the numbers are those that all of them hold, so that one reference does, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import keras
import numpy as np
import tensorflow as tf

N, K = 5, 4


def held_by_all(values: np.ndarray, dtype: str) -> np.ndarray:
    """Rounded to bfloat16, which is exact in float16 down to 2^-17."""
    return values.astype(tf.bfloat16.as_numpy_dtype).astype(np.float32).astype(dtype)


class Parameters:
    """Random parameters of one dtype: the same numbers for each."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self._random = np.random.default_rng(7)
        self.A = self._constant(K, K)
        self.L = self._constant(K, 3)
        self.w = self._constant(K)
        self.column = self._constant(K, 1)
        self.mu = self._constant(K)
        self.b = self._constant(K)
        self.rows = self._constant(N)
        self.rows_column = self._constant(N, 1)
        self.cells = self._constant(N, K)
        self.row_A = self._constant(N, K, K)
        # Sixteenths that add up to one exactly: TensorFlow's gradient assumes that they do.
        counts = self._random.multinomial(16, [1 / K] * K, N)
        self.labels = tf.constant((counts / 16).astype(dtype))
        self.signs = tf.sign(self._constant(N, K))
        self.counts = tf.abs(self._constant(N, K))
        self.classes = tf.constant(self._random.integers(0, K, N))
        self.scale = tf.constant(0.75, dtype)
        self.matrix = self._constant(K, K)

    @cached_property
    def variable(self) -> tf.Variable:
        with tf.init_scope():
            return tf.Variable(tf.get_static_value(self.matrix), dtype=self.dtype)

    def _constant(self, *shape: int) -> tf.Tensor:
        values = 0.5 * self._random.normal(size=shape)
        return tf.constant(held_by_all(values, self.dtype))

    @cached_property
    def keras_layer(self) -> keras.Layer:
        with tf.init_scope():
            layer = keras.layers.Dense(1, activation="softplus", dtype=self.dtype)
            layer.build((None, K))
            layer.set_weights([self.column.numpy(), np.array([0.25])])
        return layer

    @cached_property
    def keras_model(self) -> keras.Model:
        with tf.init_scope():
            inputs = keras.Input((K,), dtype=self.dtype)
            return keras.Model(inputs, keras.layers.Activation("tanh", dtype=self.dtype)(inputs))


@dataclass(frozen=True)
class Case:
    name: str
    f: Callable[[tf.Tensor, Parameters], tf.Tensor]
    domain: tuple[float, float] = (-2.0, 2.0)
    reference: Callable[[tf.Tensor, Parameters], tf.Tensor] | None = None
    """The same function spelled so that TensorFlow can differentiate it twice."""
    keras_object: bool = False
    """Whether f holds a Keras layer, which Keras does not allow in a TF1 graph."""

    def x(self, dtype: str, n: int = N) -> np.ndarray:
        low, high = self.domain
        return held_by_all(np.random.default_rng(3).uniform(low, high, (n, K)), dtype)


def _sum(g: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor, Parameters], tf.Tensor]:
    return lambda x, p: tf.reduce_sum(g(x))


POSITIVE, INNER, ABOVE_ONE = (0.3, 3.0), (-0.9, 0.9), (1.1, 3.0)

INSTRUCTIONS = [
    Case("add and sub", lambda x, p: tf.reduce_sum((x + p.cells) * (x - p.b))),
    Case("mul", lambda x, p: tf.reduce_sum(x * x * p.rows_column)),
    Case("div", lambda x, p: tf.reduce_sum(p.b / x), POSITIVE),
    Case("neg", _sum(lambda x: -(x**3))),
    Case("square", _sum(tf.square)),
    Case("SquaredDifference", lambda x, p: tf.reduce_sum(tf.math.squared_difference(x, p.cells))),
    Case("pow with a constant", _sum(lambda x: x**2.5), POSITIVE),
    Case("pow with a parameter", lambda x, p: tf.reduce_sum(tf.pow(x, p.cells)), POSITIVE),
    Case("pow with x above", lambda x, p: tf.reduce_sum(tf.pow(p.counts + 0.5, x))),
    Case("pow of x to x", _sum(lambda x: tf.pow(x, x)), POSITIVE),
    Case("sqrt", _sum(tf.sqrt), POSITIVE),
    Case("rsqrt", _sum(tf.math.rsqrt), POSITIVE),
    Case("reciprocal", _sum(tf.math.reciprocal), POSITIVE),
    Case("abs", _sum(lambda x: tf.abs(x) ** 3)),
    Case("sign", _sum(lambda x: tf.sign(x) * x**2)),
    Case(
        "minimum and maximum",
        lambda x, p: tf.reduce_sum(tf.maximum(tf.minimum(x**2, 1.5), x * p.b)),
    ),
    Case("comparison and select", _sum(lambda x: tf.where(x > 0.5, tf.exp(x), x**3))),
    Case("exp", _sum(tf.exp)),
    Case("expm1", _sum(tf.math.expm1)),
    Case("log", _sum(tf.math.log), POSITIVE),
    Case("log1p", _sum(tf.math.log1p), POSITIVE),
    *(
        Case(name, _sum(getattr(tf.math, name)))
        for name in (
            "sin",
            "cos",
            "sinh",
            "cosh",
            "tanh",
            "atan",
            "asinh",
            "sigmoid",
            "softplus",
            "erf",
            "erfc",
        )
    ),  # fmt: skip
    Case("tan", _sum(tf.tan), INNER),
    Case("asin", _sum(tf.asin), INNER),
    Case("acos", _sum(tf.acos), INNER),
    Case("atanh", _sum(tf.atanh), INNER),
    Case("acosh", _sum(tf.acosh), ABOVE_ONE),
    Case("lgamma", _sum(tf.math.lgamma), POSITIVE),
    Case("digamma", _sum(tf.math.digamma), POSITIVE),
    Case(
        "polygamma",
        lambda x, p: tf.reduce_sum(tf.math.polygamma(tf.constant(1.0, p.dtype), x)),
        POSITIVE,
    ),
    Case("xlogy", lambda x, p: tf.reduce_sum(tf.math.xlogy(p.cells, x)), POSITIVE),
    Case("a mix", _sum(lambda x: tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x))),
]


def _softsign(x: tf.Tensor) -> tf.Tensor:
    return x / (1.0 + tf.abs(x))  # TensorFlow's Softsign has no second gradient.


ACTIVATIONS = [
    *(
        Case(f"tf.nn.{name}", _sum(lambda x, a=getattr(tf.nn, name): a(x) * x))
        for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus",
                     "tanh", "sigmoid")
    ),
    Case("tf.nn.softsign", _sum(tf.nn.softsign), reference=_sum(_softsign)),
    Case("tf.nn.gelu approximate", _sum(lambda x: tf.nn.gelu(x, approximate=True))),
    Case("keras.activations.softsign", _sum(keras.activations.softsign), reference=_sum(_softsign)),
    *(
        Case(f"keras.activations.{name}", _sum(lambda x, a=getattr(keras.activations, name): a(x) * x))
        for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish",
                     "hard_sigmoid", "hard_silu", "exponential", "softplus", "tanh", "sigmoid",
                     "linear", "log_sigmoid", "celu", "hard_tanh", "tanh_shrink", "squareplus",
                     "soft_shrink", "sparse_plus")
        if hasattr(keras.activations, name)
    ),
]  # fmt: skip

LOSSES = [
    Case("MSE", lambda x, p: keras.losses.mean_squared_error(p.cells, x)),
    Case("MSE object", lambda x, p: keras.losses.MeanSquaredError(dtype=p.dtype)(p.cells, x)),
    Case("Huber", lambda x, p: keras.losses.Huber(dtype=p.dtype)(p.cells, x)),
    Case("LogCosh", lambda x, p: keras.losses.LogCosh(dtype=p.dtype)(p.cells, x)),
    Case("Poisson", lambda x, p: keras.losses.poisson(p.counts, x), POSITIVE),
    Case(
        "BCE from logits",
        lambda x, p: keras.losses.binary_crossentropy(p.labels, x, from_logits=True),
    ),
    Case("BCE", lambda x, p: keras.losses.binary_crossentropy(p.labels, x), (0.1, 0.9)),
    Case(
        "tf sigmoid cross-entropy",
        lambda x, p: (
            tf.nn.sigmoid_cross_entropy_with_logits(p.labels, x)[:, 0:4] @ tf.ones((4, 1), p.dtype)
        ),
    ),
    Case("hinge", lambda x, p: keras.losses.hinge(p.signs, x)),
    Case("squared hinge", lambda x, p: keras.losses.squared_hinge(p.signs, x)),
    Case(
        "Poisson of the log rate", lambda x, p: tf.reduce_sum(tf.nn.log_poisson_loss(p.counts, x))
    ),
]

NORMS = [
    Case("l2_loss", lambda x, p: tf.nn.l2_loss(x)),
    Case("norm", lambda x, p: tf.norm(x, axis=1)),
    Case("norm squared", lambda x, p: tf.norm(x, axis=1) ** 2),
    Case("norm keepdims", lambda x, p: tf.norm(x - p.mu, axis=1, keepdims=True)),
    Case("reduce_euclidean_norm", lambda x, p: tf.math.reduce_euclidean_norm(x, 1)),
    Case("3-norm", lambda x, p: tf.norm(x, ord=3, axis=1)),
    Case("3-norm to its power", lambda x, p: tf.reduce_sum(tf.abs(x) ** 3, 1)),
    Case("2.5-norm", lambda x, p: tf.reduce_sum(tf.abs(x) ** 2.5, 1) ** (1 / 2.5)),
]

QUADRATIC = [
    Case("x*(x@A)", lambda x, p: tf.reduce_sum(x * (x @ p.A), 1)),
    Case("(x@A)*x", lambda x, p: tf.reduce_sum((x @ p.A) * x)),
    Case(
        "A of a variable",
        lambda x, p: tf.reduce_sum(x * tf.matmul(x, p.variable, transpose_b=True), 1),
    ),
    Case("einsum", lambda x, p: tf.einsum("ni,ij,nj->n", x, p.A, x)),
    Case("einsum without output", lambda x, p: tf.einsum("ni,ij,nj", x, p.A, x)),
    Case("einsum with ->", lambda x, p: tf.einsum("ni,ij,nj->", x, p.A, x)),
    Case("einsum ellipsis", lambda x, p: tf.einsum("...i,ij,...j->...", x, p.A, x)),
    Case("einsum a row", lambda x, p: tf.einsum("ni,nij,nj->n", x, p.row_A, x)),
    Case("matvec", lambda x, p: tf.reduce_sum(x * tf.linalg.matvec(p.A, x), 1)),
    Case("matvec a row", lambda x, p: tf.reduce_sum(x * tf.linalg.matvec(p.row_A, x), 1)),
    Case("tensordot", lambda x, p: tf.reduce_sum(tf.tensordot(x, p.A, 1) * x, axis=-1)),
    Case(
        "tensordot axes", lambda x, p: tf.reduce_sum(tf.tensordot(x, p.A, [[1], [1]]) * x, axis=-1)
    ),
    Case("(x@L)**2", lambda x, p: tf.reduce_sum((x @ p.L) ** 2)),
    Case("l2_loss of x@L", lambda x, p: tf.nn.l2_loss(x @ p.L)),
    Case(
        "batched row vectors", lambda x, p: tf.squeeze(x[:, None, :] @ p.A @ x[:, :, None], [1, 2])
    ),
    Case(
        "A times the transpose", lambda x, p: tf.reduce_sum(tf.transpose(p.A @ tf.transpose(x)) * x)
    ),
    Case("with a shift", lambda x, p: tf.reduce_sum((x - p.mu) * ((x - p.mu) @ p.A), 1)),
    Case("with a scaled shift", lambda x, p: tf.reduce_sum((((x - p.mu) / p.b) @ p.L) ** 2, 1)),
    Case(
        "with x@w", lambda x, p: 0.5 * tf.reduce_sum(x * (x @ p.A), 1) + tf.squeeze(x @ p.column, 1)
    ),
    Case(
        "with tensordot", lambda x, p: tf.einsum("ni,ij,nj->n", x, p.A, x) + tf.tensordot(x, p.w, 1)
    ),
    Case("with x*b", lambda x, p: tf.einsum("ni,ij,nj->n", x, p.A, x) - tf.reduce_sum(x * p.b, 1)),
]

LINKS = [
    Case("exp(-q)", lambda x, p: tf.exp(-0.5 * tf.reduce_sum(x * (x @ p.A), 1))),
    Case("Student-t", lambda x, p: tf.math.log1p(tf.reduce_sum(x * x, 1) / 3.0)),
    Case("sqrt(q + eps)", lambda x, p: tf.sqrt(tf.reduce_sum(x * x, 1) + 0.1)),
    Case("softplus(x@w)", lambda x, p: tf.nn.softplus(x @ p.column)),
    Case("softplus(tensordot + bias)", lambda x, p: tf.nn.softplus(tf.tensordot(x, p.w, 1) + p.rows)),
    Case("sigmoid(x@w)", lambda x, p: tf.sigmoid(tf.linalg.matvec(x, p.w))),
    Case("logistic regression", lambda x, p: tf.reduce_mean(
        tf.nn.softplus(tf.linalg.matvec(x, p.w)) - p.rows * tf.linalg.matvec(x, p.w))),
    Case("a power of a sum", lambda x, p: (1.0 + tf.reduce_sum(x * x, 1)) ** -1.5),
    Case("a product with parameters", lambda x, p: p.rows * tf.exp(-p.scale * tf.reduce_sum(x * x, 1))),
    Case("a link of a mixed sum", lambda x, p: tf.sqrt(
        5.0 + tf.reduce_sum(tf.cos(x), 1) + tf.einsum("ni,ij,kj,nk->n", x, p.A, p.A, x) + tf.tensordot(x, p.w, 1))),
    Case("two links of one sum", lambda x, p: tf.sqrt(1 + tf.reduce_sum(x * x, 1)) * tf.exp(-tf.reduce_sum(x * x, 1))),
    Case("a sum of two terms", lambda x, p: tf.exp(-tf.reduce_sum(x * x, 1)) + tf.nn.softplus(tf.tensordot(x, p.w, 1))),
    Case("a mean with a ridge penalty", lambda x, p: tf.reduce_mean(
        tf.nn.softplus(tf.tensordot(x, p.w, 1))) + 0.1 * tf.reduce_sum(x * x) + tf.reduce_sum(p.w**2)),
    Case("weights by row", lambda x, p: tf.reduce_sum(p.rows_column * (x - p.mu) ** 4)),
    Case("weights by einsum", lambda x, p: tf.einsum("n,nk->", p.rows, tf.sin(x))),
]  # fmt: skip

SOFTMAX = [
    Case("reduce_logsumexp", lambda x, p: tf.reduce_logsumexp(x, 1)),
    Case("log(sum(exp))", lambda x, p: tf.math.log(tf.reduce_sum(tf.exp(x), axis=1))),
    Case("softmax cross-entropy", lambda x, p: tf.nn.softmax_cross_entropy_with_logits(p.labels, x)),
    Case("sparse softmax cross-entropy", lambda x, p: tf.nn.sparse_softmax_cross_entropy_with_logits(p.classes, x)),
    Case("log_softmax picked", lambda x, p: -tf.reduce_sum(tf.nn.log_softmax(x) * p.labels)),
    Case("Keras categorical cross-entropy", lambda x, p: keras.losses.CategoricalCrossentropy(
        from_logits=True, dtype=p.dtype)(p.labels, x)),
]  # fmt: skip


@tf.function
def _nested(x: tf.Tensor, a: tf.Tensor) -> tf.Tensor:
    return tf.exp(-tf.reduce_sum(x * (x @ a), 1))


THROUGH = [
    Case(
        "reshape to rows",
        lambda x, p: tf.reshape(tf.reduce_sum(tf.reshape(x, [-1, 2, 2]) ** 3, [1, 2]), [-1]),
    ),
    Case(
        "expand_dims and squeeze",
        lambda x, p: tf.squeeze(tf.reduce_sum(tf.exp(x)[:, None, :], 2), 1),
    ),
    Case("identity and cast", lambda x, p: tf.reduce_sum(tf.cast(tf.identity(x), p.dtype) ** 3)),
    Case("stop_gradient", lambda x, p: tf.reduce_sum(tf.stop_gradient(tf.exp(x)) * x**2)),
    Case("a nested tf.function", lambda x, p: _nested(x, p.variable)),
    Case("a Keras layer", lambda x, p: p.keras_layer(x), keras_object=True),
    Case("a Keras model", lambda x, p: tf.reduce_sum(p.keras_model(x) ** 2), keras_object=True),
]

CASES = [*INSTRUCTIONS, *ACTIVATIONS, *LOSSES, *NORMS, *QUADRATIC, *LINKS, *SOFTMAX, *THROUGH]


@cache
def parameters(dtype: str) -> Parameters:
    with tf.init_scope():  # Asked for first within a function, they still are eager tensors.
        return Parameters(dtype)


@cache
def reference(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, gradient, slices of the Hessian) by TensorFlow in float64."""

    @tf.function(autograph=False)
    def derivatives(x):
        y = (case.reference or case.f)(x, parameters("float64"))
        gradient = tf.gradients(y, x)[0]
        if tf.gradients(gradient, x)[0] is None:  # Piecewise linear: tf.hessians fails.
            return y, gradient, tf.zeros((N, K, N, K), x.dtype)
        return y, gradient, tf.hessians(tf.reduce_sum(y), x)[0]

    value, gradient, hessian = derivatives(tf.constant(case.x("float64")))
    return value.numpy(), gradient.numpy(), np.einsum("nknl->nkl", hessian.numpy())
