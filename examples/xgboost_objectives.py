"""Custom objectives for XGBoost that grow the trees of its own, on data of scikit-learn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from objectives import Objective, elementwise, softmax

ROUNDS = 20


def trees(data: xgboost.DMatrix, built_in: dict[str, Any], custom: Objective | None) -> list[Any]:
    """The trees of the built-in objective, or of the custom one, from scores of 0."""
    parameters = {"max_depth": 4, "eta": 0.3, "nthread": 1, "seed": 0, **built_in}
    if custom is None:
        booster = xgboost.train(parameters, data, ROUNDS)
    else:
        del parameters["objective"]
        parameters["base_score"] = 0.0

        def objective(scores: np.ndarray, _: xgboost.DMatrix) -> tuple[np.ndarray, np.ndarray]:
            return custom(scores)

        booster = xgboost.train(parameters, data, ROUNDS, obj=objective)
    return [json.loads(text) for text in booster.get_dump(dump_format="json")]


def distance(a: Any, b: Any) -> float:
    """The largest difference of two leaves; infinite where a split differs."""
    if "leaf" in a and "leaf" in b:
        return abs(a["leaf"] - b["leaf"])
    splits = [{k: v for k, v in node.items() if k != "children"} for node in (a, b)]
    if splits[0] != splits[1]:
        return np.inf
    return max(map(distance, a["children"], b["children"]))


def cases() -> dict[str, tuple[xgboost.DMatrix, dict[str, Any], Objective]]:
    """By objective: data, the built-in objective's parameters, and ours."""
    features, y = load_breast_cancer(return_X_y=True)
    cancer = xgboost.DMatrix(features, y)
    features, progress = load_diabetes(return_X_y=True)
    progress = progress / 100
    diabetes = xgboost.DMatrix(features, progress)
    features, digit = load_digits(return_X_y=True)
    digits = xgboost.DMatrix(features, digit)
    return {
        # A score of 0 is a probability of 0.5.
        "binary:logistic": (cancer, {"base_score": 0.5}, elementwise("softplus(x) - y * x", y=y)),
        "reg:pseudohubererror": (
            diabetes,
            {"base_score": 0.0},
            elementwise("sqrt(1 + (x - y)**2)", y=progress),
        ),
        # XGBoost takes 2 p (1 - p) for the second derivative of a class's score.
        "multi:softprob": (digits, {"base_score": 0.0, "num_class": 10}, softmax(digit, 2.0)),
    }


def main() -> None:
    for name, (data, parameters, ours) in cases().items():
        built_in = trees(data, {"objective": name, **parameters}, None)
        custom = trees(data, {"objective": name, **parameters}, ours)
        worst = max(map(distance, built_in, custom))
        same = f"the same splits, leaves within {worst:.0e}" if worst < np.inf else "other splits"
        print(f"{name}: {len(custom)} trees, {same}")


if __name__ == "__main__":
    main()
