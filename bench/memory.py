"""How far one call raises the memory of a process, watched from another one (Linux).

    python bench/memory.py [--rows 1000000] [--columns 8]

The child builds x and its function, warms it up on eight rows and waits. The parent resets the
child's high-water mark, lets it make one call and reads the mark: what it rose by is compared with
the bytes of the output.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import committed

FUNCTIONS = {
    "sum(sin(x)*exp(-x*x) + softplus(x))": (
        "lambda x: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x))"
    ),
    "sum(exp(-x'Ax/2))": "lambda x: tf.exp(-0.5 * tf.reduce_sum(x * (x @ tf.eye(K)), 1))",
    "sum(logsumexp(x, 1))": "lambda x: tf.reduce_logsumexp(x, 1)",
}
CHILD = """
import tensorflow as tf, blockhess as bh
N, K = {N}, {K}
x = tf.random.stateless_normal((N, K), [1, 2])
signature = [tf.TensorSpec((None, K), tf.float32)]
f = {f}
call = tf.function(lambda x: bh.hessian(f, x, route="fused"), signature, autograph=False)
call(x[:8])
print("ready", flush=True)
input()
blocks = call(x)
print(blocks.shape, flush=True)
input()
"""


def rise(f: str, N: int, K: int) -> int:
    """By how many bytes the child's resident memory peaked above what it was before the call."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(f=f, N=N, K=K)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    process = Path(f"/proc/{child.pid}")

    def mark() -> int:
        status = (process / "status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])

    def go_on() -> None:
        child.stdin.write("\n")
        child.stdin.flush()

    assert child.stdout.readline() == "ready\n"
    (process / "clear_refs").write_text("5")
    before = mark()
    go_on()
    assert child.stdout.readline() == f"({N}, {K}, {K})\n"
    after = mark()
    go_on()
    child.wait()
    return after - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=8)
    options = parser.parse_args()
    output = 4 * options.rows * options.columns**2
    print(f"N = {options.rows}, K = {options.columns}, float32, dense: {output / 2**20:.1f} MiB")
    for name, f in FUNCTIONS.items():
        risen = rise(f, options.rows, options.columns)
        extra = 100 * (risen / output - 1)
        print(f"{name:38s} peak rises by {risen / 2**20:.1f} MiB, {extra:+.1f} % of the output")


if __name__ == "__main__":
    committed.run(main)
