"""The autodiff route beside TensorFlow's own ways, interleaved in one process; prints ratios.

    python bench/autodiff_route.py [--rounds 41]

Every way's blocks are compared with ours before it is timed. A ratio is the median over rounds of
(its time / the time of blockhess in the same round), so above 1 blockhess is faster. `check` is the
route with its probe for rows that interact, which the public interface leaves out where the graph
proves that they do not; the other ways trust f, and so does `blockhess`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import committed
from blockhess.routes.autodiff import columns
from blockhess.terminal.baselines import WAYS, compiled
from machine import processor

HIDDEN = 64
# Past so many columns the ways that write out every column take minutes to build.
MOST_COLUMNS = 256
SIZES = ((10000, 8), (2000, 32), (200, 128), (1, 2000))


def mlp(K: int) -> Callable[[tf.Tensor], tf.Tensor]:
    rng = np.random.default_rng(1)
    sizes = [(K, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1)]
    first, second, last = (
        tf.constant(rng.normal(size=size) / np.sqrt(size[0]), tf.float32) for size in sizes
    )
    return lambda x: tf.reduce_sum(tf.tanh(tf.tanh(x @ first) @ second) @ last)


def mix(K: int) -> Callable[[tf.Tensor], tf.Tensor]:
    del K
    return lambda x: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x))


def density(K: int) -> Callable[[tf.Tensor], tf.Tensor]:
    root = np.random.default_rng(1).normal(size=(K, K)) / K
    A = tf.constant(np.eye(K) / K + root @ root.T, tf.float32)
    return lambda x: tf.reduce_sum(tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), 1)))


FUNCTIONS = {
    "MLP 64-64": mlp,
    "sum(sin(x)*exp(-x*x) + softplus(x))": mix,
    "sum(exp(-x'Ax/2))": density,
}


def measure(f: Callable, x: tf.Tensor, rounds: int) -> tuple[float, dict[str, float]]:
    """Median milliseconds of blockhess; the other ways' median ratios to it."""

    def route(coupling: str) -> Callable:
        def blocks(x: tf.Tensor) -> tf.Tensor:
            return columns.differentiate(f(x), x, layout="dense", coupling=coupling)[1]

        return tf.function(blocks, autograph=False)

    ways: dict[str, Callable] = {
        "blockhess": route("assume_independent"),
        "check": route("check"),
    }
    for name, way in WAYS.items():
        if name == "batch_jacobian" or x.shape[-1] <= MOST_COLUMNS:
            ways[name] = compiled(way, f, xla=False)
    expected = ways["blockhess"](x).numpy()
    for name, way in ways.items():
        error = np.max(np.abs(way(x).numpy() - expected)) / np.max(np.abs(expected))
        assert error < 1e-4, (name, error)
        way(x)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way(x)
            times[name].append(time.perf_counter() - start)
    own = times.pop("blockhess")
    ratios = {
        name: statistics.median(other / ours for other, ours in zip(taken, own, strict=True))
        for name, taken in times.items()
    }
    return 1e3 * statistics.median(own), ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41)
    arguments = parser.parse_args()
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {processor()}, float32")
    names = ["check", *WAYS]
    print(f"{'':36}{'N':>6}{'K':>6}{'blockhess':>12}", *(f"{name:>22}" for name in names))
    for title, function in FUNCTIONS.items():
        for N, K in SIZES:
            if K > MOST_COLUMNS and function is mlp:
                continue
            x = tf.constant(np.random.default_rng(2).normal(size=(N, K)), tf.float32)
            own, ratios = measure(function(K), x, arguments.rounds)
            row = (f"{ratios[name]:.2f}" if name in ratios else "-" for name in names)
            print(
                f"{title:36}{N:6}{K:6}{own:9.2f} ms", *(f"{entry:>22}" for entry in row), flush=True
            )


if __name__ == "__main__":
    committed.run(main)
