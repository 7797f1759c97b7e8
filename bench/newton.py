"""Newton directions against blocks, tf.linalg.cholesky and cholesky_solve, in pairs.

    python bench/newton.py [--rounds 15]

Both are eager calls of a known f: `newton_direction`, and `value_grad_hessian` with a solution by
Cholesky factors of its blocks, which are all positive definite here. Median milliseconds of ours
and of the blocks alone; the median ratio of the other's time to ours in the same round.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import blockhess as bh
import committed
from machine import processor
from measure import once

SIZES = [(100_000, 3), (100_000, 8), (20_000, 32), (2_000, 128)]


def density(x: tf.Tensor, A: tf.Tensor) -> tf.Tensor:
    return tf.exp(0.05 * tf.reduce_sum(x * (x @ A), 1)) + tf.reduce_sum(tf.exp(x), 1)


def softplus(x: tf.Tensor, A: tf.Tensor) -> tf.Tensor:
    return tf.nn.softplus(0.5 * tf.reduce_sum(x * (x @ A), 1)) + tf.reduce_sum(x * x, 1)


def logsumexp(x: tf.Tensor, A: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(x, 1) + 0.5 * tf.reduce_sum(x * x, 1)


def least_squares(x: tf.Tensor, A: tf.Tensor) -> tf.Tensor:
    """A function that takes the autodiff route."""
    return tf.reduce_sum(tf.square(tf.tanh(0.3 * (x @ A))) + 2 * tf.square(x), 1)


FUNCTIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "exp(x'Ax/20) + sum(exp(x))": density,
    "softplus(x'Ax/2) + sum(x*x)": softplus,
    "logsumexp(x) + sum(x*x)/2": logsumexp,
    "sum(tanh(0.3 x @ A)**2 + 2*x*x)": least_squares,
}


def measure(
    f: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, rounds: int
) -> tuple[float, float, float]:
    """Milliseconds of ours and of the blocks, and the ratio of the other way to ours."""

    def ours() -> tf.Tensor:
        return bh.newton_direction(f, x)

    def blocks() -> bh.ValueGradHessian:
        return bh.value_grad_hessian(f, x)

    def other() -> tf.Tensor:
        _, gradient, hessian = blocks()
        return tf.linalg.cholesky_solve(tf.linalg.cholesky(hessian), -gradient[..., tf.newaxis])

    difference = np.abs(ours() - other()[..., 0]).max() / np.abs(ours()).max()
    assert difference < (1e-3 if x.dtype == tf.float32 else 1e-8), difference
    for call in (ours, blocks, other, ours, blocks, other):
        call()
    times = [(once(ours), once(blocks), once(other)) for _ in range(rounds)]
    ratio = statistics.median(theirs / own for own, _, theirs in times)
    own, of_blocks, _ = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return own, of_blocks, ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {processor()}")
    print(f"{'':34}{'N':>7}{'K':>5}{'dtype':>9}{'ours':>12}{'blocks':>12}{'other / ours':>14}")
    for title, function in FUNCTIONS.items():
        for N, K in SIZES:
            if function is least_squares and N * K * K > 10**7:
                continue
            for dtype in ("float32", "float64"):
                random = np.random.default_rng(3)
                x = tf.constant(random.normal(size=(N, K)) / np.sqrt(K), dtype)
                B = random.normal(size=(K, K))
                A = tf.constant(B @ B.T / K, dtype)

                def f(x: tf.Tensor, A: tf.Tensor = A, function: Callable = function) -> tf.Tensor:
                    return function(x, A)

                own, blocks, ratio = measure(f, x, rounds)
                numbers = f"{own:9.2f} ms{blocks:9.2f} ms{ratio:14.1f}"
                print(f"{title:34}{N:7}{K:5}{dtype:>9}{numbers}", flush=True)


if __name__ == "__main__":
    committed.run(main)
