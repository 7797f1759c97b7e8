"""A function with every part of the formula, and its derivatives worked out by hand.

    f(x) = sum_i exp(-s_i),   s_i = sum_k sin(x_ik) + 1/2 x_i' S x_i + b' x_i

With u = cos(x) + S x + b, v = exp(-s) and J = S - diag(sin(x)), the derivative of u: the value is
v, the gradient -v u, the block v (u u' - J). Of T = <M, block> = v (u' M u - <M, J>), with a
symmetric M, the derivative is -T u + v (2 J M u + diag(M) cos(x)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

import blockhess as bh
from blockhess.formula.layouts import LAYOUTS

# Neither is a multiple of the width of a SIMD vector.
N, K = 37, 5


@dataclass(frozen=True)
class Problem:
    """The function at numbers that `dtype` holds exactly; results are in float64."""

    dtype: str

    @cached_property
    def _random(self) -> dict[str, np.ndarray]:
        random = np.random.default_rng(0)
        square, M = random.normal(size=(K, K)), random.normal(size=(N, K, K))
        tensors = {
            "x": 0.5 * random.normal(size=(N, K)),
            "S": np.eye(K) + 0.1 * (square + square.T),
            "b": 0.3 * random.normal(size=K),
            "M": M + M.transpose(0, 2, 1),
        }
        held = tf.as_dtype(self.dtype).as_numpy_dtype
        return {name: tensor.astype(held) for name, tensor in tensors.items()}

    def array(self, name: str) -> np.ndarray:
        return self._random[name]

    def tensor(self, name: str) -> tf.Tensor:
        return tf.constant(self.array(name))

    def f(self, x: tf.Tensor) -> tf.Tensor:
        """The function as a user writes it."""
        S, b = tf.constant(self.array("S")), tf.constant(self.array("b"))
        s = tf.reduce_sum(tf.sin(x), 1) + 0.5 * tf.reduce_sum(x * (x @ S), 1)
        return tf.exp(-(s + tf.linalg.matvec(x, b)))

    def term(self) -> bh.ops.Term:
        """The function as the raw ops take it."""
        e = bh.expressions
        x, s = e.Variable("x"), e.Variable("s")
        return bh.ops.Term(e.sin(x), (), self.tensor("S"), self.tensor("b"), e.exp(-s), ())

    @cached_property
    def _exact(self) -> dict[str, np.ndarray]:
        x, S, b, M = (self.array(name).astype(np.float64) for name in "xSbM")
        u = np.cos(x) + x @ S + b
        v = np.exp(-(np.sin(x).sum(1) + 0.5 * np.sum(x * (x @ S), 1) + x @ b))
        J = S - np.sin(x)[:, :, None] * np.eye(K)
        block = v[:, None, None] * (u[:, :, None] * u[:, None, :] - J)
        T = np.einsum("nkl,nkl->n", M, block)
        Mu = np.einsum("nkl,nl->nk", M, u)
        JMu = np.einsum("nkl,nl->nk", J, Mu)
        bar = -T[:, None] * u + v[:, None] * (2 * JMu + np.einsum("nkk->nk", M) * np.cos(x))
        return {"value": v, "gradient": -v[:, None] * u, "dense": block, "cotangent": bar}

    def exact(self, name: str) -> np.ndarray:
        """The value, the gradient, the blocks in a layout, or the derivative of <M, blocks>."""
        layout = LAYOUTS.get(name)
        return self._exact[name] if layout is None else layout.from_dense(self._exact["dense"])
