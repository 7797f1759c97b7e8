"""Losses for gradient boosting: their gradient and the diagonal of their Hessian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

import blockhess.numpy as bn

#: Scores, one a case or one a case and class, to their gradient and diagonal of the Hessian.
Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def elementwise(loss: str, **parameters: ArrayLike) -> Objective:
    """A loss of one score a case, as text, with parameters that are scalar or one a case."""
    columns = {name: np.reshape(p, (-1, 1)) for name, p in parameters.items()}

    def objective(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = scores.astype(np.float64).reshape(-1, 1)
        _, gradient, diagonal = bn.value_grad_hessian(loss, x, layout="diag", **columns)
        return gradient[:, 0], diagonal[:, 0]

    return objective


def softmax(classes: np.ndarray, factor: float) -> Objective:
    """Cross-entropy, log(sum_k exp(x_k)) - x_class; `factor` scales the diagonal."""
    labels = np.eye(classes.max() + 1)[classes]

    def objective(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = scores.astype(np.float64)
        x -= x.max(1, keepdims=True)  # exp(x) stays in range; the loss is the same.
        loss = [bn.Term("exp(x)", link="log(s)"), bn.Term(b=-labels)]
        _, gradient, diagonal = bn.value_grad_hessian(loss, x, layout="diag")
        return gradient, factor * diagonal

    return objective
