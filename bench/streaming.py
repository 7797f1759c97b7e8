"""What a row costs that is streamed from a file, from 10^4 to 10^7 rows (Linux).

    python bench/streaming.py [--columns 8] [--repeats 5]

Files of float32 rows are read through tf.data, a batch at a time; of each batch the blocks are
summed, and these sums are added up in float64. A pass takes the median of the repeats, after one
that is not counted; the sizes take turns. A further row is what a row costs beyond those of the
line above, without what it takes to start a pass. What the process's memory rises by is counted
from before the first pass.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

import blockhess as bh
import committed

BATCH = 10_000
ROWS = (10**4, 10**5, 10**6, 10**7)


def write_rows(file: Path, rows: int, columns: int) -> None:
    random = np.random.default_rng(1)
    with file.open("wb") as out:
        for _ in range(rows // BATCH):
            random.normal(size=(BATCH, columns)).astype(np.float32).tofile(out)


def batches(files: tf.Tensor, columns: int) -> tf.data.Dataset:
    """The rows of files of float32 numbers, (BATCH, columns) at a time."""
    records = tf.data.FixedLengthRecordDataset(files, 4 * columns * BATCH)
    parsed = records.map(lambda record: tf.io.decode_raw(record, tf.float32))
    return parsed.map(lambda x: tf.reshape(x, (BATCH, columns))).prefetch(2)


def mean_block(columns: int) -> tf.types.experimental.PolymorphicFunction:
    A = tf.eye(columns) + 0.1

    def density(x: tf.Tensor) -> tf.Tensor:
        return tf.exp(-0.5 * tf.reduce_sum(x * tf.matmul(x, A), 1))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def mean(files: tf.Tensor) -> tf.Tensor:
        total, rows = tf.zeros((columns, columns), tf.float64), tf.zeros([], tf.float64)
        for x in batches(files, columns):
            total += tf.cast(tf.reduce_sum(bh.hessian(density, x), 0), tf.float64)
            rows += BATCH
        return total / rows

    return mean


def peak() -> int:
    """The most memory that this process has had since `forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    K = options.columns
    mean = mean_block(K)
    seconds: dict[int, list[float]] = {rows: [] for rows in ROWS}
    highest: dict[int, int] = dict.fromkeys(ROWS, 0)
    with tempfile.TemporaryDirectory() as folder:
        files = {rows: Path(folder) / f"{rows}.rows" for rows in ROWS}
        for rows, file in files.items():
            write_rows(file, rows, K)
        forget_peak()
        at_first = peak()
        for repeat in range(options.repeats + 1):
            for rows, file in files.items():
                forget_peak()
                start = time.perf_counter()
                mean(tf.constant([str(file)])).numpy()
                if repeat > 0:
                    seconds[rows].append(time.perf_counter() - start)
                highest[rows] = max(highest[rows], peak() - at_first)
    print(f"K = {K}, float32, dense, batches of {BATCH} rows, {options.repeats} repeats")
    print("      rows   ms a pass   ns a row   ns a further row   memory rises by   blocks are")
    before, rows_before = None, 0
    for rows in ROWS:
        median = statistics.median(seconds[rows])
        further = 1e9 * (median - before) / (rows - rows_before) if before else float("nan")
        before, rows_before = median, rows
        rise, size = highest[rows] / 2**20, 4 * rows * K * K / 2**20
        print(
            f"{rows:10d} {1e3 * median:11.1f} {1e9 * median / rows:10.1f} {further:18.1f} "
            f"{rise:13.1f} MiB {size:8.1f} MiB"
        )


if __name__ == "__main__":
    committed.run(main)
