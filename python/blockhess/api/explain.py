"""The plan of a function: the route that it takes, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tensorflow as tf

from blockhess.api.arguments import RowFunction, checked_x
from blockhess.api.request import Blocks, Request
from blockhess.eager.autograph import converting_only_f
from blockhess.eager.watched import Watched
from blockhess.routes.plan import Plan, PlanOfOutputs


@converting_only_f
def explain(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> Plan | PlanOfOutputs:
    """The plan for f at x: its route and terms, and why faster routes did not fit.

    Arguments and errors are those of `hessian`. Nothing is computed; in a graph that is being built
    the operations of the plan are added to it, and pruned when it runs.

    Returns:
      Plan; `str()` of it is for people. With `outputs`, PlanOfOutputs: one for each.

    Examples:
      >>> plan = blockhess.explain(lambda x: tf.reduce_sum(tf.exp(-x * x)), tf.ones((5, 3)))
      >>> plan.route
      'fused'
    """
    request = Request(Blocks(layout), route, coupling, outputs)
    tensor = checked_x(x)
    if not tf.executing_eagerly():
        return _plan(f, tensor, layout, request)
    plans: list[Plan | PlanOfOutputs] = []
    traced_anew = Watched(f).obstacle or ""

    @tf.autograph.experimental.do_not_convert
    def plan(x: tf.Tensor) -> None:
        plans.append(_plan(f, x, layout, request, traced_anew))

    tf.function(plan, autograph=False).get_concrete_function(tf.TensorSpec.from_tensor(tensor))
    return plans[0]


def _plan(
    f: RowFunction, x: tf.Tensor, layout: str, request: Request, traced_anew: str = ""
) -> Plan | PlanOfOutputs:
    plans = tuple(
        replace(route.plan(layout), traced_anew=traced_anew) for route in request.routes_of(f, x)
    )
    return plans[0] if request.outputs is None else PlanOfOutputs(plans)
