"""Objectives that are written as text grow the trees of XGBoost's and LightGBM's own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

import boosting_objective  # noqa: E402
from objectives import elementwise, softmax  # noqa: E402

CANCER, DIABETES, DIGITS = (
    load(return_X_y=True) for load in (load_breast_cancer, load_diabetes, load_digits)
)
DIABETES = (DIABETES[0], DIABETES[1] / 100)
BINARY = elementwise("softplus(x) - y * x", y=CANCER[1])
FAIR = elementwise("c**2 * (abs(x - y) / c - log1p(abs(x - y) / c))", y=DIABETES[1], c=2.0)
PSEUDO_HUBER = elementwise("sqrt(1 + (x - y)**2)", y=DIABETES[1])
ROUNDS = 20


def trees(library: str, data, objective, **parameters) -> list[Any]:
    """The trees, of either library in its own words."""
    if library == "LightGBM":
        booster = boosting_objective.by_lightgbm(*data, ROUNDS, objective, **parameters)
        return [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    booster = boosting_objective.by_xgboost(*data, ROUNDS, objective, **parameters)
    return [json.loads(text) for text in booster.get_dump(dump_format="json")]


def distance(a: Any, b: Any) -> float:
    """The largest difference of two leaves; infinite where a split differs."""
    leaves = [tree.get("leaf", tree.get("leaf_value")) for tree in (a, b)]
    if None not in leaves:
        return abs(leaves[0] - leaves[1])
    splits = ("split", "split_condition", "split_feature", "threshold", "decision_type")
    if any(a.get(key) != b.get(key) for key in splits):
        return np.inf
    return max(map(distance, children(a), children(b)))


def children(tree: Any) -> list[Any]:
    return tree["children"] if "children" in tree else [tree["left_child"], tree["right_child"]]


@pytest.mark.full
@pytest.mark.parametrize(
    "library, name, data, ours, parameters",
    [
        # A score of 0 is a probability of 0.5.
        ("XGBoost", "binary:logistic", CANCER, BINARY, {"base_score": 0.5}),
        ("XGBoost", "reg:pseudohubererror", DIABETES, PSEUDO_HUBER, {}),
        # XGBoost takes 2 p (1 - p) for the second derivative of a class's score.
        ("XGBoost", "multi:softprob", DIGITS, softmax(DIGITS[1], 2.0), {"num_class": 10}),
        ("LightGBM", "binary", CANCER, BINARY, {}),
        ("LightGBM", "fair", DIABETES, FAIR, {"fair_c": 2.0}),
        # LightGBM scales p (1 - p) by K / (K - 1) for K classes.
        ("LightGBM", "multiclass", DIGITS, softmax(DIGITS[1], 10 / 9), {"num_class": 10}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_custom_objectives_grow_the_trees_of_the_built_in_ones(
    library, name, data, ours, parameters
):
    built_in = trees(library, data, name, **parameters)
    score = {"base_score": 0.0} if library == "XGBoost" else {}  # no probability for ours
    custom = trees(library, data, ours, **{**parameters, **score})
    assert len(custom) == len(built_in) == ROUNDS * parameters.get("num_class", 1)
    assert max(map(distance, built_in, custom)) < 1e-6


@pytest.mark.parametrize(
    "split, leaf, threshold",
    [
        (
            {"split": "f1", "split_condition": 0.5, "children": [{"leaf": 1.0}, {"leaf": 2.0}]},
            "leaf",
            "split_condition",
        ),
        (
            {
                "split_feature": 1,
                "threshold": 0.5,
                "decision_type": "<=",
                "left_child": {"leaf_value": 1.0},
                "right_child": {"leaf_value": 2.0},
            },
            "leaf_value",
            "threshold",
        ),
    ],
    ids=["XGBoost", "LightGBM"],
)
def test_other_trees_are_told_apart(split, leaf, threshold):
    assert distance(split, split) == 0
    assert distance(split, {**split, threshold: 0.25}) == np.inf
    assert distance(split, {leaf: 1.0}) == np.inf
    assert distance({leaf: 1.0}, {leaf: 1.5}) == 0.5


@pytest.mark.full
def test_a_wrong_second_derivative_grows_other_trees():
    built_in = trees("XGBoost", DIGITS, "multi:softprob", num_class=10)[:10]
    custom = trees("XGBoost", DIGITS, softmax(DIGITS[1], 1.0), num_class=10)[:10]
    assert max(map(distance, built_in, custom)) > 0.01


@pytest.mark.full
def test_it_draws_the_same_curves_and_the_robust_fit_is_nearest_to_the_truth(tmp_path):
    apart, of_the_best = boosting_objective.main(3, 300, tmp_path / "picture.png")
    assert apart < 1e-6
    assert of_the_best < 0.5
