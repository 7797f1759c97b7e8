"""Two threads against one, where arithmetic and not memory is the limit.

TensorFlow fixes its number of threads when it starts: so two child processes, one with each number,
are asked in turn for one timing, and a ratio is of neighbours in time.

    python bench/threads.py CHILD_THREADS [--quick]        the child: a line in, a timing out
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from compare import timing
from measure import LEAST_ROUNDS, Pairs, timed

# (case, what is computed, N, K, dtype). The diagonal of `sine` takes two dozen operations a cell;
# a value of `gaussian` K multiplications a cell.
_WORK = tuple(
    (case, what, N, K, dtype)
    for case, what, N, K in (
        ("sine", "diag", 100_000, 8),
        ("sine", "diag", 20_000, 32),
        ("gaussian", "value", 20_000, 128),
        ("gaussian", "dense", 20_000, 32),
    )
    for dtype in ("float32", "float64")
)
# A timing is of calls for so many seconds: the first of them wakes a thread that has slept while
# the other child was asked, which takes about as long as a short call.
_TIMED_SECONDS = 0.05
_QUICK_WORK = (("sine", "diag", 20_000, 8, "float32"),)


def work(quick: bool) -> tuple[tuple[str, str, int, int, str], ...]:
    return _QUICK_WORK if quick else _WORK


def compared(rounds: int, quick: bool) -> list[dict[str, Any]]:
    """Records whose "ours" is two threads and whose peer is one thread: the ratio is the gain."""
    if len(os.sched_getaffinity(0)) < 2:
        return [{"section": "threads", "status": "left out", "why": "one core"}]
    children = [_Child(threads, quick) for threads in (2, 1)]
    records = []
    for index, (case, what, N, K, dtype) in enumerate(work(quick)):
        pairs = Pairs([], [])
        for number in range(max(rounds, LEAST_ROUNDS)):
            both = list(zip(children, (pairs.ours, pairs.peer), strict=True))
            for child, times in both[:: 1 if number % 2 else -1]:
                times.append(child.ask(index))
        about = {"section": "threads", "case": case, "N": N, "K": K, "dtype": dtype, "layout": what}
        records.append({**about, "peer": "one thread", "status": "ok", **timing(pairs)})
    for child in children:
        child.end()
    return records


class _Child:
    def __init__(self, threads: int, quick: bool) -> None:
        command = [sys.executable, __file__, str(threads), *(["--quick"] if quick else [])]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{' '.join(command)} did not start")

    def ask(self, index: int) -> float:
        self._process.stdin.write(f"{index}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def _calls(quick: bool) -> list[Callable[[], object]]:
    from peers import OURS
    from task import Task

    return [
        _value_call(Task("threads", case, N, K, dtype))
        if what == "value"
        else OURS.build(Task("threads", case, N, K, dtype, layout=what))
        for case, what, N, K, dtype in work(quick)
    ]


def _value_call(task: Any) -> Callable[[], object]:
    """exp(-x'Ax/2) for each row by the raw op, without any derivative."""
    import tensorflow as tf

    import blockhess as bh

    s = bh.expressions.Variable("s")
    density = bh.ops.Term(None, (), tf.constant(task.A), None, bh.expressions.exp(-s), ())
    call = tf.function(
        lambda x: bh.ops.terms(x, [density], layout="none", want_value=True).value, autograph=False
    )
    x = tf.constant(task.x)
    return lambda: call(x)


def _child(threads: int, quick: bool) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    calls = _calls(quick)
    shortest = [min(timed(call, 1, warm=True) for _ in range(3)) for call in calls]
    repeats = [max(1, int(_TIMED_SECONDS / seconds)) for seconds in shortest]
    print("ready", flush=True)
    for line in sys.stdin:
        index = int(line)
        print(timed(calls[index], repeats[index], warm=True), flush=True)


if __name__ == "__main__":
    _child(int(sys.argv[1]), "--quick" in sys.argv)
