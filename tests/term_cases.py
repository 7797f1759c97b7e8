"""Functions twice: as anyone writes them in TensorFlow, and as terms of the formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from blockhess import expressions as e
from blockhess.expressions import Variable
from blockhess.ops import Term

X, S = Variable("x"), Variable("s")
A, W, R, M, P, Q = map(Variable, "awrmpq")

Tensors = Mapping[str, tf.Tensor]


@dataclass(frozen=True)
class Case:
    """f and its terms, both of x and of named tensors whose shapes are given in N and K."""

    name: str
    shapes: Mapping[str, str]
    f: Callable[[tf.Tensor, Tensors], tf.Tensor]  # one value a row
    terms: Callable[[Tensors], Sequence[Term]]

    def tensors(self, rng: np.random.Generator, N: int, K: int) -> dict[str, np.ndarray]:
        """Positive numbers about 1."""
        sizes = {"N": N, "K": K, "1": 1}
        return {
            name: rng.uniform(0.5, 1.5, [sizes[c] for c in shape])
            for name, shape in self.shapes.items()
        }


def _quadratic(x, S):
    return (
        0.5 * tf.einsum("nk,...kl,nl->n", x, S, x)
        if S.shape.rank == 2
        else 0.5 * tf.einsum("nk,nkl,nl->n", x, S, x)
    )


CASES = [
    Case(
        "separable",
        {},
        lambda x, t: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x), 1),
        lambda t: [Term(e.sin(X) * e.exp(-X * X) + e.softplus(X), (), None, None, S, ())],
    ),
    Case(
        "quadratic, S not symmetric",
        {"S": "KK", "b": "K"},
        lambda x, t: _quadratic(x, t["S"]) + tf.linalg.matvec(x, t["b"]),
        lambda t: [Term(None, (), t["S"], t["b"], S, ())],
    ),
    Case(
        "Gaussian, S and b a row",
        {"S": "NKK", "b": "NK", "a": ""},
        lambda x, t: tf.exp(
            -t["a"] * (0.2 * _quadratic(x, t["S"]) + 0.2 * tf.reduce_sum(t["b"] * x, 1))
        ),
        lambda t: [Term(None, (), 0.2 * t["S"], 0.2 * t["b"], e.exp(-A * S), ((A, t["a"]),))],
    ),
    Case(
        "parameters of every shape",
        {"a": "", "w": "K", "r": "N1", "m": "NK", "S": "KK", "b": "K", "p": "N", "q": "N1"},
        lambda x, t: (
            t["p"]
            * tf.math.log1p(
                tf.exp(
                    0.1
                    * t["q"][:, 0]
                    * tf.reduce_sum(t["w"] * tf.math.log1p(t["r"] * (x - t["m"]) ** 2) ** t["a"], 1)
                    + 0.1 * t["q"][:, 0] * (_quadratic(x, t["S"]) + tf.linalg.matvec(x, t["b"]))
                )
            )
        ),
        lambda t: [
            Term(
                W * e.pow(e.log1p(R * e.square(X - M)), A),
                ((A, t["a"]), (W, t["w"]), (R, t["r"]), (M, t["m"])),
                t["S"],
                t["b"],
                P * e.softplus(0.1 * Q * S),
                ((P, t["p"]), (Q, t["q"])),
            )
        ],
    ),
    Case(
        "weighted rows, psi linear",
        {"w": "K", "S": "KK", "b": "NK", "p": "N1"},
        lambda x, t: (
            t["p"][:, 0]
            * (
                tf.reduce_sum(t["w"] * tf.sin(x), 1)
                + _quadratic(x, t["S"])
                + tf.reduce_sum(t["b"] * x, 1)
            )
        ),
        lambda t: [
            Term(W * e.sin(X), ((W, t["w"]),), t["S"], t["b"], P * S, ((P, t["p"]),)),
        ],
    ),
    Case(
        "softmax cross-entropy, two terms",
        {"y": "NK"},
        lambda x, t: tf.reduce_logsumexp(x, 1) - tf.reduce_sum(t["y"] * x, 1),
        lambda t: [
            Term(e.exp(X), (), None, None, e.log(S), ()),
            Term(None, (), None, -t["y"], S, ()),
        ],
    ),
    Case(
        "2-norm of a shifted row",
        {"m": "K"},
        lambda x, t: tf.norm(x - 4.0 * t["m"], axis=1),
        lambda t: [Term(e.square(X - M), ((M, 4.0 * t["m"]),), None, None, e.sqrt(S), ())],
    ),
]


def reference(f: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor, layout: str) -> list[tf.Tensor]:
    """Value, gradient and blocks by TensorFlow's own differentiation; rows do not interact."""
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = f(x)
        gradient = inner.gradient(value, x)
        columns = tf.unstack(gradient, axis=1)
    blocks = tf.stack([outer.gradient(column, x) for column in columns], axis=1)
    return [value, gradient, in_layout(blocks, layout)]


def in_layout(blocks: tf.Tensor, layout: str) -> tf.Tensor:
    if layout in ("diag", "trace"):
        diagonal = tf.linalg.diag_part(blocks)
        return tf.reduce_sum(diagonal, -1) if layout == "trace" else diagonal
    if layout == "packed":
        K = blocks.shape[-1]
        row, column = np.triu_indices(K)
        return tf.gather(tf.reshape(blocks, [-1, K * K]), row * K + column, axis=1)
    return blocks
