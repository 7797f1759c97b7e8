"""How exact the derivatives are: ours and TensorFlow's, against mpmath, in units of the last place.

    python bench/accuracy.py [--cases NAME ...] [--output FOLDER]

Every instruction and some compositions (accuracy_cases.py), with three derivatives, in float32 and
float64, over the whole domain. The instructions run on the core at each instruction set, the
compositions by `value_grad_hessian` on the fused route, their third derivative by a tape around it.
Beside them stands what `batch_jacobian` computes: the gradient of the gradient by TensorFlow.

An error is |result - truth| in units of the last place of the truth. Infinity counts as the number
after the largest. Where the truth is below 2**10 times the smallest normal number, so need the
result be, and no more: TensorFlow's threads flush subnormal numbers to zero, also on the way. They
read a subnormal x as zero for the same reason: only the core is measured there. Where a pole or an
end of the domain gives the truth no value, it is its limit; which of the infinities stands at -0 is
not counted.

A run of all cases writes the table, the plot, and the bounds that the tests hold the results
against; one of some cases replaces their bounds alone.
"""

from __future__ import annotations

import argparse
import json
import math
import operator
import os
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import mpmath as mp
import numpy as np
import tensorflow as tf

import accuracy_bounds
import blockhess as bh
import committed
from accuracy_cases import COMPOSITIONS, INSTRUCTIONS, Case
from accuracy_report import write
from accuracy_table import number, source
from blockhess import _core
from blockhess import expressions as e
from blockhess.expressions.expression import COMPARISONS
from jets import ORDERS, truth
from machine import description

DTYPES = ("float32", "float64")
SEED = 7
#: A result is right up to the first error, and wrong beyond the second, with half its digits lost.
RIGHT = 64.0
WRONG = {"float32": 2.0**12, "float64": 2.0**26}


def _as_number(comparison):
    return lambda a, b: tf.cast(comparison(a, b), a.dtype)


TENSORFLOW = SimpleNamespace(
    **{
        **{name: getattr(tf.math, name) for name in e.ARITY if hasattr(tf.math, name)},
        **{name: _as_number(getattr(tf.math, name)) for name in COMPARISONS},
        "neg": tf.math.negative,
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "div": operator.truediv,
        "pow": operator.pow,
        "min": tf.math.minimum,
        "max": tf.math.maximum,
        "select": lambda c, a, b: tf.where(c != 0.0, a, b),
        "sigmoid_prime": lambda a: tf.math.sigmoid(a) * (1.0 - tf.math.sigmoid(a)),
        "polygamma": lambda n, a: tf.math.polygamma(tf.cast(n, a.dtype), a),
        "xlogy": tf.math.xlogy,
        "sum": lambda a: tf.reduce_sum(a, axis=1),
        "logsumexp": lambda a: tf.reduce_logsumexp(a, axis=1),
    }
)


def points(case: Case, dtype: str, some: int, subnormal: bool) -> np.ndarray:
    """Rows (N, K): the ends of the range, neighbours of hard points, log-uniform random numbers.

    The random numbers for a smaller `some` are the first of those for a larger one.
    """
    limits = np.finfo(dtype)

    def random(low: float, high: float, count: int) -> np.ndarray:
        return np.exp(np.random.default_rng(SEED).uniform(math.log(low), math.log(high), count))

    sizes = [
        *random(limits.tiny, float(limits.max), some),
        *random(1e-4, 1e3, 2 * some),
        *(0.5, 1.0, 2.0, 3.0, 10.0, 17.0, 30.0, 88.0, 100.0, 700.0, 745.0),
        *(limits.tiny, limits.eps, limits.max, 0.0, np.inf),
    ]
    if subnormal:
        smallest = limits.smallest_subnormal
        sizes += [smallest, 1e3 * smallest, limits.tiny / 3]
    steps = [0.0, limits.eps, 5 * limits.eps, *random(limits.eps, 1.0, some // 4)]
    close = [c + s * max(1.0, abs(c)) * step for c in case.near for step in steps for s in (1, -1)]
    first = np.array([*sizes, *(-s for s in sizes), *close, np.nan]).astype(dtype)
    first = first[~(first < case.low)]
    bits = first.view("u4" if dtype == "float32" else "u8")
    first = first[np.unique(bits, return_index=True)[1]]
    return np.concatenate(
        [
            np.column_stack([first, *(np.full_like(first, other) for other in others)])
            for others in case.others
        ]
    )


def on_the_core(case: Case, x: np.ndarray, isa: str) -> np.ndarray:
    """(4, N): an instruction and its derivatives by blockhess' expressions and the core."""
    argument = e.Variable("x")
    orders = [case.f(e, argument)]
    for _ in range(ORDERS - 1):
        orders.append(e.differentiate(orders[-1], argument))
    program = "blockhess 1 | map " + e.compile_program(orders, [argument])
    return np.array(_core.map(program, [x[:, 0]], isa=isa))


def by_the_op(case: Case, x: np.ndarray) -> np.ndarray:
    """(4, N): a composition by the op as users call it."""

    def f(x: tf.Tensor) -> tf.Tensor:
        return case.f(TENSORFLOW, x)

    @tf.function(autograph=False)
    def call(x: tf.Tensor):
        value, gradient, hessian = bh.value_grad_hessian(f, x, layout="diag", route="fused")
        with tf.GradientTape() as tape:
            tape.watch(x)
            second = bh.hessian(f, x, layout="diag", route="fused")[:, 0]
        third = tape.gradient(second, x, unconnected_gradients="zero")
        return tf.reshape(value, [-1]), gradient[:, 0], hessian[:, 0], third[:, 0]

    return np.array([order.numpy() for order in call(tf.constant(x))])


def by_tensorflow(case: Case, x: np.ndarray) -> np.ndarray:
    """(4, N): gradients of gradients; the second is the element of batch_jacobian."""

    @tf.function(autograph=False)
    def call(x: tf.Tensor):
        value = tf.reshape(case.f(TENSORFLOW, x), [-1])
        orders = [value]
        for _ in range(ORDERS - 1):
            (slope,) = tf.gradients(orders[-1], x, unconnected_gradients="zero")
            orders.append(slope[:, 0])
        return orders

    return np.array([order.numpy() for order in call(tf.constant(x))])


def ulps(result: float, exact: mp.mpf, dtype: str) -> float:
    """|result - exact| in last places of what is exact; 0 where neither is a number."""
    limits = np.finfo(dtype)
    if mp.isnan(exact):
        return 0.0 if not math.isfinite(result) else math.inf
    if math.isnan(result):
        return math.inf
    end = mp.mpf(2) ** limits.maxexp
    size, vanishing = abs(exact), float(limits.tiny) * 2**10
    if size < vanishing and abs(result) <= vanishing:
        return 0.0
    clipped = min(max(exact, -end), end)
    given = mp.mpf(result) if math.isfinite(result) else mp.sign(result) * end
    exponent = mp.frexp(min(size, end * (1 - mp.mpf(2) ** -60)))[1] if size else limits.minexp
    last_place = mp.mpf(2) ** (max(exponent - 1, limits.minexp) - limits.nmant)
    return float(abs(given - clipped) / last_place)


def truths(case: Case, x: np.ndarray) -> list[list[mp.mpf]]:
    return [
        [mp.mpf(v) for v in case.at_zero]
        if case.at_zero is not None and not row.any()
        else truth(case.f, [float(v) for v in row])
        for row in x
    ]


_STEPS = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "pow(0)"}


def counts(case: Case, order: int, point: np.ndarray, exact: Sequence[mp.mpf]) -> bool:
    """A derivative counts where the function has a value; a step has one everywhere."""
    if point[0] == 0 and np.signbit(point[0]) and mp.isinf(exact[order]):
        return False
    if np.isnan(point[0]):
        return order == 0 and case.name not in _STEPS
    return order == 0 or not (mp.isnan(exact[0]) or mp.isnan(exact[order]))


def measure(case: Case, dtype: str, instruction: bool, some: int) -> list[dict[str, Any]]:
    """A record for f and each derivative."""
    x = points(case, dtype, some, subnormal=instruction)
    exact = truths(case, x)
    if instruction:
        ours = {isa: on_the_core(case, x, isa) for isa in _core.build_facts()["isas"]}
    else:
        ours = {_core.build_facts()["isa"]: by_the_op(case, x)}
    theirs = _theirs(case, x, instruction)
    return [
        {
            "case": case.name,
            "kind": "instruction" if instruction else "composition",
            "dtype": dtype,
            "order": order,
            **_compared(
                [i for i in range(len(x)) if counts(case, order, x[i], exact[i])],
                {isa: results[order] for isa, results in ours.items()},
                theirs[order],
                [values[order] for values in exact],
                x,
            ),
        }
        for order in range(ORDERS)
    ]


def _theirs(case: Case, x: np.ndarray, instruction: bool) -> np.ndarray | list[None]:
    try:
        return by_tensorflow(case, x)
    except AttributeError:
        if not instruction:
            raise
        return [None] * ORDERS  # TensorFlow has no such function.


def _compared(
    counted: Sequence[int],
    ours: dict[str, np.ndarray],
    theirs: np.ndarray | None,
    exact: Sequence[mp.mpf],
    x: np.ndarray,
) -> dict[str, Any]:
    """The worst over the instruction sets, and TensorFlow's, over the finite points.

    TensorFlow's are nan where it has no such function.
    """
    dtype = x.dtype.name
    by_isa = {isa: [ulps(float(r[i]), exact[i], dtype) for i in counted] for isa, r in ours.items()}
    mine = dict(
        zip(counted, (max(each) for each in zip(*by_isa.values(), strict=True)), strict=True)
    )
    answered = [] if theirs is None else counted
    other = {i: ulps(float(theirs[i]), exact[i], dtype) for i in answered}
    # TensorFlow's threads read a subnormal number as zero.
    other = {i: error for i, error in other.items() if not 0 < abs(x[i, 0]) < np.finfo(dtype).tiny}
    finite = [i for i in counted if np.isfinite(x[i, 0])]
    infinite = [i for i in counted if np.isinf(x[i, 0])]
    worst = max(finite, key=mine.__getitem__)
    isa = max(by_isa, key=lambda isa: by_isa[isa][counted.index(worst)])
    theirs_finite = [other[i] for i in finite if i in other]
    wrong = [i for i in finite if i in other and other[i] > WRONG[dtype]]
    return {
        "points": len(finite),
        "worst": mine[worst],
        "worst_at": [float(v) for v in x[worst]],
        "worst_result": float(ours[isa][worst]),
        "worst_truth": mp.nstr(exact[worst], 17),
        "worst_isa": isa,
        "median": statistics.median(mine[i] for i in finite),
        "above": sum(mine[i] > RIGHT for i in finite),
        "batch_jacobian_worst": max(theirs_finite, default=math.nan),
        "batch_jacobian_median": statistics.median(theirs_finite or [math.nan]),
        "batch_jacobian_wrong": len(wrong),
        "batch_jacobian_wrong_ours_right": sum(mine[i] <= RIGHT for i in wrong),
        "ours_wrong_batch_jacobian_right": sum(
            mine[i] > WRONG[dtype] and other[i] <= RIGHT for i in finite if i in other
        ),
        "at_infinity": len(infinite),
        "at_infinity_wrong": sum(mine[i] > RIGHT for i in infinite),
        "batch_jacobian_at_infinity_wrong": sum(other[i] > RIGHT for i in infinite if i in other),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="*", help="names; all without")
    parser.add_argument("--points", type=int, default=40, help="random points of a kind")
    parser.add_argument("--output", type=Path, default=committed.RESULTS, help="folder")
    options = parser.parse_args()
    path, bounds = options.output / "accuracy", options.output / accuracy_bounds.NAME
    committed.check(bounds, *(path.with_suffix(end) for end in (".txt", ".png")))
    records = []
    for cases, instruction in ((INSTRUCTIONS, True), (COMPOSITIONS, False)):
        for case in cases:
            if options.cases and case.name not in options.cases:
                continue
            for dtype in DTYPES:
                found = measure(case, dtype, instruction, options.points)
                records += found
                print(case.name, dtype, *(number(r["worst"]) for r in found), flush=True)
    run = {"machine": description({}), "command": shlex.join(sys.argv)}
    some = options.cases and bounds.exists()
    known = accuracy_bounds.read(bounds) if some else accuracy_bounds.NONE
    bounds.write_text(accuracy_bounds.table(known.with_run(", ".join(source(**run)), records)))
    if not options.cases:
        results = {"runs": [run], "records": records}
        path.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        write(results, path)


if __name__ == "__main__":
    main()
