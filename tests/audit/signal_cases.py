"""Fourier transforms, and what is made of them."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from case import Case
from points import X7, X8, X9, drawn, rows
from reasons import COMPLEX_ABS, GRADIENT_REFUSES, NO_ENTRY
from row_functions import curved, interleaved, power, weighted

CASES = [
    Case(
        "ops.stft",
        "RFFT",
        lambda x: curved(tf.add_n([part**2 for part in keras.ops.stft(x, 4, 2, 4)])),
        X8,
    ),
    Case("fft, power", "FFT", lambda x: power(tf.signal.fft(interleaved(x))), X8),
    Case("ifft, power", "IFFT", lambda x: power(tf.signal.ifft(interleaved(x))), X8),
    Case(
        "fft2d, power",
        "FFT2D",
        lambda x: power(tf.signal.fft2d(tf.reshape(interleaved(x), (-1, 2, 2)))),
        X8,
    ),
    Case(
        "ifft2d, power",
        "IFFT2D",
        lambda x: power(tf.signal.ifft2d(tf.reshape(interleaved(x), (-1, 2, 2)))),
        X8,
    ),
    Case(
        "fft3d, power",
        "FFT3D",
        lambda x: power(tf.signal.fft3d(tf.reshape(interleaved(x), (-1, 2, 2, 1)))),
        X8,
    ),
    Case(
        "fftnd, power",
        "FFTND",
        lambda x: power(tf.signal.fftnd(tf.reshape(interleaved(x), (-1, 2, 2)), axes=[1, 2])),
        X8,
        outcome="refused",
        refusal="FFTND",
        reason=NO_ENTRY,
    ),
    Case("rfft, power", "RFFT", lambda x: power(tf.signal.rfft(x)), X8),
    Case("rfft, power, odd length", "RFFT", lambda x: power(tf.signal.rfft(x)), X7),
    Case("rfft, padded to 12", "RFFT", lambda x: power(tf.signal.rfft(x, [12])), X8),
    Case(
        "rfft, cut to 6",
        "RFFT",
        lambda x: power(tf.signal.rfft(x, [6])),
        X8,
        reason=GRADIENT_REFUSES,
        tensorflow="raises",
    ),
    Case("rfft, abs squared", "ComplexAbs", lambda x: weighted(tf.abs(tf.signal.rfft(x)) ** 2), X8),
    Case(
        "rfft, abs squared, silence",
        "ComplexAbs",
        lambda x: weighted(tf.abs(tf.signal.rfft(x)) ** 2),
        np.zeros((1, 8)),
        reason=COMPLEX_ABS,
        tensorflow="zero",
    ),
    Case(
        "rfft, abs squared, constant row",
        "ComplexAbs",
        lambda x: weighted(tf.abs(tf.signal.rfft(x)) ** 2),
        np.ones((1, 8)),
        reason=COMPLEX_ABS,
        tensorflow="wrong",
    ),
    Case(
        "rfft2d, power", "RFFT2D", lambda x: power(tf.signal.rfft2d(tf.reshape(x, (-1, 2, 4)))), X8
    ),
    Case(
        "rfft2d, power, 3x3",
        "RFFT2D",
        lambda x: power(tf.signal.rfft2d(tf.reshape(x, (-1, 3, 3)))),
        X9,
    ),
    Case(
        "rfft3d, power",
        "RFFT3D",
        lambda x: power(tf.signal.rfft3d(tf.reshape(x, (-1, 2, 2, 2)))),
        X8,
        outcome="refused",
        refusal="RFFT3D",
        reason=NO_ENTRY,
    ),
    Case(
        "rfftnd, power",
        "RFFTND",
        lambda x: power(tf.signal.rfftnd(tf.reshape(x, (-1, 2, 4)), axes=[1, 2])),
        X8,
        outcome="refused",
        refusal="RFFTND",
        reason=NO_ENTRY,
    ),
    Case("irfft", "IRFFT", lambda x: curved(tf.signal.irfft(interleaved(x))), X8),
    Case("irfft, odd length", "IRFFT", lambda x: curved(tf.signal.irfft(interleaved(x), [7])), X8),
    Case("irfft, longer", "IRFFT", lambda x: curved(tf.signal.irfft(interleaved(x), [10])), X8),
    Case(
        "irfft2d",
        "IRFFT2D",
        lambda x: curved(tf.signal.irfft2d(tf.reshape(interleaved(x), (-1, 2, 2)))),
        X8,
    ),
    Case(
        "irfft2d, 3 x 3",
        "IRFFT2D",
        lambda x: curved(tf.signal.irfft2d(tf.reshape(interleaved(x), (-1, 3, 3)), [3, 4])),
        drawn(-0.9, 0.9, 1, 18),
    ),
    Case(
        "irfft3d",
        "IRFFT3D",
        lambda x: curved(tf.signal.irfft3d(tf.reshape(interleaved(x), (-1, 2, 2, 1)), [2, 2, 1])),
        X8,
        outcome="refused",
        refusal="IRFFT3D",
        reason=NO_ENTRY,
    ),
    Case("idct", "IRFFT", lambda x: curved(tf.signal.idct(x, norm="ortho")), X8),
    Case("stft, power", "RFFT", lambda x: power(tf.signal.stft(x, 4, 2)), X8),
    Case(
        "stft, magnitude squared, silence in a frame",
        "ComplexAbs",
        lambda x: weighted(tf.reshape(tf.abs(tf.signal.stft(x, 4, 2)) ** 2, (-1, 9))),
        rows([0.0, 0, 0, 0, 0, 0.4, -0.3, 0.6]),
        reason=COMPLEX_ABS,
        tensorflow="wrong",
    ),
    Case(
        "inverse_stft",
        "IRFFT",
        lambda x: curved(
            tf.signal.inverse_stft(
                tf.complex(tf.reshape(x, (-1, 3, 3)), tf.reshape(tf.sin(x), (-1, 3, 3))), 4, 2
            )
        ),
        X9,
    ),
    Case(
        "frame, overlap_and_add",
        "frame",
        lambda x: curved(tf.signal.overlap_and_add(tf.signal.frame(x, 4, 2) ** 2, 2)),
        X8,
    ),
    Case("fftshift", "Roll", lambda x: curved(tf.signal.fftshift(x, axes=[1]) * x), X8),
    Case("mdct", "RFFT", lambda x: curved(tf.signal.mdct(x, 4)), X8),
    Case(
        "mfccs",
        "RFFT",
        lambda x: curved(tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(x * x + 1))),
        X8,
    ),
    *(
        Case(
            f"dct, type {number}",
            "RFFT",
            lambda x, number=number: curved(tf.signal.dct(x, type=number)),
            X8,
        )
        for number in (1, 2, 3, 4)
    ),
]
