"""Functions of complex numbers, and casts of x to them."""

from __future__ import annotations

import tensorflow as tf
from case import Case
from points import MATRICES_2, SIGNED, X4, X8, rows, single
from reasons import COMPLEX_ABS, NO_ENTRY
from row_functions import curved, halves, matrices, positive_definite, power


def rational(z: tf.Tensor) -> tf.Tensor:
    return z**3 / (1 + z) + tf.sqrt(z) * tf.tanh(z)


def of_roots(z: tf.Tensor) -> tf.Tensor:
    quotient = tf.math.divide_no_nan(z, 1 + z)
    return tf.sigmoid(z) * tf.math.rsqrt(z) + tf.math.reciprocal(z) * tf.square(z) * quotient


def outer(z: tf.Tensor) -> tf.Tensor:
    return tf.matmul(z[:, :, None], tf.math.conj(z)[:, None, :])


CASES = [
    Case(
        "abs(z)^2", "ComplexAbs", lambda x: tf.reduce_sum(tf.abs(halves(x)) ** 2, 1), 0.5 + 0.3 * X4
    ),
    Case(
        "abs(z)^2 at 0",
        "ComplexAbs",
        lambda x: tf.reduce_sum(tf.abs(halves(x)) ** 2, 1),
        rows([0.0, 0.4, 0.0, 0.5], [0.3, 0.4, 0.2, 0.5]),
        reason=COMPLEX_ABS,
        tensorflow="wrong",
    ),
    Case("abs(z)", "ComplexAbs", lambda x: tf.reduce_sum(tf.abs(halves(x)), 1), 0.5 + 0.3 * X4),
    Case(
        "angle(z)",
        "Angle",
        lambda x: tf.reduce_sum(tf.math.angle(halves(x)), 1),
        0.5 + 0.3 * X4,
        step=0.01,
    ),
    Case(
        "exp(z) log(z)",
        "Exp, Log",
        lambda x: tf.reduce_sum(tf.math.real(tf.exp(halves(x)) * tf.math.log(halves(x))), 1),
        0.6 + 0.3 * X4,
        step=0.01,
    ),
    Case(
        "z^3 / (1 + z) + sqrt(z) tanh(z)",
        "Pow, RealDiv, Sqrt, Tanh",
        lambda x: tf.reduce_sum(tf.math.imag(rational(halves(x))), 1),
        0.6 + 0.3 * X4,
        step=0.01,
    ),
    Case(
        "sigmoid, rsqrt, reciprocal, square of z",
        "Sigmoid, Rsqrt, Reciprocal, Square",
        lambda x: tf.reduce_sum(tf.math.real(of_roots(halves(x))), 1),
        0.6 + 0.3 * X4,
        step=0.01,
    ),
    Case(
        "z conj(z)'",
        "Conj, BatchMatMulV2",
        lambda x: curved(tf.math.real(outer(halves(x)))),
        0.6 + 0.3 * X4,
    ),
    Case(
        "fft of tf.cast(x, complex128), power",
        "Cast",
        lambda x: power(tf.signal.fft(tf.cast(x, tf.complex128))),
        X8,
    ),
    Case(
        "x^2 + fft of tf.cast(x, complex128), power",
        "Cast",
        lambda x: tf.reduce_sum(x * x, 1) + power(tf.signal.fft(tf.cast(x, tf.complex128))),
        X8,
    ),
    Case(
        "abs(sum of c cast(x, complex))^2",
        "Cast",
        lambda x: (
            tf.abs(
                tf.reduce_sum(tf.cast(x, tf.complex128) * tf.constant([1 + 2j, 0.5 - 1j, 2j]), 1)
            )
            ** 2
        ),
        SIGNED,
    ),
    Case(
        "real(exp(i * cast(x, complex64)))",
        "Cast",
        lambda x: tf.reduce_sum(tf.math.real(tf.exp(1j * tf.cast(x, tf.complex64))), 1),
        single(SIGNED),
        reference=lambda x: tf.reduce_sum(tf.cos(x), 1),
    ),
    Case(
        "LinearOperatorCirculant matvec of casts",
        "Cast",
        lambda x: curved(
            tf.math.real(
                tf.linalg.LinearOperatorCirculant(
                    tf.cast(tf.exp(x), tf.complex128), input_output_dtype=tf.complex128
                ).matvec(tf.cast(tf.sin(x), tf.complex128))
            )
        ),
        SIGNED,
    ),
    Case(
        "eigvals of a cast to complex",
        "Cast",
        lambda x: tf.reduce_sum(
            tf.math.real(tf.linalg.eigvals(tf.cast(matrices(x), tf.complex128)) ** 3), 1
        ),
        MATRICES_2,
        reference=lambda x: tf.linalg.trace(matrices(x) @ matrices(x) @ matrices(x)),
        tolerance=1e-4,
    ),
    Case(
        "logm of a cast",
        "Cast, MatrixLogarithm",
        lambda x: curved(
            tf.math.real(tf.linalg.logm(tf.cast(positive_definite(x), tf.complex128)))
        ),
        MATRICES_2,
        "refused",
        NO_ENTRY,
        refusal="MatrixLogarithm",
    ),
]
