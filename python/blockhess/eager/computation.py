"""What is computed of a function at x, as far as eager calls know it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

Results = tuple[tf.Tensor | None, ...]
"""A NamedTuple of the computation's own."""


class Computed(NamedTuple):
    """The results, and whether a tape that records their operations differentiates them rightly."""

    results: Results
    is_taped_rightly: bool


class Computation(Hashable, Protocol):
    """Gives the results for f at x in the graph that is being built. Equal ones share a trace."""

    def __call__(self, f: Callable[..., Any], x: tf.Tensor, *arguments: tf.Tensor) -> Computed: ...
