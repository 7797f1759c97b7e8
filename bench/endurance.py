"""Repeated eager calls: how often f is traced, and what a thousand fresh lambdas leave in memory.

python bench/endurance.py [CALLS]              prints JSON
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CALLS = 1000
# Calls that are not counted, in which caches of TensorFlow and of the C library fill up.
CALLS_BEFORE = 100
ROW_COUNTS = 100


def in_a_child(quick: bool) -> dict[str, Any]:
    """What `measured` returns, run alone in a process of its own."""
    command = [sys.executable, __file__, str(20 if quick else CALLS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"status": "failed", "why": done.stderr[-200:]}
    return {"status": "ok", **json.loads(done.stdout)}


def measured(calls: int) -> dict[str, Any]:
    import tensorflow as tf

    import blockhess as bh

    class Counter:
        """An object, since a change of a list that f reads is a reason to trace f anew."""

        traces = 0

    def f(x: tf.Tensor) -> tf.Tensor:
        Counter.traces += 1
        return tf.reduce_sum(tf.sin(x))

    for N in range(1, ROW_COUNTS + 1):
        bh.hessian(f, tf.ones((N, 3)))
    x = tf.ones((5, 3))

    def fresh(count: int) -> int:
        for number in range(count):
            bh.hessian(lambda x, number=number: tf.reduce_sum(tf.sin(x) * number), x)
        gc.collect()
        return resident_bytes()

    before = fresh(min(calls, CALLS_BEFORE))
    grown = fresh(calls) - before
    return {
        "row_counts": ROW_COUNTS,
        "traces_of_one_function": Counter.traces,
        "fresh_lambdas": calls,
        "resident_growth_MiB": round(grown / 2**20, 2),
        "resident_MiB": round(before / 2**20, 1),
    }


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]) if len(sys.argv) > 1 else CALLS)))
