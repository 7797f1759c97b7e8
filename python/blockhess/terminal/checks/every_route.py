"""Both routes on every device: eagerly, in a tf.function, and compiled by XLA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import tensorflow as tf

import blockhess as bh
from blockhess.formula.layouts import LAYOUTS
from blockhess.terminal.checks.closed_form import Problem
from blockhess.terminal.checks.comparison import Check, Wrong, error_of
from blockhess.terminal.checks.devices import names, short

Mode = Callable[[Callable], Callable]

MODES: dict[str, Mode] = {
    "eager": lambda call: call,
    "tf.function": lambda call: tf.function(call, autograph=False),
}
XLA: dict[str, Mode] = {
    "XLA": lambda call: tf.function(call, autograph=False, jit_compile=True),
}


def checks() -> list[Check]:
    modes = MODES | (XLA if bh.build_info()["xla"] else {})
    return [
        *(
            Check(
                f"{route} route",
                f"{short(device)}, {name}",
                partial(_run, device, mode, route),
            )
            for device in names()
            for name, mode in modes.items()
            for route in ("fused", "autodiff")
        ),
        *(
            Check("coupling refused", short(device), partial(_coupled, device))
            for device in names()
        ),
    ]


def _run(device: str, mode: Mode, route: str) -> float:
    with tf.device(device):
        return max(_errors(mode, route))


def _errors(mode: Mode, route: str, dtype: str = "float32") -> Iterator[float]:
    problem = Problem(dtype)
    x, M = problem.tensor("x"), problem.tensor("M")

    def results(x: tf.Tensor, M: tf.Tensor) -> dict[str, tf.Tensor]:
        found = {layout: bh.hessian(problem.f, x, layout=layout, route=route) for layout in LAYOUTS}
        with tf.GradientTape() as tape:
            tape.watch(x)
            value, gradient, blocks = bh.value_grad_hessian(problem.f, x, route=route)
            product = tf.reduce_sum(M * blocks)
        return found | {
            "value": value,
            "gradient": gradient,
            "cotangent": tape.gradient(product, x),
        }

    for name, result in mode(results)(x, M).items():
        yield error_of(name, result, problem.exact(name), dtype)


def _coupled(device: str) -> float:
    with tf.device(device):
        x = Problem("float32").tensor("x")
        try:
            bh.hessian(lambda x: tf.reduce_sum(x) ** 2, x)
        except tf.errors.InvalidArgumentError:
            return 0.0
    raise Wrong("blocks of a function whose rows interact were returned")
