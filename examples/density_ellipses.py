"""The curvature of a density as a field of ellipses: what one Hessian for each of many points is.

    python examples/density_ellipses.py

The density p is a mixture of three Gaussians. Where the block H of -log p is positive definite, p
is like a Gaussian of covariance inv(H), and its ellipse is drawn; elsewhere the ellipse has the
magnitudes of the eigenvalues. Blocks are compared with the closed form. Needs matplotlib.
"""

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.collections import EllipseCollection

import blockhess as bh
import pictures

WEIGHTS = np.array([0.4, 0.35, 0.25])
MEANS = np.array([[-1.5, -0.5], [1.4, 1.1], [1.2, -1.6]])
COVARIANCES = np.array([[[0.7, 0.3], [0.3, 0.5]], [[0.5, -0.3], [-0.3, 0.6]], [[0.6, 0], [0, 0.2]]])
PRECISIONS = np.linalg.inv(COVARIANCES)
LOG_SCALES = np.log(WEIGHTS / (2 * np.pi * np.sqrt(np.linalg.det(COVARIANCES))))

KINDS = {
    "positive definite": pictures.BLUE,
    "indefinite": pictures.ORANGE,
    "negative definite": pictures.BLACK,
}


def minus_log_density(x):  # one value a row
    z = x[:, tf.newaxis] - MEANS
    parts = LOG_SCALES - 0.5 * tf.einsum("njk,jkl,njl->nj", z, PRECISIONS, z)
    return -tf.reduce_logsumexp(parts, axis=1)


def by_hand(x: np.ndarray) -> np.ndarray:
    """The parts' mean of P less their covariance of P (x - mean), weighted as they are at x."""
    pulls = np.einsum("jkl,njl->njk", PRECISIONS, x[:, None] - MEANS)
    parts = np.exp(LOG_SCALES - 0.5 * np.sum(pulls * (x[:, None] - MEANS), axis=2))
    parts /= parts.sum(1, keepdims=True)
    pulls -= np.einsum("nj,njk->nk", parts, pulls)[:, None]
    mean = np.einsum("nj,jkl->nkl", parts, PRECISIONS)
    return mean - np.einsum("nj,njk,njl->nkl", parts, pulls, pulls)


def main(points: int, picture: str) -> float:
    across, up = (np.arange(0.5, n) * 7 / points for n in (points, points * 6 // 7))
    x = np.stack(np.meshgrid(across - 3.5, up - 3), axis=-1).reshape(-1, 2)
    H = bh.hessian(minus_log_density, x).numpy()

    eigenvalues, eigenvectors = np.linalg.eigh(H)
    sizes = 1 / np.sqrt(np.abs(eigenvalues))
    sizes = np.minimum(sizes / np.quantile(sizes, 0.9), 1.4) * 0.9 * 7 / points
    angles = np.degrees(np.arctan2(eigenvectors[:, 1, 0], eigenvectors[:, 0, 0]))
    figure, axis = plt.subplots(figsize=(8, 6.8))
    fine = np.stack(np.meshgrid(np.linspace(-3.5, 3.5, 200), np.linspace(-3, 3, 200)), axis=-1)
    p = np.exp(-minus_log_density(fine.reshape(-1, 2))).reshape(200, 200)
    axis.contourf(fine[..., 0], fine[..., 1], p, 8, cmap="Greys", vmax=2 * p.max())
    for negative, (kind, color) in enumerate(KINDS.items()):
        these = np.sum(eigenvalues < 0, axis=1) == negative
        shapes = (sizes[these, 0], sizes[these, 1], angles[these])
        place = {"units": "xy", "offsets": x[these], "offset_transform": axis.transData}
        axis.add_collection(EllipseCollection(*shapes, **place, facecolors=color, alpha=0.8))
        axis.scatter([], [], color=color, alpha=0.8, label=f"{kind}: {these.sum()}")
    figure.legend(
        loc="outside upper center", ncols=3, title="the blocks of $-\\log p$ over the density p"
    )
    axis.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=(-3.5, 3.5), ylim=(-3, 3))
    pictures.save(figure, picture)
    return float(np.abs(H - by_hand(x)).max())


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "density_ellipses.png")
    parser.add_argument("--points", type=int, default=28, help="points from left to right")
    arguments = parser.parse_args()
    print(
        f"largest difference from the closed form: {main(arguments.points, arguments.picture):.0e}"
    )
