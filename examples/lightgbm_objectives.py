"""Custom objectives for LightGBM that grow the trees of its own, on data of scikit-learn."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from objectives import Objective, elementwise, softmax

ROUNDS = 20


def trees(data: tuple[np.ndarray, np.ndarray], parameters: dict[str, Any]) -> list[Any]:
    """The trees that are grown from scores of 0, whatever the objective is."""
    fixed = {"num_threads": 1, "deterministic": True, "seed": 0, "verbose": -1}
    parameters = {**fixed, "boost_from_average": False, **parameters}
    booster = lightgbm.train(parameters, lightgbm.Dataset(*data), ROUNDS)
    return [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]


def distance(a: Any, b: Any) -> float:
    """The largest difference of two leaves; infinite where a split differs."""
    if "leaf_value" in a and "leaf_value" in b:
        return abs(a["leaf_value"] - b["leaf_value"])
    if any(a.get(key) != b.get(key) for key in ("split_feature", "threshold", "decision_type")):
        return np.inf
    return max(distance(a[child], b[child]) for child in ("left_child", "right_child"))


def cases() -> dict[str, tuple[tuple[np.ndarray, np.ndarray], dict[str, Any], Objective]]:
    """By objective: data, parameters of both, and our objective."""
    cancer, diabetes, digits = (
        load(return_X_y=True) for load in (load_breast_cancer, load_diabetes, load_digits)
    )
    diabetes = (diabetes[0], diabetes[1] / 100)
    factor = 10 / 9  # LightGBM scales p (1 - p) by K / (K - 1) for K classes.
    return {
        "binary": (cancer, {}, elementwise("softplus(x) - y * x", y=cancer[1])),
        "fair": (
            diabetes,
            {"fair_c": 2.0},
            elementwise("c**2 * (abs(x - y) / c - log1p(abs(x - y) / c))", y=diabetes[1], c=2.0),
        ),
        "multiclass": (digits, {"num_class": 10}, softmax(digits[1], factor)),
    }


def main() -> None:
    for name, (data, parameters, ours) in cases().items():

        def objective(scores: np.ndarray, _: lightgbm.Dataset, ours: Objective = ours) -> Any:
            return ours(scores)

        built_in = trees(data, {**parameters, "objective": name})
        custom = trees(data, {**parameters, "objective": objective})
        worst = max(map(distance, built_in, custom))
        same = f"the same splits, leaves within {worst:.0e}" if worst < np.inf else "other splits"
        print(f"{name}: {len(custom)} trees, {same}")


if __name__ == "__main__":
    main()
