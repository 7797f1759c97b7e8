"""The demo: the first problem in a TF1 graph, then a density at full size, checked and timed."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.table import Table

import blockhess
from blockhess.terminal import baselines
from blockhess.terminal.outcome import CommandError, Exit, Outcome
from blockhess.terminal.screen import Screen, table

OURS = "blockhess"


def run(arguments: argparse.Namespace, screen: Screen) -> Outcome:
    del arguments
    return Outcome(Exit.GOOD, {"first_problem": first_problem(screen), "density": density(screen)})


def first_problem(screen: Screen) -> list[dict[str, Any]]:
    """f = sum(x * x) over a placeholder whose number of rows is known only when it is fed."""
    console = screen.console
    console.rule("The first problem: f = sum(x * x), x = placeholder(float32, (None, 3))")
    found = []
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
            error = _check(screen, "the slices of tf.hessians, which built", b, slices, h.shape)
            arrays = {"x": feed[x], "gradient": g, "blocks": b}
            found.append({name: array.tolist() for name, array in arrays.items()})
            found[-1]["largest_difference"] = error
    return found


def _check(
    screen: Screen, name: str, blocks: np.ndarray, expected: np.ndarray, shape: tuple[int, ...]
) -> float:
    error = float(np.max(np.abs(blocks - expected)) / np.max(np.abs(expected)))
    if not error < 1e-5:
        message = f"blocks differ from {name} {shape} by {error:.2e}"
        raise CommandError(Exit.FAILED, message)
    screen.console.print(f"[green]equal[/green] to {name} {shape}: largest difference {error:.1e}")
    return error


def gaussian(K: int) -> tuple[tf.Tensor, baselines.RowFunction]:
    """(A, f) of the density f(x) = exp(-x' A x / 2)."""
    root = np.random.default_rng(0).normal(size=(K, K))
    A = tf.constant(np.eye(K) + root @ root.T / K, tf.float32)
    return A, lambda x: tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), axis=1))


def sample(N: int, K: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).normal(size=(N, K)), tf.float32)


def ways(f: baselines.RowFunction) -> dict[str, Callable[[tf.Tensor], tf.Tensor]]:
    """blockhess and TensorFlow's own ways, by name."""
    found = {OURS: tf.function(lambda x: blockhess.hessian(f, x), autograph=False)}
    for name, way in baselines.WAYS.items():
        found[name] = baselines.compiled(way, f, xla=False)
        found[f"{name}, XLA"] = baselines.compiled(way, f, xla=True)
    return found


def density(screen: Screen, N: int = 100_000, K: int = 8) -> dict[str, Any]:
    """A Gaussian density by `blockhess.hessian`, checked and timed, with its peak memory."""
    console = screen.console
    console.rule(f"A density, f(x) = exp(-x' A x / 2), N = {N:,}, K = {K}, float32")
    A, f = gaussian(K)
    x = sample(N, K)
    plan = str(blockhess.explain(f, x))
    console.print(plan, markup=False)
    blocks = blockhess.hessian(f, x).numpy()
    # The closed form, f (A x x' A - A), in float64.
    A, few = tf.cast(A, tf.float64), tf.cast(x[:4], tf.float64)
    Ax = few @ A
    value = tf.exp(-0.5 * tf.reduce_sum(few * Ax, 1))
    exact = (value[:, None, None] * (Ax[:, :, None] * Ax[:, None, :] - A)).numpy()
    name = "the closed form in float64 for the first rows,"
    error = _check(screen, name, blocks[:4], exact, exact.shape)
    with screen.progress() as progress:
        progress.add_task("TensorFlow's own ways to the same blocks", total=None)
        medians = _times(ways(f), x, blocks)
        best = min((name for name in medians if name != OURS), key=medians.__getitem__)
        memory = _memory([OURS, best], N, K)
    console.print(_table(medians, memory))
    console.print(
        f"TensorFlow's best way here, {best}, takes {medians[best] / medians[OURS]:.1f} times as "
        f"long. Peak memory is that of the whole process beyond the same at N = 8; the output "
        f"alone is {_in_MiB(blocks.nbytes)}."
    )
    return {
        "plan": plan,
        "largest_difference": error,
        "median_seconds": medians,
        "peak_bytes": memory,
        "output_bytes": blocks.nbytes,
    }


def _table(medians: dict[str, float], memory: dict[str, int | None]) -> Table:
    shown = table("way", "median of 15", "times blockhess", "peak memory")
    for name in sorted(medians, key=medians.__getitem__):
        time_taken, ratio = f"{1e3 * medians[name]:.2f} ms", medians[name] / medians[OURS]
        weight = _in_MiB(memory[name]) if name in memory else ""
        shown.add_row(name, time_taken, f"{ratio:.1f}", weight)
    return shown


def _in_MiB(count: int | None) -> str:
    return "not measured" if count is None else f"{count / 2**20:.0f} MiB"


def _times(
    by_name: dict[str, Callable], x: tf.Tensor, blocks: np.ndarray, rounds: int = 15
) -> dict[str, float]:
    """Median seconds of each way, all of them run in turn; each must give the same blocks."""
    for name, way in by_name.items():
        difference = np.max(np.abs(way(x).numpy() - blocks))
        if not difference < 1e-4 * np.max(np.abs(blocks)):
            message = f"{name} differs from blockhess by {difference:.1e}"
            raise CommandError(Exit.FAILED, message)
    times: dict[str, list[float]] = {name: [] for name in by_name}
    for _ in range(rounds):
        for name, way in by_name.items():
            start = time.perf_counter()
            way(x)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def print_peak(name: str, N: int, K: int) -> None:
    """Prints the peak of resident memory in KiB (Linux), beyond that of the same at N = 8."""
    small, large = (_peak(name, rows, K) for rows in (8, N))
    print(large - small)


def _peak(name: str, N: int, K: int) -> int:
    call, x = ways(gaussian(K)[1])[name], sample(N, K)
    # Sets the high-water mark to what is resident now: importing TensorFlow takes more than a call.
    Path("/proc/self/clear_refs").write_text("5")
    call(x)
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def _memory(names: list[str], N: int, K: int) -> dict[str, int | None]:
    """Peak bytes of each way, each in a process of its own."""
    found: dict[str, int | None] = {}
    for name in names:
        code = f"from blockhess.terminal.demo import print_peak; print_peak({name!r}, {N}, {K})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        found[name] = None if done.returncode else 1024 * int(done.stdout)
    return found
