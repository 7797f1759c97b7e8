"""What a solve and a logdet cost through the operator and through dense blocks (Linux).

    python bench/operator_solve.py [--rows 1000] [--columns 1024] [--dense-rows 50] [--repeats 5]

f is logsumexp plus a ridge. The dense way forms the blocks (`bh.hessian`) and takes
tf.linalg.cholesky of them, for `dense-rows` rows, whose time is scaled to all rows: the blocks of
all of them take 4 N K^2 bytes. Both ways start from x, take turns, and are in float32, each in a
tf.function that is warm. The answers are compared with numpy.linalg in float64 on the dense rows.
What the process's memory rises by is counted over the operator's first call, tracing included.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import blockhess as bh
import committed
from streaming import forget_peak, peak

RIDGE = 0.1


def f(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(x, 1) + 0.5 * RIDGE * tf.reduce_sum(x * x, 1)


@tf.function
def by_operator(x: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    operator = bh.hessian_operator(f, x)
    return operator.solvevec(b), operator.log_abs_determinant()


@tf.function
def by_dense_blocks(x: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    factor = tf.linalg.cholesky(bh.hessian(f, x))
    solution = tf.linalg.cholesky_solve(factor, b[..., tf.newaxis])[..., 0]
    return solution, 2.0 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)


def exact(x: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The answers in float64, from the closed form diag(p) - p p' + RIDGE I, a row at a time."""
    solutions, determinants = [], []
    for row, right in zip(x.astype(np.float64), b.astype(np.float64), strict=True):
        p = np.exp(row - row.max())
        p /= p.sum()
        H = np.diag(p + RIDGE) - np.outer(p, p)
        solutions.append(np.linalg.solve(H, right))
        determinants.append(np.linalg.slogdet(H)[1])
    return np.array(solutions), np.array(determinants)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rise(call: Callable[[], object]) -> float:
    """By how many MiB the process's memory rises in a call."""
    forget_peak()
    before = peak()
    call()
    return (peak() - before) / 2**20


def relative(actual: tf.Tensor, expected: np.ndarray) -> float:
    return float(np.max(np.abs(actual.numpy() - expected)) / np.max(np.abs(expected)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--dense-rows", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    N, K, few = options.rows, options.columns, options.dense_rows
    random = np.random.default_rng(1)
    x, b = (tf.constant(random.normal(size=(N, K)), tf.float32) for _ in range(2))
    operator_rise = rise(lambda: by_operator(x, b))
    ours = [lambda: by_operator(x, b), lambda: by_dense_blocks(x[:few], b[:few])]
    for call in ours:
        call()
    times = [[seconds(call) for call in ours] for _ in range(options.repeats)]
    structured, dense = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(d * N / few / s for s, d in times)
    print(f"N = {N}, K = {K}, float32, solve and logdet from x, {options.repeats} repeats in turn")
    print(f"operator: {1e3 * structured:.1f} ms for {N} rows")
    print(f"dense blocks, Cholesky: {1e3 * dense:.0f} ms for {few} rows, {N / few:g}x for all")
    print(f"dense / operator: {ratio:.0f}")
    sizes = f"x has {4 * N * K / 2**20:.1f} MiB, the blocks {4 * N * K * K / 2**20:.0f} MiB"
    print(f"memory rises by {operator_rise:.1f} MiB in the operator's first call; {sizes}")
    truth = exact(x[:few].numpy(), b[:few].numpy())
    for name, results in (("operator", by_operator(x[:few], b[:few])), ("dense", ours[1]())):
        errors = [relative(a, e) for a, e in zip(results, truth, strict=True)]
        print(f"{name}, relative error: solve {errors[0]:.1e}, logdet {errors[1]:.1e}")


if __name__ == "__main__":
    committed.run(main)
