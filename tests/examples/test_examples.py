"""The examples show what they say they show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import lightgbm_objectives  # noqa: E402
import objectives  # noqa: E402
import xgboost_objectives  # noqa: E402


def printed(name: str) -> list[str]:
    command = [sys.executable, EXAMPLES / name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_scipy_finds_scikit_learns_weights_in_fewer_steps_with_the_Hessian():
    lines = printed("scipy_newton.py")
    found = [re.fullmatch(r"(.*): (\d+) iterations, within (.*) of .*", line) for line in lines]
    steps = {match[1]: int(match[2]) for match in found}
    assert steps["trust-exact"] < steps["Newton-CG"] < steps["BFGS"]
    assert all(float(match[3]) < 1e-5 for match in found)


@pytest.mark.parametrize("name", ["xgboost_objectives.py", "lightgbm_objectives.py"])
def test_custom_objectives_grow_the_trees_of_the_built_in_ones(name):
    lines = printed(name)
    assert len(lines) == 3
    for line, count in zip(lines, (20, 20, 200), strict=True):
        match = re.fullmatch(r".*: (\d+) trees, the same splits, leaves within (.*)", line)
        assert int(match[1]) == count and float(match[2]) < 1e-6


def test_other_trees_are_told_apart():
    for module, split, leaf in (
        (
            xgboost_objectives,
            {"split": "f1", "split_condition": 0.5, "children": [{"leaf": 1.0}, {"leaf": 2.0}]},
            "leaf",
        ),
        (
            lightgbm_objectives,
            {
                "split_feature": 1,
                "threshold": 0.5,
                "decision_type": "<=",
                "left_child": {"leaf_value": 1.0},
                "right_child": {"leaf_value": 2.0},
            },
            "leaf_value",
        ),
    ):
        threshold = "split_condition" if leaf == "leaf" else "threshold"
        assert module.distance(split, split) == 0
        assert module.distance(split, {**split, threshold: 0.25}) == np.inf
        assert module.distance(split, {leaf: 1.0}) == np.inf
        assert module.distance({leaf: 1.0}, {leaf: 1.5}) == 0.5


def test_a_wrong_second_derivative_grows_other_trees():
    data, parameters, ours = xgboost_objectives.cases()["multi:softprob"]
    wrong = objectives.softmax(data.get_label().astype(int), 1.0)
    named = {"objective": "multi:softprob", **parameters}
    built_in = xgboost_objectives.trees(data, named, None)[:10]
    custom = xgboost_objectives.trees(data, named, wrong)[:10]
    assert max(map(xgboost_objectives.distance, built_in, custom)) > 0.01
