"""The demo: the first problem in a TF1 graph, then a density at full size, checked and timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

import blockhess
from blockhess import baselines

console = Console()


def main() -> None:
    first_problem()
    density()


def first_problem() -> None:
    """f = sum(x * x) over a placeholder whose number of rows is known only when it is fed."""
    console.rule(
        "The first problem: a TF1 graph, x = placeholder(float32, (None, 3)), f = sum(x * x)"
    )
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 3), name="x")
        f = tf.reduce_sum(x * x)
        gradient = tf.gradients(f, x)[0]
        (blocks,) = blockhess.hessians(f, x)
        (full,) = tf.hessians(f, x)
        for rows in ([[1, 2, 3], [4, 5, 6]], [[0.5, -1, 2]]):
            feed = {x: np.array(rows, np.float32)}
            g, b, h = session.run([gradient, blocks, full], feed)
            console.print(f"x {feed[x].shape}, gradient {g.shape}:\n{g}\nblocks {b.shape}:\n{b}")
            slices = np.stack([h[i, :, i, :] for i in range(len(h))])
            _check("the slices of tf.hessians, which built", b, slices, h.shape)


def _check(name: str, blocks: np.ndarray, expected: np.ndarray, shape: tuple[int, ...]) -> None:
    error = np.max(np.abs(blocks - expected)) / np.max(np.abs(expected))
    if not error < 1e-5:
        raise SystemExit(f"blocks differ from {name} {shape} by {error:.2e}")
    console.print(f"[green]equal[/green] to {name} {shape}: largest difference {error:.1e}")


def density(N: int = 100_000, K: int = 8) -> None:
    """A Gaussian density, exp(-x' A x / 2), through the modern interface."""
    console.rule(f"A density, f(x) = exp(-x' A x / 2), N = {N:,}, K = {K}, float32")
    random = np.random.default_rng(0)
    root = random.normal(size=(K, K))
    A = tf.constant(np.eye(K) + root @ root.T / K, tf.float32)
    x = tf.constant(random.normal(size=(N, K)), tf.float32)

    def f(x: tf.Tensor) -> tf.Tensor:
        return tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), axis=1))

    console.print(str(blockhess.explain(f, x)), highlight=False)
    compiled = tf.function(lambda x: blockhess.hessian(f, x), autograph=False)
    blocks = compiled(x).numpy()
    few = tf.cast(x[:4], tf.float64)
    # The closed form, f (A x x' A - A), in float64.
    Ax = few @ tf.cast(A, tf.float64)
    value = tf.exp(-0.5 * tf.reduce_sum(few * Ax, 1))
    exact = value[:, None, None] * (Ax[:, :, None] * Ax[:, None, :] - tf.cast(A, tf.float64))
    _check("the closed form in float64 for the first rows,", blocks[:4], exact.numpy(), exact.shape)
    ways: dict[str, Callable] = {"blockhess": compiled}
    for name, way in baselines.WAYS.items():
        for xla in (False, True):
            ways[f"{name}{', XLA' if xla else ''}"] = baselines.compiled(way, f, xla)
    _compare(ways, x, blocks)


def _compare(ways: dict[str, Callable], x: tf.Tensor, blocks: np.ndarray) -> None:
    """Times the ways in turn, and what each needs in memory beyond what was there before."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    memory = {}
    for name, way in ways.items():
        difference = np.max(np.abs(way(x).numpy() - blocks))
        if not difference < 1e-4 * np.max(np.abs(blocks)):
            raise SystemExit(f"{name} differs from blockhess by {difference:.1e}")
        memory[name] = _peak(lambda way=way: way(x))
    for _ in range(15):
        for name, way in ways.items():
            start = time.perf_counter()
            way(x)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    best = min((name for name in ways if name != "blockhess"), key=medians.__getitem__)
    table = Table("way", "median of 15", "peak memory", "times blockhess")
    for name in sorted(ways, key=medians.__getitem__):
        ratio = medians[name] / medians["blockhess"]
        table.add_row(name, f"{1e3 * medians[name]:.2f} ms", memory[name], f"{ratio:.1f}")
    console.print(table)
    console.print(
        f"blockhess takes 1/{medians[best] / medians['blockhess']:.1f} of the time of TensorFlow's "
        f"best way here, {best}. The output alone is {blocks.nbytes / 2**20:.0f} MiB."
    )


def _peak(call: Callable[[], object]) -> str:
    """The peak of resident memory during a call beyond what was resident before it (Linux)."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        clear.write_text("5")  # Sets the high-water mark to what is resident now.
    except OSError:
        return "not measured"

    def kilobytes(field: str) -> int:
        return int(status.read_text().split(f"{field}:")[1].split()[0])

    before = kilobytes("VmRSS")
    result = call()
    peak = max(kilobytes("VmHWM") - before, 0)
    del result
    return f"{peak / 1024:.0f} MiB"
