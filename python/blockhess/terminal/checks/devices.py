"""The raw ops on every device: blocks in every layout and dtype, their gradients, maps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import tensorflow as tf

import blockhess as bh
from blockhess.formula.layouts import LAYOUTS
from blockhess.terminal.checks.closed_form import Problem
from blockhess.terminal.checks.comparison import BOUNDS, Check, error_of


def names() -> list[str]:
    """The names of the devices that this build has kernels for."""
    kinds = ("CPU", "GPU") if bh.build_info()["cuda"] else ("CPU",)
    return [d.name for kind in kinds for d in tf.config.list_logical_devices(kind)]


def short(device: str) -> str:
    return device.removeprefix("/device:")


def checks() -> list[Check]:
    return [
        Check(f"ops in {dtype}", short(device), partial(_run, device, dtype))
        for device in names()
        for dtype in BOUNDS
    ]


def _run(device: str, dtype: str) -> float:
    with tf.device(device):
        return max(_errors(dtype))


def _errors(dtype: str) -> Iterator[float]:
    problem = Problem(dtype)
    x, term = problem.tensor("x"), problem.term()
    for layout in LAYOUTS:
        outputs = bh.ops.terms(x, [term], layout=layout, want_value=True, want_gradient=True)
        for name, result in zip(("value", "gradient", layout), outputs, strict=True):
            yield error_of(name, result, problem.exact(name), dtype)
    bar, _ = bh.ops.terms_vjp(x, [term], hessian=problem.tensor("M"))
    yield error_of("gradient of <M, blocks>", bar, problem.exact("cotangent"), dtype)
    a = bh.expressions.Variable("a")
    (result,) = bh.ops.map([bh.expressions.erf(a) * a], {a: x})
    exact = [math.erf(value) * value for value in problem.array("x").astype(np.float64).flat]
    yield error_of("map", result, np.reshape(exact, x.shape), dtype)
