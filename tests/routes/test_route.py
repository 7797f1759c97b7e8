"""A route that gives blocks and nothing else serves every public function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.routes import choose
from blockhess.routes.plan import Plan
from blockhess.routes.route import Derivatives, DoesNotFit, Reading, Route

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])


@dataclass(frozen=True, eq=False)
class Cubes(Route):
    """The route of sum(x**3), which it is told by the last operation of f."""

    name = "cubes"
    x: tf.Tensor

    @classmethod
    def match(cls, reading: Reading) -> Cubes:
        if "cubes" not in reading.y.name:
            raise DoesNotFit("it is no sum of cubes")
        return cls(reading.x)

    def derivatives(self, *, layout: str, value: bool, gradient: bool) -> Derivatives:
        diagonal = 6 * self.x
        return Derivatives(
            tf.reduce_sum(self.x**3, 1) if value else None,
            3 * self.x**2 if gradient else None,
            diagonal if layout == "diag" else tf.linalg.diag(diagonal),
        )

    def plan(self, layout: str) -> Plan:
        return Plan(self.name, layout, "do not interact")


@pytest.fixture(autouse=True)
def a_third_route(monkeypatch):
    monkeypatch.setattr(choose, "ROUTES", (Cubes, *choose.ROUTES))


def cubes(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(x**3, 1, name="cubes")


def test_products_operators_and_newton_steps_are_made_of_its_blocks():
    x, v = tf.constant(X), tf.constant(X[::-1].copy())
    assert bh.explain(cubes, x).route == "cubes"
    np.testing.assert_allclose(bh.hessian(cubes, x, layout="diag"), 6 * X)
    value, gradient, _ = bh.value_grad_hessian(cubes, x)
    np.testing.assert_allclose(value, (X**3).sum(1))
    np.testing.assert_allclose(gradient, 3 * X**2)
    np.testing.assert_allclose(bh.hvp(cubes, x, v), 6 * X * X[::-1])
    np.testing.assert_allclose(bh.hessian_operator(cubes, x).diag_part(), 6 * X)
    np.testing.assert_allclose(bh.newton_direction(cubes, tf.abs(x)), -np.abs(X) / 2)


def test_the_next_route_takes_what_it_refuses_and_the_plan_says_why():
    plan = bh.explain(lambda x: tf.reduce_sum(tf.math.igamma(x, x)), tf.constant(np.abs(X)))
    assert plan.route == "autodiff"
    assert [name for name, _ in plan.refused] == ["cubes", "fused"]
    assert bh.explain(lambda x: tf.reduce_sum(x**2), tf.constant(X)).route == "fused"
