"""A row of the audit: a row-wise function at points where its second derivatives may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from row_functions import mixed, weighted

RowFunction = Callable[[tf.Tensor], tf.Tensor]
Truth = Callable[[np.ndarray], np.ndarray]
"""Points (N, K) in float64 to their blocks (N, K, K)."""

Outcome = Literal["fused", "autodiff", "refused", "convention"]

INSIDE = ", inside"
"""Ends the name of a row in which the operation stands within a function that is not fused."""


@dataclass(frozen=True, eq=False)
class Case:
    """f at the rows of x, what blockhess makes of it, and what it is held against.

    Attributes:
      name: what the row is about, as the page of operations has it.
      operations: the operations whose derivatives are meant, by their types or names.
      f: the row-wise function, one value a row.
      x: the points, (N, K).
      outcome: "fused" and "autodiff" are right blocks by that route; "refused" is an error;
        "convention" are the blocks that `truth`, `reference` and `nan_rows` describe, and that
        `reason` explains, at a point where f has no second derivative or several.
      reason: what a user should know, in a sentence; empty where there is nothing.
      tensorflow: what TensorFlow's gradients of gradients give instead of right blocks.
      autodiff: what route="autodiff" gives where another route serves.
      refusal: what the text of the error has to hold, the name of the operation.
      reference: f in other words, where differences of f's own values will not do.
      truth: the blocks in closed form, which then take the place of differences.
      nan_rows: the rows whose blocks hold NaN, by convention.
      step: the largest step of the differences.
      tolerance: the error allowed, relative to the largest entry of a row's block.
      by_batch: whether f takes just the rows of x, no more at once.
      calls: how many times the blocks are computed.
      ends_the_process: whether a failure may, so that the row is judged in a process of its own.
    """

    name: str
    operations: str
    f: RowFunction
    x: np.ndarray
    outcome: Outcome = "autodiff"
    reason: str = ""
    tensorflow: Literal["", "wrong", "zero", "NaN", "raises"] = ""
    autodiff: Literal["right", "wrong", "zero", "NaN", "raises"] = "right"
    refusal: str = ""
    reference: RowFunction | None = None
    truth: Truth | None = None
    nan_rows: tuple[int, ...] = ()
    step: float = 0.03
    tolerance: float = 0.0
    by_batch: bool = False
    calls: int = 1
    ends_the_process: bool = False

    def __post_init__(self) -> None:
        single = self.x.dtype == np.float32
        object.__setattr__(self, "tolerance", self.tolerance or (4e-3 if single else 2e-5))
        needs_reason = self.tensorflow or self.outcome in ("refused", "convention")
        assert (self.outcome == "refused") == bool(self.refusal), self.name
        assert self.reason or not needs_reason, self.name

    @property
    def subject(self) -> str:
        """The name without what says where the operation stands."""
        return self.name.removesuffix(INSIDE)

    @property
    def shown(self) -> str:
        """The outcome as users see it: repaired where TensorFlow alone is not right."""
        is_right = self.outcome in ("fused", "autodiff")
        return "repaired" if is_right and self.tensorflow else self.outcome


def both(
    name: str,
    operations: str,
    u: RowFunction,
    x: np.ndarray,
    *,
    fused: bool = False,
    outcome: Outcome | None = None,
    truth: Truth | None = None,
    reference: RowFunction | None = None,
    **attributes: Any,
) -> tuple[Case, Case]:
    """u of each cell in a weighted sum, fused or not, and within a function that is not fused.

    `truth` is that of the sum; `reference` stands for u in both.
    """
    v = reference or u
    return (
        Case(
            name,
            operations,
            lambda x: weighted(u(x)),
            x,
            outcome or ("fused" if fused else "autodiff"),
            truth=truth,
            reference=lambda x: weighted(v(x)),
            **attributes,
        ),
        Case(
            name + INSIDE,
            operations,
            lambda x: mixed(u(x)),
            x,
            outcome or "autodiff",
            reference=lambda x: mixed(v(x)),
            **attributes,
        ),
    )
