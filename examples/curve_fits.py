"""100,000 curve fits of 4 parameters at once, and SciPy's one by one.

    python examples/curve_fits.py

A dose-response curve, the logistic function from `bottom` to `top` around `centre`, is fitted by
least squares to 25 noisy samples a row. SciPy fits the first 100 rows, by `curve_fit` (MINPACK) and
by `minimize` with its defaults. Needs SciPy and matplotlib.
"""

import time
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize
import tensorflow as tf

import blockhess as bh
import pictures

T = np.linspace(-4, 4, 25)
START = np.array([0.0, 1.0, 0.0, 1.0])


def curve(t, bottom, top, centre, slope, exp=np.exp):
    return bottom + (top - bottom) / (1 + exp(-slope * (t - centre)))


def squares(p, y):
    return 0.5 * tf.reduce_sum((curve(T, *tf.split(p, 4, 1), exp=tf.exp) - y) ** 2, 1)


def timed(call):
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def fit_by_minimize(y):
    return scipy.optimize.minimize(lambda p: 0.5 * np.sum((curve(T, *p) - y) ** 2), START).x


def main(N: int, picture: str) -> float:
    rng = np.random.default_rng(0)
    true = rng.uniform([-0.2, 0.8, -1, 1], [0.2, 1.5, 1, 3], (N, 4))
    y = curve(T, *np.split(true, 4, 1)) + 0.02 * rng.normal(size=(N, 25))
    starts, rows = tf.constant(np.tile(START, (N, 1))), tf.constant(y)

    bh.minimize_rows(squares, starts, data=[rows])  # The first call traces; the next is timed.
    fits, seconds = timed(lambda: bh.minimize_rows(squares, starts, data=[rows]))
    ends = Counter(bh.RowStatus(status).name for status in fits.status.numpy())
    print(f"{N} fits in {seconds:.2f} s, {seconds / N * 1e6:.1f} us a fit: {dict(ends)}")

    few = min(N, 100)
    scipys, by_curve_fit = timed(
        lambda: [scipy.optimize.curve_fit(curve, T, y[i], p0=START)[0] for i in range(few)]
    )
    _, by_minimize = timed(lambda: [fit_by_minimize(y[i]) for i in range(few)])
    for name, spent in (("curve_fit", by_curve_fit), ("minimize", by_minimize)):
        ratio = spent / few / (seconds / N)
        print(f"scipy.optimize.{name}: {spent / few * 1e6:.0f} us a fit, {ratio:.0f} times ours")
    apart = np.abs(fits.x[:few] - scipys).max(1)
    print(f"largest difference from curve_fit: {np.median(apart):.1e} (median), {apart.max():.1e}")

    figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), width_ratios=[1, 1, 1, 1.1])
    for row, axis in enumerate(axes[:3]):
        axis.plot(T, y[row], ".", color="0.5", label="data")
        axis.plot(T, curve(T, *fits.x[row].numpy()), lw=3, alpha=0.5, label="bh.minimize_rows")
        axis.plot(T, curve(T, *scipys[row]), "--", label="scipy.optimize.curve_fit")
        axis.set(xlabel="log dose", ylabel="response", title=f"row {row}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    axes[3].hist2d(true[:, 2], fits.x[:, 2], 80, cmap="Blues", norm="log")
    axes[3].set(xlabel="true centre", ylabel="fitted centre", title=f"all {N:,} fits")
    pictures.save(figure, picture)
    return float(apart.max())


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "curve_fits.png")
    parser.add_argument("--fits", type=int, default=100_000)
    arguments = parser.parse_args()
    main(arguments.fits, arguments.picture)
