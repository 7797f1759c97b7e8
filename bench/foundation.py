"""The fused route beside TensorFlow's own ways, interleaved in one process; prints ratios.

    python bench/foundation.py [--rows 100000] [--columns 8] [--rounds 31]

Every way's blocks are compared with ours before it is timed. A ratio is the median over rounds of
(its time / the time of blockhess in the same round); `fill` is one warm write of the same output.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import blockhess as bh
from blockhess.baselines import WAYS, compiled


def functions(K: int) -> dict[str, Callable[[tf.Tensor], tf.Tensor]]:
    root = np.random.default_rng(1).normal(size=(K, K)) / K
    A = tf.constant(np.eye(K) + root @ root.T, tf.float32)
    return {
        "sum(sin(x)*exp(-x*x) + softplus(x))": lambda x: tf.reduce_sum(
            tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x)
        ),
        "sum(exp(-x'Ax/2))": lambda x: tf.reduce_sum(tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), 1))),
        "sum(logsumexp(x, 1))": lambda x: tf.reduce_sum(tf.reduce_logsumexp(x, 1)),
    }


def measure(f: Callable, x: tf.Tensor, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """(median milliseconds, median ratio to blockhess) of each way."""
    K = x.shape[-1]
    ways: dict[str, Callable] = {
        "blockhess": tf.function(lambda x: bh.hessian(f, x, route="fused"), autograph=False),
        "fill": tf.function(lambda x: tf.fill([tf.shape(x)[0], K, K], x[0, 0]), autograph=False),
    }
    for name, way in WAYS.items():
        for xla in (False, True):
            ways[f"{name}{', XLA' if xla else ''}"] = compiled(way, f, xla)
    expected = ways["blockhess"](x).numpy()
    for name, way in ways.items():
        actual = way(x).numpy()
        way(x)
        if name != "fill":
            error = np.max(np.abs(actual - expected)) / np.max(np.abs(expected))
            assert error < 1e-5, (name, error)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way(x)
            times[name].append(1e3 * (time.perf_counter() - start))
    ours = times["blockhess"]
    ratios = {
        name: statistics.median(t / own for t, own in zip(values, ours, strict=True))
        for name, values in times.items()
    }
    return {name: statistics.median(values) for name, values in times.items()}, ratios


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    x = tf.random.stateless_normal((options.rows, options.columns), [1, 2])
    info = bh.build_info()
    print(f"{processor()}, {os.cpu_count()} cores; TensorFlow {tf.__version__}; isa {info['isa']}")
    print(f"N = {options.rows}, K = {options.columns}, float32, {options.rounds} rounds")
    for name, f in functions(options.columns).items():
        medians, ratios = measure(f, x, options.rounds)
        print(f"\n{name}")
        for way in sorted(medians, key=medians.__getitem__):
            print(f"  {way:32s} {medians[way]:8.2f} ms   {ratios[way]:6.2f} times blockhess")


if __name__ == "__main__":
    main()
