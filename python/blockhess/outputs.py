"""Blocks of functions with several outputs: those of each column of f's result, in one graph."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from blockhess.request import Blocks, checked_outputs
from blockhess.routes.derivatives import Derivatives
from blockhess.routing import Route


@dataclass(frozen=True)
class BlocksOfOutputs(Blocks):
    """The blocks of each of `outputs` columns; each takes the route that fits it."""

    outputs: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.outputs, numbers.Integral) and not isinstance(self.outputs, bool)
        if not whole or self.outputs < 1:
            raise ValueError(f"outputs is {self.outputs!r}; expected a positive int")

    def joined(self, routes: Sequence[Route]) -> Derivatives:
        """value (..., M), gradient (..., M, K), and M before the last axes of the blocks."""
        columns = zip(*(self.of(route) for route in routes), strict=True)
        axis = routes[0].x.shape.rank - 1
        return Derivatives(*(None if c[0] is None else tf.stack(c, axis) for c in columns))

    def routes_of(self, f: Callable[[tf.Tensor], Any], x: tf.Tensor) -> list[Route]:
        """Each column of f's result on its route, in the graph that is being built."""
        argument = tf.identity(x, "x")
        y = checked_outputs(f(argument), argument, self.outputs)
        return [self.routed(y[..., m], argument) for m in range(self.outputs)]
