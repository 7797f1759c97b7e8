"""The functions to differentiate, each written once for every framework, and their closed forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A function with its Hessian blocks.

    Attributes:
      name: on the command line and in results.
      formula: as in the documentation.
      tensorflow: (tf, x, A) -> scalar or (N,), of x (N, K).
      jax, torch: (module, x, A) -> scalar, of one row x (K,).
      term: (bh, x, s, A) -> bh.ops.Term, of bh's expressions x and s; what blockhess makes of it.
      blocks: (x, A) -> (N, K, K) in NumPy, the closed form.
    """

    name: str
    formula: str
    tensorflow: Callable[[Any, Any, Any], Any]
    jax: Callable[[Any, Any, Any], Any]
    torch: Callable[[Any, Any, Any], Any]
    term: Callable[[Any, Any, Any, Any], Any]
    blocks: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _on_diagonal(values: np.ndarray) -> np.ndarray:
    blocks = np.zeros((*values.shape, values.shape[-1]), values.dtype)
    np.einsum("nkk->nk", blocks)[...] = values
    return blocks


def _quadratic(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    return np.broadcast_to(A, (len(x), *A.shape)).copy()


def _gaussian(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    """f (A x x' A - A)."""
    Ax = x @ A
    blocks = Ax[:, :, None] * Ax[:, None, :]
    blocks -= A
    blocks *= np.exp(-0.5 * np.sum(x * Ax, 1))[:, None, None]
    return blocks


def _logsumexp(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    """diag(p) - p p' with p the softmax."""
    del A
    p = np.exp(x - np.max(x, 1, keepdims=True))
    p /= np.sum(p, 1, keepdims=True)
    blocks = p[:, :, None] * -p[:, None, :]
    np.einsum("nkk->nk", blocks)[...] += p
    return blocks


def _sine(x: np.ndarray, A: np.ndarray) -> np.ndarray:
    del A
    bell = np.exp(-x * x) * ((4 * x * x - 3) * np.sin(x) - 4 * x * np.cos(x))
    sigmoid = 1 / (1 + np.exp(-x))
    return _on_diagonal(bell + sigmoid * (1 - sigmoid))


def _sine_term(e: Any, x: Any) -> Any:
    return e.sin(x) * e.exp(-x * x) + e.softplus(x)


CASES = {
    case.name: case
    for case in (
        Case(
            "squares",
            "sum(x*x)",
            lambda tf, x, A: tf.reduce_sum(x * x),
            lambda jax, x, A: jax.numpy.sum(x * x),
            lambda torch, x, A: torch.sum(x * x),
            lambda bh, x, s, A: bh.ops.Term(x * x, (), None, None, s, ()),
            lambda x, A: _on_diagonal(np.full_like(x, 2)),
        ),
        Case(
            "quadratic",
            "sum(0.5*x'Ax)",
            lambda tf, x, A: 0.5 * tf.reduce_sum(x * (x @ A)),
            lambda jax, x, A: 0.5 * jax.numpy.sum(x * (x @ A)),
            lambda torch, x, A: 0.5 * torch.sum(x * (x @ A)),
            lambda bh, x, s, A: bh.ops.Term(None, (), A, None, s, ()),
            _quadratic,
        ),
        Case(
            "gaussian",
            "sum(exp(-x'Ax/2))",
            lambda tf, x, A: tf.reduce_sum(tf.exp(-0.5 * tf.reduce_sum(x * (x @ A), 1))),
            lambda jax, x, A: jax.numpy.exp(-0.5 * jax.numpy.sum(x * (x @ A))),
            lambda torch, x, A: torch.exp(-0.5 * torch.sum(x * (x @ A))),
            lambda bh, x, s, A: bh.ops.Term(None, (), A, None, bh.expressions.exp(-s), ()),
            _gaussian,
        ),
        Case(
            "logsumexp",
            "sum(logsumexp(x, 1))",
            lambda tf, x, A: tf.reduce_sum(tf.reduce_logsumexp(x, 1)),
            lambda jax, x, A: jax.scipy.special.logsumexp(x),
            lambda torch, x, A: torch.logsumexp(x, 0),
            lambda bh, x, s, A: bh.ops.Term(
                bh.expressions.exp(x), (), None, None, bh.expressions.log(s), ()
            ),
            _logsumexp,
        ),
        Case(
            "sine",
            "sum(sin(x)*exp(-x*x) + softplus(x))",
            lambda tf, x, A: tf.reduce_sum(tf.sin(x) * tf.exp(-x * x) + tf.nn.softplus(x)),
            lambda jax, x, A: jax.numpy.sum(
                jax.numpy.sin(x) * jax.numpy.exp(-x * x) + jax.nn.softplus(x)
            ),
            lambda torch, x, A: torch.sum(
                torch.sin(x) * torch.exp(-x * x) + torch.nn.functional.softplus(x)
            ),
            lambda bh, x, s, A: bh.ops.Term(_sine_term(bh.expressions, x), (), None, None, s, ()),
            _sine,
        ),
    )
}
