"""Functions drawn at random: fused is what autodiff is is what mpmath is, within derived bounds.

    BLOCKHESS_EXAMPLES=10000 python -m pytest tests/random_programs -n 0 -s [--hypothesis-seed=S]

draws that many other examples by hand. A failure prints the example, to be put in found_cases.py.
"""

from __future__ import annotations

import collections
import math
import os
import random
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from bounded_jets import (
    ANYTHING,
    NUMPY,
    ROUNDINGS,
    TENSORFLOW,
    Arithmetic,
    Part,
    added,
    evaluate,
    lifted,
)
from found_cases import CASES
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from random_functions import Example, NumpyExample, numpy_examples, tensorflow_examples

import blockhess as bh
import blockhess.numpy as bn

tf.get_logger().setLevel("ERROR")  # Of functions that are traced often.

BY_HAND = int(os.environ.get("BLOCKHESS_EXAMPLES", "0"))
# How many examples each part draws, in every run and in the full ones.
OF_TENSORFLOW, OF_NUMPY = (12, 69, 69), (99, 450, 450)
PARTS = len(OF_TENSORFLOW)
COUNTS: collections.Counter[str] = collections.Counter()


@pytest.fixture(scope="module")
def start(request: pytest.FixtureRequest) -> str:
    """Where the drawing starts: at the same place in every run, but by hand."""
    given_one = request.config.getoption("--hypothesis-seed")
    result = given_one or str(random.SystemRandom().getrandbits(32) if BY_HAND else 0)
    print(f"--hypothesis-seed={result}")
    return result


def check_drawn(
    check: Callable[[Any], None],
    examples: SearchStrategy,
    counts: tuple[int, ...],
    start: str,
    part: int,
) -> None:
    """Checks some of the examples, other ones for each part."""

    def is_right(example):
        check(example)

    before = COUNTS.copy()
    chosen = settings(
        max_examples=math.ceil(BY_HAND / PARTS) or counts[part],
        phases=[Phase.generate],  # A number that is smaller is not an example that is smaller.
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(f"{start}, part {part}")(chosen(given(examples)(is_right)))()
    bounds = COUNTS - before
    assert bounds["sharp"] >= 0.5 * (bounds["sharp"] + bounds["blunt"]) > 0, bounds


def largest(dtype: str | np.dtype) -> float:
    """Where sums may end: a mean may be taken of what was multiplied by the number of rows."""
    return float(ml_dtypes.finfo(dtype).max) / 16


def arithmetic(dtype: str, through_value: bool = False) -> Arithmetic:
    limits = ml_dtypes.finfo(dtype)
    unit = ROUNDINGS * float(limits.eps) / 2
    return Arithmetic(unit, float(limits.tiny), largest(dtype), through_value)


#: What a route may answer instead. TensorFlow has no polygamma in 16 bits, and for some functions
#: no second derivative.
REFUSALS = {
    "fused": (
        "the fused route cannot serve f",
        "not in list of allowed values",
        "No OpKernel was registered",
    ),
    "autodiff": (
        "TensorFlow cannot",
        "not in list of allowed values",
        "No OpKernel was registered",
    ),
}


class Truth:
    """What mpmath says of an example, with the bounds of an arithmetic."""

    def __init__(self, f: Callable[[Any], Any], x: np.ndarray, numbers: Arithmetic) -> None:
        jets = evaluate(f, x, numbers).reshape(-1)
        total = sum(jets, lifted(0.0))
        self.K = x.shape[-1]
        rows = np.arange(x.size).reshape(-1, self.K)
        self.value = [lifted(jet).value for jet in jets]
        slopes, curvatures = total.slopes, total.curvatures
        if total.value[1] < math.inf:
            unknown = [False] * len(rows)
        elif len(jets) == len(rows):
            unknown = [not error < math.inf for _, error, _ in self.value]
        else:  # It is not known in which row, unless derivatives say so.
            unknown = [not any(not e < math.inf for _, e, _ in slopes.values())] * len(rows)
        nan = np.isnan(x.astype(np.float64)).reshape(rows.shape).any(-1)  # Times 0, too.
        unknown = [a or b for a, b in zip(unknown, nan, strict=True)]
        self.gradient = [
            ANYTHING if unknown[cell // self.K] else slopes.get(cell) for cell in range(x.size)
        ]
        self._blocks = [
            [
                [ANYTHING if lost else curvatures.get((min(i, j), max(i, j))) for j in row]
                for i in row
            ]
            for row, lost in zip(rows, unknown, strict=True)
        ]

    @classmethod
    def of_tensorflow(cls, source: str, numbers: Arithmetic) -> Truth:
        names: dict[str, Any] = {"np": np, "tf": TENSORFLOW}
        exec(source, names)
        return cls(names["f"], names["x"], numbers)

    def hessian(self, layout: str) -> list[Part | None]:
        K = self.K
        if layout == "trace":
            return [added(block[k][k] for k in range(K)) for block in self._blocks]
        pairs = {
            "dense": [(i, j) for i in range(K) for j in range(K)],
            "diag": [(k, k) for k in range(K)],
            "packed": list(zip(*np.triu_indices(K), strict=True)),
        }[layout]
        return [block[i][j] for block in self._blocks for i, j in pairs]


def compare(what: str, actual: np.ndarray, truth: list[Part | None], finite_only: bool) -> None:
    """Raises AssertionError at the first number beyond its bound."""
    limits = ml_dtypes.finfo(actual.dtype)
    eps, tiny, end = float(limits.eps), float(limits.tiny), largest(actual.dtype)
    numbers = actual.astype(np.float64).reshape(-1)
    assert len(numbers) == len(truth), (what, actual.shape, len(truth))
    for place, (number, part) in enumerate(zip(numbers, truth, strict=True)):
        value, error, size = part or (0, 0.0, 0.0)
        exact = float(value)
        bound = error + eps * abs(exact) + (tiny if abs(exact) < 2 * tiny and size else 0.0)
        if what.endswith("hessian") and numbers.dtype == actual.dtype:
            COUNTS["sharp" if bound <= 1e-3 * abs(exact) + tiny else "blunt"] += 1
        if not bound < math.inf or abs(exact) + bound > end:
            COUNTS[f"{what}: no bound"] += 1
        elif finite_only and not math.isfinite(number):
            COUNTS[f"{what}: not finite"] += 1
        else:
            sharp = "sharp" if bound <= 1e-2 * abs(exact) or bound < 1e-6 else "wide"
            COUNTS[f"{what}: {sharp}"] += 1
            assert abs(number - exact) <= bound, (
                f"{what}[{np.unravel_index(place, actual.shape)}] is {number!r}, "
                f"the truth is {exact!r} within {bound:.3g}"
            )


def called(example: Example, f: Any, x: np.ndarray, route: str):
    """value_grad_hessian() of f, called as the example says."""

    def call(x: tf.Tensor):
        return bh.value_grad_hessian(f, x, layout=example.layout, route=route)

    if example.call == "eager":
        return call(tf.constant(x))
    shape = [None] * (x.ndim - 1) + [x.shape[-1]] if example.call == "unknown rows" else x.shape
    signature = [tf.TensorSpec(shape, x.dtype)]
    return tf.function(call, autograph=False, input_signature=signature)(tf.constant(x))


def check(example: Example) -> None:
    """Raises AssertionError where a route is further from the truth than its bound."""
    names: dict[str, Any] = {"np": np, "tf": tf}
    exec(example.source, names)
    x, f = names["x"], names["f"]
    dtype = x.dtype.name
    computed = "float64" if dtype == "float64" else "float32"
    rounded = "float32" if dtype == "float64" and "tf.float32" in example.source else dtype
    for route, numbers in (
        ("fused", arithmetic(computed)),
        ("autodiff", arithmetic(rounded, through_value=True)),
    ):
        try:
            result = called(example, f, x, route)
        except (ValueError, TypeError, LookupError, tf.errors.InvalidArgumentError) as error:
            if not any(reason in str(error) for reason in REFUSALS[route]):
                raise
            COUNTS[f"not {route}"] += 1
            continue
        if not x.size:  # The mean of no rows is nan.
            values = (tf.cast(v, tf.float64).numpy() for v in (result.value, f(tf.constant(x))))
            np.testing.assert_array_equal(*values)
        truth = Truth.of_tensorflow(example.source, numbers)
        _check_parts(route, result, truth, example.layout, finite_only=route == "autodiff")


def _check_parts(name: str, result: Any, truth: Truth, layout: str, finite_only: bool) -> None:
    COUNTS[name] += 1
    wanted = {"gradient": truth.gradient, "hessian": truth.hessian(layout)}
    if truth.gradient:
        wanted["value"] = truth.value
    for part, parts in wanted.items():
        compare(f"{name} {part}", _array(getattr(result, part)), parts, finite_only)


def _array(a: Any) -> np.ndarray:
    return a.numpy() if isinstance(a, tf.Tensor) else np.asarray(a)


def check_numpy(example: NumpyExample) -> None:
    names: dict[str, Any] = {"np": np}
    exec(example.source, names)
    x = names["x"]
    terms = [bn.Term(**term) for term in names["terms"]]
    result = bn.value_grad_hessian(terms, x, layout=example.layout)
    truth = Truth(lambda jets: _terms(names["terms"], jets), x, arithmetic(x.dtype.name))
    _check_parts("numpy", result, truth, example.layout, finite_only=False)


def _terms(terms: list[dict[str, Any]], x: np.ndarray) -> np.ndarray:
    """The sum of the terms of the formula, of an array of jets."""
    total = np.zeros(x.shape[:-1], object)
    for term in terms:
        names = {**NUMPY, **term["parameters"], "x": x}
        s = np.zeros(x.shape[:-1], object)
        if term["function"] is not None:
            cells = np.broadcast_to(np.asarray(eval(term["function"], names), object), x.shape)
            s = s + np.sum(cells, -1)
        if term["S"] is not None:
            S = np.asarray(term["S"], object)
            s = s + 0.5 * np.einsum("...i,...ij,...j->...", x, S, x)
        if term["b"] is not None:
            s = s + np.sum(x * term["b"], -1)
        total = total + (s if term["link"] is None else eval(term["link"], {**names, "s": s}))
    return total


@pytest.mark.parametrize(
    ("kind", "check_one"),
    [(NumpyExample, check_numpy), pytest.param(Example, check, marks=pytest.mark.full)],
)
def test_what_was_found_once_is_right(kind: type, check_one: Callable[[Any], None], subtests):
    for case in CASES:
        if isinstance(case.example, kind):
            with subtests.test(case.name):
                check_one(case.example)


every_part = pytest.mark.parametrize(
    "part",
    [0, *(pytest.param(p, marks=[] if BY_HAND else pytest.mark.full) for p in range(1, PARTS))],
)


@every_part
def test_fused_is_autodiff_is_mpmath(start: str, part: int):
    check_drawn(check, tensorflow_examples, OF_TENSORFLOW, start, part)


@every_part
def test_the_terms_of_the_numpy_face_are_mpmath(start: str, part: int):
    check_drawn(check_numpy, numpy_examples, OF_NUMPY, start, part)


def teardown_module():
    for name, count in sorted(COUNTS.items()):
        print(f"{name}: {count}")
