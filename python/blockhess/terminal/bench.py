"""A minute of comparisons with TensorFlow's own way to the blocks, and with a fill."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from rich.table import Table

import blockhess as bh
from blockhess.terminal import baselines
from blockhess.terminal.outcome import CommandError, Exit, Outcome
from blockhess.terminal.screen import Screen, table

SIZES = ((1_000, 3), (100_000, 8), (20_000, 32))
# A comparison may take so many seconds and rounds; all of them, with their traces, take a minute.
SECONDS, LEAST_ROUNDS, MOST_ROUNDS = 1.0, 5, 200

Call = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    formula: str
    f: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # of x and a positive definite A


CASES = (
    Case(
        "elementwise",
        "sum(sin(x) exp(-x^2) + softplus(x))",
        lambda x, A: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x), 1),
    ),
    Case(
        "density",
        "exp(-x'Ax/2)",
        lambda x, A: tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), 1)),
    ),
    Case("logsumexp", "log(sum(exp(x)))", lambda x, A: tf.reduce_logsumexp(x, 1)),
)


@dataclasses.dataclass(frozen=True)
class Ratio:
    """A peer's time divided by ours in the same rounds: the median and the quartiles."""

    median: float
    first_quartile: float
    third_quartile: float

    @classmethod
    def of(cls, ratios: list[float]) -> Ratio:
        first, median, third = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, first, third)

    def __str__(self) -> str:
        shown = (self.median, self.first_quartile, self.third_quartile)
        return "{} ({}-{})".format(*map(_shown, shown))


def _shown(ratio: float) -> str:
    """The ratio in four characters at most, below 10000."""
    return f"{ratio:.{2 if ratio < 1 else 1 if ratio < 10 else 0}f}"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """`ratios`: a peer's time to ours, by the peer's name; above one where ours is faster."""

    function: str
    N: int
    K: int
    ours_seconds: float
    ratios: dict[str, Ratio]


def run(arguments: argparse.Namespace, screen: Screen) -> Outcome:
    del arguments
    tasks = [(case, N, K) for N, K in SIZES for case in CASES]
    found = []
    with screen.progress() as progress:
        task = progress.add_task("", total=len(tasks))
        for case, N, K in tasks:
            progress.update(task, description=f"{case.name}, N = {N}, K = {K}")
            found.append(_comparison(case, N, K))
            progress.advance(task)
    device = tf.zeros([]).device
    for N, K in SIZES:
        screen.console.print(_table(N, K, [c for c in found if (c.N, c.K) == (N, K)]))
    screen.console.print(NOTE.format(device=device), markup=False)
    comparisons = [dataclasses.asdict(comparison) for comparison in found]
    return Outcome(Exit.GOOD, {"device": device, "comparisons": comparisons})


NOTE = (
    "On {device}, float32, dense: warm eager calls of bh.hessian, each in turn with a peer's. The "
    "last three columns are the peer's time / ours, the median and the quartiles: above one ours "
    "is faster. The peers: TensorFlow's batch_jacobian in a tf.function, the same with XLA, and a "
    "tf.fill of the output. "
) + ", ".join(f"{case.name}: {case.formula}" for case in CASES)


def _comparison(case: Case, N: int, K: int) -> Comparison:
    random = np.random.default_rng(0)
    root = random.normal(size=(K, K))
    A = tf.constant(np.eye(K) + root @ root.T / K, tf.float32)
    x = tf.constant(random.normal(size=(N, K)), tf.float32)

    def f(x: tf.Tensor) -> tf.Tensor:
        return case.f(x, A)

    def ours(x: tf.Tensor) -> tf.Tensor:
        return bh.hessian(f, x)

    peers: dict[str, Call] = {
        "batch_jacobian": baselines.compiled(baselines.batch_jacobian, f, xla=False),
        "with XLA": baselines.compiled(baselines.batch_jacobian, f, xla=True),
    }
    blocks = ours(x).numpy()
    for peer, call in peers.items():
        difference = np.max(np.abs(call(x).numpy() - blocks)) / np.max(np.abs(blocks))
        if not difference < 1e-4:
            where = f"{case.name}, N = {N}, K = {K}"
            message = f"{peer} differs from blockhess by {difference:.1e}: {where}"
            raise CommandError(Exit.FAILED, message)
    peers["tf.fill"] = lambda x: tf.fill((N, K, K), 1.0)
    times = {peer: _times(ours, call, x) for peer, call in peers.items()}
    ratios = {
        peer: Ratio.of([theirs / own for own, theirs in pairs]) for peer, pairs in times.items()
    }
    own = statistics.median(own for pairs in times.values() for own, _ in pairs)
    return Comparison(case.name, N, K, own, ratios)


def _times(ours: Call, peer: Call, x: tf.Tensor) -> list[tuple[float, float]]:
    """Seconds of both, round by round and in turn; either is warm."""
    pairs: list[tuple[float, float]] = []
    spent = 0.0
    while len(pairs) < LEAST_ROUNDS or (spent < SECONDS and len(pairs) < MOST_ROUNDS):
        if len(pairs) % 2:
            own, theirs = _seconds(ours, x), _seconds(peer, x)
        else:
            theirs, own = _seconds(peer, x), _seconds(ours, x)
        pairs.append((own, theirs))
        spent += 2 * (own + theirs)
    return pairs


def _seconds(call: Call, x: tf.Tensor) -> float:
    """The time of one call, right after another: the caches are its own."""
    call(x)
    _wait()
    start = time.perf_counter()
    result = call(x)
    _wait()
    seconds = time.perf_counter() - start
    del result  # freed after the clock has stopped
    return seconds


def _wait() -> None:
    """Waits until every device has done what it was given."""
    tf.test.experimental.sync_devices()


def _table(N: int, K: int, found: list[Comparison]) -> Table:
    shown = table("f", "ours", *found[0].ratios, title=f"N = {N}, K = {K}")
    for c in found:
        shown.add_row(c.function, f"{1e3 * c.ours_seconds:.3g} ms", *map(str, c.ratios.values()))
    return shown
