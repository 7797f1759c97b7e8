"""Thousands of posteriors at once by Laplace's method, checked by quadrature.

    python examples/laplace_approximation.py

Each row is a small Bayesian logistic regression of its own: did a patient respond to a dose? The
posterior of its two weights is taken for a Gaussian around its maximum whose precision is the
Hessian there. For some rows NumPy integrates the true one over a grid. Needs matplotlib.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import blockhess as bh
import pictures

PRIOR = 2.0  # standard deviation of each weight
GRID = np.linspace(-5 * PRIOR, 5 * PRIOR, 161)
MASSES = np.array([0.95, 0.5])
REACH = np.array([-3.5, 3.5])


def joint(w, responses, softplus=tf.nn.softplus, total=tf.reduce_sum):
    """-log p(responses, w), one value a row: weights w (n, 2), responses (n, cases)."""
    doses = np.linspace(-1.5, 1.5, responses.shape[1])
    score = w[:, :1] + w[:, 1:] * doses
    prior = 0.5 * total((w / PRIOR) ** 2, 1) + np.log(2 * np.pi * PRIOR**2)
    return total(softplus(score) - responses * score, 1) + prior


def approximate(responses: tf.Tensor):
    """The Gaussians, a row each: means, covariances and the logarithms of the evidence."""
    mode = bh.minimize_rows(joint, tf.zeros((len(responses), 2), tf.float64), data=[responses])
    precision = bh.hessian_operator(lambda w: joint(w, responses), mode.x)
    evidence = -mode.value + np.log(2 * np.pi) - 0.5 * precision.log_abs_determinant()
    return mode.x.numpy(), precision.inverse().to_dense().numpy(), evidence.numpy()


def density_on_grid(responses: np.ndarray) -> np.ndarray:
    """p(responses, w) of one row for all w of the grid, (slope, intercept), by NumPy alone."""
    w = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
    by_numpy = {"softplus": lambda s: np.logaddexp(0, s), "total": np.sum}
    return np.exp(-joint(w, responses[np.newaxis], **by_numpy)).reshape(GRID.size, GRID.size)


def main(rows: int, cases: int, checked: int, picture: str) -> float:
    rng = np.random.default_rng(2)
    w = rng.normal(size=(rows, 2)) * [1, 1.5]
    chance = 1 / (1 + np.exp(-w[:, :1] - w[:, 1:] * np.linspace(-1.5, 1.5, cases)))
    responses = (rng.random((rows, cases)) < chance).astype(float)
    data = tf.constant(responses)
    approximate(data)  # The first call traces; the next is timed.
    start = time.perf_counter()
    means, covariances, evidence = approximate(data)
    seconds = time.perf_counter() - start
    print(f"{rows} posteriors in {seconds:.2f} s, {1e6 * seconds / rows:.0f} us each")

    densities = [density_on_grid(row) for row in responses[:checked]]
    exact = np.log(np.sum(densities, axis=(1, 2)) * (GRID[1] - GRID[0]) ** 2)
    error = np.abs(evidence[:checked] - exact)
    print(f"log evidence: off by {np.median(error):.3f} (median), {error.max():.3f} (largest)")

    figure, axes = plt.subplots(1, 4, figsize=(12, 3.4))
    angle = np.linspace(0, 2 * np.pi, 100)
    for row, axis in enumerate(axes[:3]):
        falling = np.sort(densities[row], axis=None)[::-1]
        levels = falling[np.searchsorted(np.cumsum(falling), MASSES * falling.sum())]
        axis.contourf(GRID, GRID, densities[row], [*levels, np.inf], colors=["0.85", "0.65"])
        root = np.linalg.cholesky(covariances[row])
        for radius in np.sqrt(-2 * np.log(1 - MASSES)):
            axis.plot(
                *(means[row] + radius * np.stack([np.cos(angle), np.sin(angle)], 1) @ root.T).T,
                "C0",
            )
        axis.plot(*means[row], "C0+", ms=10, label="Laplace: mode, 50 % and 95 %")
        axis.fill([], [], "0.65", label="true posterior, 50 % and 95 %")
        axis.set(
            xlabel="intercept",
            ylabel="slope",
            title=f"{responses[row].sum():.0f} of {cases} respond",
        )
        axis.set(xlim=means[row, 0] + REACH, ylim=means[row, 1] + REACH, aspect="equal")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    axes[3].plot(exact, evidence[:checked], "C0.")
    axes[3].axline((exact[0], exact[0]), slope=1, color="0.5", lw=0.8, zorder=0)
    axes[3].set(xlabel="by quadrature", ylabel="by Laplace", title="log evidence", aspect="equal")
    pictures.save(figure, picture)
    return float(error.max())


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "laplace_approximation.png")
    parser.add_argument("--rows", type=int, default=10_000, help="posteriors")
    parser.add_argument("--cases", type=int, default=15, help="patients in each")
    parser.add_argument("--checked", type=int, default=300, help="posteriors that are integrated")
    arguments = parser.parse_args()
    main(arguments.rows, arguments.cases, arguments.checked, arguments.picture)
