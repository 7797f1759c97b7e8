"""Normalizations, quantization and cropped Fourier transforms."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from checks import Case, curved, curved_values, in_numpy

import blockhess as bh

raw = tf.raw_ops
rng = np.random.default_rng(21)
ROW = np.round(rng.uniform(-0.9, 0.9, (1, 6)), 2)
ROWS = np.round(rng.uniform(-0.9, 0.9, (2, 6)), 2)


def local_response(x):
    y = tf.reshape(x, (-1, 1, 1, 6))
    return curved(tf.nn.local_response_normalization(y, 1, 0.7, 0.5, 0.75))


def local_response_in_numpy(x):
    s = np.pad(x * x, ((0, 0), (1, 1)))
    return curved_values(x * (0.7 + 0.5 * (s[:, :-2] + s[:, 1:-1] + s[:, 2:])) ** -0.75)


def batch(x, training, **keys):
    """A single row: three points of two channels, which give the statistics, too."""
    y = tf.reshape(x, (1, 3, 1, 2))
    given = x[0, :2] * x[0, 2:4], 0.5 + x[0, 4:] ** 2
    return raw.FusedBatchNormV3(
        x=y,
        scale=given[1],
        offset=given[0],
        mean=given[0],
        variance=given[1],
        epsilon=0.01,
        is_training=training,
        **keys,
    )


def fused(training, **keys):
    def f(x):
        y, mean, variance, *_ = batch(x, training, **keys)
        flat = [tf.reshape(part, (1, -1)) for part in (y, mean, variance)]
        return curved(tf.ensure_shape(tf.concat(flat, 1), (1, 10)))

    return f


def fused_in_numpy(training, factor=1.0):
    def values(x):
        y = x.reshape(-1, 3, 2)
        mean, variance = x[:, :2] * x[:, 2:4], 0.5 + x[:, 4:] ** 2
        new, scale, offset = [mean, variance], variance, mean
        if training:
            mean, variance = y.mean(1), y.var(1)
            new = [
                (1 - factor) * old + factor * n
                for old, n in zip(new, (mean, variance * 1.5), strict=True)
            ]
        y = (y - mean[:, None]) / np.sqrt(variance[:, None] + 0.01)
        y = y * scale[:, None] + offset[:, None]
        return curved_values(np.concatenate([y.reshape(len(x), -1), *new], 1))

    return values


def slope(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(batch(x, True)[0] ** 3)
    return tf.reduce_sum(tape.gradient(y, x) ** 2, 1)


def spectrum(x):
    half = tf.signal.rfft(x, [4])
    back = tf.signal.irfft(tf.cast(tf.reshape(x, (-1, 6)), tf.complex128), [6])
    parts = [tf.math.real(half), tf.math.imag(half), back]
    return curved(tf.ensure_shape(tf.concat(parts, 1), (None, 12)))


def spectrum_in_numpy(x):
    half, back = np.fft.rfft(x[:, :4]), np.fft.irfft(x[:, :4], 6)
    return curved_values(np.concatenate([half.real, half.imag, back], 1))


SINGLE = {"dtype": "float32", "h": 0.05, "tolerance": 2e-4}
CASES = [
    Case("local response", local_response, ROWS, in_numpy(local_response_in_numpy), **SINGLE),
    Case("batch, inference", fused(False), ROW, in_numpy(fused_in_numpy(False)), **SINGLE),
    Case("batch, training", fused(True), ROW, in_numpy(fused_in_numpy(True)), **SINGLE),
    Case(
        "batch, averaged",
        fused(True, exponential_avg_factor=0.25),
        ROW,
        in_numpy(fused_in_numpy(True, 0.25)),
        **SINGLE,
    ),
    Case("cropped spectra", spectrum, ROWS, in_numpy(spectrum_in_numpy), h=0.1),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_against_their_formulas(case):
    case.check()


def test_a_slope_of_a_batch_normalization_within_f():
    """Against the same written with reduce_variance, in 64 bits."""

    def written(x):
        y = tf.reshape(x, (3, 2))
        given, scale = x[0, :2] * x[0, 2:4], 0.5 + x[0, 4:] ** 2
        mean, variance = tf.reduce_mean(y, 0), tf.math.reduce_variance(y, 0)
        y = (y - mean) * tf.math.rsqrt(variance + 0.01) * scale + given
        return tf.reduce_sum(tf.gradients(tf.reduce_sum(y**3), x)[0] ** 2, 1)

    actual = bh.hessian(slope, tf.constant(ROW, tf.float32), route="autodiff").numpy()
    expected = bh.hessian(written, tf.constant(ROW), route="autodiff").numpy()
    np.testing.assert_allclose(actual, expected, atol=2e-4 * np.abs(expected).max())


def quantized(kind):
    if kind == "args":
        return lambda x: tf.quantization.fake_quant_with_min_max_args(x, -0.5, 0.6)
    if kind == "vars":
        return lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -0.5, 0.6)
    if kind == "channels":
        low, high = tf.fill([6], -0.5), tf.fill([6], 0.6)
        return lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high)
    return lambda x: tf.quantization.quantize_and_dequantize_v2(x, -0.5, 0.5, range_given=True)


@pytest.mark.parametrize("kind", ["args", "vars", "channels", "and back"])
def test_quantization_has_the_blocks_of_its_declared_gradient(kind):
    """The gradient is a mask of the range times that of what follows: so is the block, twice."""
    quantize = quantized(kind)
    x = tf.constant(ROWS, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantize(x)
    inside = tape.gradient(y, x).numpy()
    assert 0 < inside.sum() < inside.size
    blocks = bh.hessian(lambda t: tf.reduce_sum(tf.sin(quantize(t)), 1), x, route="autodiff")
    expected = [np.diag(-np.sin(q) * mask) for q, mask in zip(y.numpy(), inside, strict=True)]
    np.testing.assert_allclose(blocks, expected, atol=1e-6)


def test_quantization_by_the_ends_of_its_range():
    """Cells below the range have the slope 1 by its lower end, cells above by its upper end."""

    def f(x):
        y = tf.quantization.fake_quant_with_min_max_vars(x[0, 2:], x[0, 0], x[0, 1])
        return tf.reduce_sum(tf.sin(y))[tf.newaxis]

    x = tf.constant([[-1.0, 1.0, -1.5, 0.0, 2.0]])
    expected = np.diag([np.sin(1), -np.sin(1), 0, 0, 0])
    actual = bh.hessian(f, x, route="autodiff")[0]
    np.testing.assert_allclose(actual, expected, atol=1e-2)
