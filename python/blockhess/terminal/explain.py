"""The route that a function takes, and why."""

from __future__ import annotations

import argparse
import dataclasses

import tensorflow as tf
from rich.text import Text

import blockhess as bh
from blockhess.terminal.function_text import described, function_of
from blockhess.terminal.outcome import CommandError, Exit, Outcome
from blockhess.terminal.screen import Screen


def run(arguments: argparse.Namespace, screen: Screen) -> Outcome:
    plan = _plan(arguments)
    if arguments.route == "fused" and plan.route != "fused":
        reason = dict(plan.refused)["fused"]
        raise CommandError(Exit.FAILED, f"the fused route cannot serve the function: {reason}")
    for line in str(plan).splitlines():
        name, colon, what = line.partition(":")
        screen.console.print(Text.assemble((name + colon, "bold"), what))
    return Outcome(Exit.GOOD, dataclasses.asdict(plan))


def _plan(arguments: argparse.Namespace) -> bh.Plan:
    """The plan of the route that is named, or of the one taken where the fused one does not fit."""
    f = function_of(arguments.function)
    route = "autodiff" if arguments.route == "autodiff" else "auto"
    plans: list[bh.Plan] = []

    def plan(x: tf.Tensor) -> None:
        options = {"layout": arguments.layout, "coupling": arguments.coupling}
        plans.append(bh.explain(f, x, route=route, **options))

    try:
        # The function is traced and never run: x may be larger than the memory.
        x = tf.TensorSpec(arguments.shape, arguments.dtype, name="x")
        tf.function(plan, autograph=False).get_concrete_function(x)
    except Exception as error:
        raise CommandError(Exit.WRONG_USAGE, described(error)) from None
    return plans[0]
