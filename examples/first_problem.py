"""The reason for the library in one picture: what tf.hessians builds, and what there is in it.

    python examples/first_problem.py

f(x) = sum_i exp(-x_i' A x_i / 2) couples no two rows of x, shape (N, K). tf.hessians builds
(N, K, N, K), which is zero off its N blocks; bh.hessian builds the blocks, (N, K, K). The two are
timed in turn, warm. Needs matplotlib.
"""

import statistics
import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import blockhess as bh
import pictures

K = 4
A = tf.constant(np.eye(K) + 0.4, tf.float32)


def density(x):  # one value a row
    return tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), axis=1))


blocks_of = tf.function(lambda x: bh.hessian(density, x))
hessian_of = tf.function(lambda x: tf.hessians(density(x), x)[0])


def points(N: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(2).normal(0, 0.8, (N, K)), tf.float32)


def seconds(call, x: tf.Tensor) -> float:
    start = time.perf_counter()
    call(x).numpy()
    return time.perf_counter() - start


def draw(blocks: np.ndarray, hessian: np.ndarray, sizes: list[int], times: np.ndarray, picture):
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), width_ratios=[1, 0.35, 1, 1])
    N = len(blocks)
    for axis, image in zip(
        axes, (hessian.reshape(N * K, -1), blocks.reshape(N * K, K)), strict=False
    ):
        shown = axis.imshow(image, cmap="PuOr", vmin=-1, vmax=1)
        axis.set(xticks=np.arange(0, image.shape[1] + 1, K) - 0.5, xticklabels=[])
        axis.set(yticks=np.arange(0, N * K + 1, K) - 0.5, yticklabels=[])
        axis.grid(color="0.8", lw=0.6)
        axis.tick_params(length=0)
    axes[0].set(title=f"tf.hessians\n({N}, {K}, {N}, {K})", ylabel=f"{N} rows of {K}")
    axes[1].set(title=f"bh.hessian\n({N}, {K}, {K})")
    figure.colorbar(shown, ax=axes[1], label="second derivative")
    results = 4 * np.array([[(n * K) ** 2, n * K * K] for n in sizes]) / 2**20
    for axis, curves, label in (
        (axes[2], 1e3 * times, "time [ms]"),
        (axes[3], results, "result [MiB]"),
    ):
        axis.loglog(sizes, curves[:, 0], "o-", color=pictures.ORANGE, label="tf.hessians")
        axis.loglog(sizes, curves[:, 1], "o-", color=pictures.BLUE, label="bh.hessian")
        axis.set_xticks(sizes, sizes)
        axis.minorticks_off()
        axis.set(title=label, xlabel="rows N")
    axes[2].legend()
    pictures.save(figure, picture)


def main(largest: int, picture: str) -> float:
    sizes, times = [n for n in (4, 16, 64, 256, 1024) if n <= largest], []
    for N in sizes:
        x = points(N)
        hessian_of(x), blocks_of(x)
        pairs = [(seconds(hessian_of, x), seconds(blocks_of, x)) for _ in range(7)]
        times.append(np.median(pairs, axis=0))
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        print(f"N = {N}: tf.hessians takes {ratio:.0f} times as long and {N} times the memory")
    few = points(8)
    blocks, hessian = blocks_of(few).numpy(), hessian_of(few).numpy()
    draw(blocks, hessian, sizes, np.array(times), picture)
    rows = np.arange(len(blocks))
    hessian[rows, :, rows] -= blocks
    return float(np.abs(hessian).max())


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "first_problem.png")
    parser.add_argument("--largest", type=int, default=1024, help="the largest N")
    arguments = parser.parse_args()
    main(arguments.largest, arguments.picture)
