"""Objectives for gradient boosting: built-in ones once more, and one that is not built in.

    python examples/boosting_objective.py

XGBoost and LightGBM ask an objective for gradients and second derivatives; objectives.py makes them
of a loss that is written as text. Those of a built-in loss grow the built-in trees. The loss of
Student's t is not built in: it bears a third of the data far off, all on one side. Needs XGBoost,
LightGBM, scikit-learn and matplotlib.
"""

import lightgbm
import matplotlib.pyplot as plt
import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_digits

import pictures
from objectives import Objective, elementwise, softmax


def by_xgboost(features, y, rounds: int, objective: str | Objective, **parameters):
    """A booster; `objective` is the name of a built-in one, or one of ours."""
    data = xgboost.DMatrix(features, y)
    parameters = {"max_depth": 4, "nthread": 1, "seed": 0, "base_score": 0.0, **parameters}
    if isinstance(objective, str):
        return xgboost.train({"objective": objective, **parameters}, data, rounds)
    return xgboost.train(parameters, data, rounds, obj=lambda scores, _: objective(scores))


def by_lightgbm(features, y, rounds: int, objective: str | Objective, **parameters):
    ours = objective if isinstance(objective, str) else lambda scores, _: objective(scores)
    fixed = {"num_threads": 1, "deterministic": True, "seed": 0, "verbose": -1}
    parameters = {"objective": ours, "boost_from_average": False, **fixed, **parameters}
    return lightgbm.train(parameters, lightgbm.Dataset(features, y), rounds)


def digits_losses(rounds: int, objective: str | Objective) -> list[float]:
    """The mean cross-entropy after each round of XGBoost."""
    features, digit = load_digits(return_X_y=True)
    booster = by_xgboost(features, digit, rounds, objective, num_class=10)
    found, data = [], xgboost.DMatrix(features)
    for n in range(1, rounds + 1):
        scores = booster.predict(data, output_margin=True, iteration_range=(0, n))
        found.append(np.mean(np.logaddexp.reduce(scores, 1) - scores[np.arange(len(digit)), digit]))
    return found


def cancer_losses(rounds: int, objective: str | Objective) -> list[float]:
    """The mean logistic loss after each round of LightGBM."""
    features, y = load_breast_cancer(return_X_y=True)
    booster = by_lightgbm(features, y, rounds, objective)
    scores = [booster.predict(features, raw_score=True, num_iteration=n + 1) for n in range(rounds)]
    return [np.mean(np.logaddexp(0, s) - y * s) for s in scores]


def robust(y: np.ndarray, scale: float) -> Objective:
    """Student's t, 3 degrees of freedom; its curvature, negative far off, is kept positive."""
    loss = elementwise("2 * log1p(((x - y) / scale)**2 / 3)", y=y, scale=scale)

    def objective(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient, curvature = loss(scores)
        return gradient, np.maximum(curvature, 0.1 / scale**2)

    return objective


def main(rounds: int, points: int, picture: str) -> tuple[float, float]:
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), width_ratios=[1, 1, 1.5])
    # XGBoost takes 2 p (1 - p) for the second derivative of a class's score.
    digits = ("multi:softprob", softmax(load_digits().target, 2.0))
    cancer = ("binary", elementwise("softplus(x) - y * x", y=load_breast_cancer().target))
    apart = 0.0
    for axis, library, losses, (name, ours) in (
        (axes[0], "XGBoost", digits_losses, digits),
        (axes[1], "LightGBM", cancer_losses, cancer),
    ):
        built_in, custom = losses(rounds, name), losses(rounds, ours)
        apart = max(apart, np.abs(np.subtract(built_in, custom)).max())
        axis.plot(range(1, rounds + 1), built_in, lw=5, alpha=0.4, label="built in")
        axis.plot(range(1, rounds + 1), custom, "--", label="with blockhess")
        axis.set(title=f"{library}, {name}", xlabel="round", ylabel="mean training loss")
        axis.legend()
    print(f"built-in objectives: losses of all rounds within {apart:.0e}")

    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(size=points))
    truth = np.sin(4 * np.pi * x) * (1 - x) + x
    y = truth + 0.1 * rng.normal(size=points)
    y += (rng.random(points) < 1 / 3) * rng.exponential(2, points)
    axes[2].plot(x, y, ".", color="0.7", ms=3)
    axes[2].plot(x, truth, color=pictures.BLACK, label="truth")
    off = []
    for name, objective in (
        ("squared error", "reg:squarederror"),
        ("absolute error", "reg:absoluteerror"),
        ("Student's t, with blockhess", robust(y, scale=0.1)),
    ):
        booster = by_xgboost(
            x[:, None], y, 200, objective, eta=0.05, max_depth=3, min_child_weight=0
        )
        fit = booster.predict(xgboost.DMatrix(x[:, None]))
        off.append(np.sqrt(np.mean((fit - truth) ** 2)))
        axes[2].plot(x, fit, lw=1.2, label=f"{name}: off by {off[-1]:.2f}")
        print(f"a third of the data far off, {name}: root mean square error {off[-1]:.3f}")
    axes[2].set(title="XGBoost, a third of the data far off", xlabel="x", ylabel="y", ylim=(-1, 6))
    axes[2].legend(loc="upper left", fontsize=9, frameon=True, edgecolor="none")
    pictures.save(figure, picture)
    return apart, off[-1] / min(off[:-1])


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "boosting_objective.png")
    parser.add_argument("--rounds", type=int, default=40, help="of the built-in objectives")
    parser.add_argument("--points", type=int, default=1000, help="with a third of them far off")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.points, arguments.picture)
