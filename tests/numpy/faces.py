"""Functions as TensorFlow and as NumPy users write them; as a program, compares the two faces.

`python faces.py` computes both with the instruction set that BLOCKHESS_ISA names, and prints every
result that differs in a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

import blockhess as bh
import blockhess.numpy as bn

K = 5
SIZES = (1, 37, 6000)  # The last is worth a second thread.


class Parameters:
    """Random numbers that float32 holds, as arrays; TensorFlow takes them as tensors."""

    def __init__(self, N: int, dtype: str) -> None:
        random = np.random.default_rng(N)

        def array(*shape: int) -> np.ndarray:
            return random.uniform(0.2, 1.0, shape).astype(np.float32).astype(dtype)

        self.x, self.v, self.cells = array(N, K), array(N, K), array(N, K)
        self.columns, self.column, self.rows = array(K), array(N, 1), array(N)
        self.A, self.row_A = array(K, K), array(N, K, K)
        self.number = array()


@dataclass(frozen=True)
class Case:
    """One value a row: `tensorflow` of x and parameters, the text and arguments for NumPy."""

    tensorflow: Callable[[tf.Tensor, Any], tf.Tensor]
    text: str | None
    arguments: Callable[[Parameters], dict[str, Any]] = field(default=lambda p: {})


def total(cells: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(cells, axis=1)


def quadratic(x: tf.Tensor, A: tf.Tensor) -> tf.Tensor:
    return total(x * tf.matmul(x, A))


def unary(function: Callable[[tf.Tensor], tf.Tensor], text: str) -> Case:
    return Case(lambda x, p: total(function(x)), text)


CASES = [
    *(
        unary(getattr(tf.math, name), f"{spelled or name}(x)")
        for name, spelled in {
            **dict.fromkeys(("sqrt", "rsqrt", "square", "reciprocal", "exp", "expm1"), ""),
            **dict.fromkeys(("log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh"), ""),
            **dict.fromkeys(("sigmoid", "softplus", "erf", "erfc", "digamma", "abs", "sign"), ""),
            **{"asin": "arcsin", "acos": "np.arccos", "atan": "arctan", "asinh": "arcsinh"},
            **{"atanh": "arctanh", "lgamma": "gammaln"},
        }.items()
    ),
    unary(lambda x: tf.math.acosh(x + 1.0), "arccosh(x + 1)"),
    unary(
        lambda x: tf.sin(x) * tf.exp(-(x**2)) + tf.math.softplus(x),
        "sin(x)*exp(-x**2) + softplus(x)",
    ),
    unary(lambda x: tf.math.polygamma(tf.constant(2.0, x.dtype), x), "polygamma(2, x)"),
    unary(lambda x: (x - 0.1) ** 3 / (1 + x**2), "(x - 0.1)**3 / (1 + x**2)"),
    unary(lambda x: x**0.7 - 2.0**x, "x**0.7 - 2**x"),
    unary(lambda x: tf.math.log(1 + tf.exp(-3 * x)), "log(1 + exp(-3 * x))"),
    unary(
        lambda x: tf.where(tf.abs(x) <= 0.5, 0.5 * x**2, 0.5 * tf.abs(x) - 0.125),
        "where(abs(x) <= 0.5, 0.5 * x**2, 0.5 * abs(x) - 0.125)",
    ),
    unary(lambda x: tf.maximum(x, 0.5) * tf.minimum(x, 0.6), "maximum(x, 0.5) * minimum(x, 0.6)"),
    unary(lambda x: tf.clip_by_value(x, 0.3, 0.8) ** 3, "clip(x, 0.3, 0.8)**3"),
    unary(lambda x: tf.math.xlogy(x, x) + tf.math.xlog1py(x, x), "xlogy(x, x) + xlog1py(x, x)"),
    Case(
        lambda x, p: total(tf.math.log_sigmoid(x * p.columns)),
        "log_expit(x * a)",
        lambda p: {"a": p.columns},
    ),
    Case(
        lambda x, p: total(tf.exp(p.column * x) / p.cells + tf.sin(x) ** p.number),
        "exp(w * x) / c + sin(x)**n",
        lambda p: {"w": p.column, "c": p.cells, "n": p.number},
    ),
    Case(
        lambda x, p: total((x - p.cells) ** 2 / 2 - p.columns * tf.math.log(x)),
        "(x - c)**2 / 2 - a * log(x)",
        lambda p: {"c": p.cells, "a": p.columns},
    ),
    Case(lambda x, p: 0.5 * quadratic(x, p.A), None, lambda p: {"S": p.A}),
    Case(
        lambda x, p: tf.exp(-0.5 * quadratic(x, p.A)), None, lambda p: {"S": p.A, "link": "exp(-s)"}
    ),
    Case(
        lambda x, p: tf.math.log1p(0.5 * tf.einsum("ni,nij,nj->n", x, p.row_A, x) * p.rows),
        None,
        lambda p: {"S": p.row_A, "link": "log1p(s * w)", "w": p.rows},
    ),
    Case(
        lambda x, p: tf.math.softplus(tf.linalg.matvec(x, p.columns)),
        None,
        lambda p: {"b": p.columns, "link": "softplus(s)"},
    ),
    Case(lambda x, p: tf.sqrt(total(x**2) + 0.01), "x**2", lambda p: {"link": "sqrt(s + 0.01)"}),
    Case(lambda x, p: tf.sqrt(total(tf.exp(x))), "exp(x)", lambda p: {"link": "sqrt(s)"}),
    Case(lambda x, p: tf.math.log(total(tf.exp(x))), "exp(x)", lambda p: {"link": "log(s)"}),
]


LAYOUTS = ("dense", "diag", "packed", "trace")


def tensorflow_face(case: Case, dtype: str) -> Callable[[Parameters], dict[str, tf.Tensor]]:
    """All that both faces compute, by TensorFlow, for any number of rows in one trace."""
    names = list(vars(Parameters(1, dtype)))
    # Parameters are arguments: a constant number would become part of the program.
    shapes = {
        name: [None if size == 7 else size for size in array.shape]
        for name, array in vars(Parameters(7, dtype)).items()
    }

    @tf.function(input_signature=[tf.TensorSpec(shapes[name], dtype) for name in names])
    def compute(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        p = SimpleNamespace(**dict(zip(names, tensors, strict=True)))

        def f(x: tf.Tensor) -> tf.Tensor:
            return case.tensorflow(x, p)

        results = {layout: bh.hessian(f, p.x, layout=layout, route="fused") for layout in LAYOUTS}
        results |= bh.value_grad_hessian(f, p.x, route="fused")._asdict()
        results["laplacian"] = bh.laplacian(f, p.x, route="fused")
        results["hvp"] = bh.hvp(f, p.x, p.v, route="fused")
        return results

    return lambda p: compute(*(vars(p)[name] for name in names))


def numpy_face(case: Case, p: Parameters, threads: int) -> dict[str, np.ndarray]:
    arguments = {**case.arguments(p), "threads": threads}
    results = {layout: bn.hessian(case.text, p.x, layout=layout, **arguments) for layout in LAYOUTS}
    results |= bn.value_grad_hessian(case.text, p.x, **arguments)._asdict()
    results["laplacian"] = bn.laplacian(case.text, p.x, **arguments)
    results["hvp"] = bn.hvp(case.text, p.x, p.v, **arguments)
    return results


def differences(cases: list[Case]) -> Iterator[str]:
    for case in cases:
        for dtype in ("float32", "float64"):
            in_tensorflow = tensorflow_face(case, dtype)
            for N in SIZES:
                p = Parameters(N, dtype)
                theirs = in_tensorflow(p)
                for threads in (1, 2):
                    for what, ours in numpy_face(case, p, threads).items():
                        expected = theirs[what].numpy()
                        if expected.tobytes() != ours.tobytes():
                            distance = np.max(np.abs(expected - ours))
                            yield f"{case.text} {dtype} {N} {threads} {what}: {distance}"


if __name__ == "__main__":
    print("computed with", bh.build_info()["isa"])
    for difference in differences(CASES):
        print(difference)
