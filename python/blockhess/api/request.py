"""What a caller asks for."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from blockhess.api.arguments import check_option, checked_outputs, checked_result
from blockhess.formula.term_programs import LAYOUTS
from blockhess.routes.choose import Route, routed
from blockhess.routes.route import Derivatives

ROUTES = ("auto", "fused", "autodiff")
COUPLINGS = ("check", "exact", "assume_independent")


@dataclass(frozen=True)
class Request:
    """The options of one call; each public function has its own, which says what it computes."""

    route: str = "auto"
    coupling: str = "check"

    def __post_init__(self) -> None:
        check_option("route", self.route, ROUTES)
        check_option("coupling", self.coupling, COUPLINGS)

    def apply(
        self, f: Callable[[tf.Tensor], Any], x: tf.Tensor, *arguments: tf.Tensor
    ) -> tuple[tf.Tensor | None, ...]:
        """What is asked for of f at x, as a NamedTuple, in the graph that is being built."""
        return self.joined(self.routes_of(f, x), *arguments)

    def routes_of(self, f: Callable[[tf.Tensor], Any], x: tf.Tensor) -> list[Route]:
        """The routes of all that is asked for, in the graph that is being built."""
        return [self.route_of(f, x)]

    def joined(
        self, routes: Sequence[Route], *arguments: tf.Tensor
    ) -> tuple[tf.Tensor | None, ...]:
        """What is asked for, as a NamedTuple, from its routes."""
        (route,) = routes
        return self.of(route, *arguments)

    def route_of(self, f: Callable[[tf.Tensor], Any], x: tf.Tensor) -> Route:
        """f at x on its route, in the graph that is being built."""
        argument = tf.identity(x, "x")  # f's own x: nothing else that depends on x counts.
        return self.routed(f(argument), argument)

    def routed(self, y: Any, x: tf.Tensor, reads: Sequence[tf.Tensor] = ()) -> Route:
        """f, which took x and returned y, on its route."""
        result = checked_result(y, x)
        return routed(result, x, route=self.route, coupling=self.coupling, reads=reads)

    def of(self, route: Route, *arguments: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        """What is asked for, as a NamedTuple, from the route and the tensors given beside x."""
        raise NotImplementedError


@dataclass(frozen=True)
class Blocks(Request):
    """`value` and `gradient` say what is wanted beside the blocks."""

    layout: str = "dense"
    value: bool = False
    gradient: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_option("layout", self.layout, LAYOUTS)

    def of(self, route: Route) -> Derivatives:
        return route.derivatives(layout=self.layout, value=self.value, gradient=self.gradient)


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


def blocks(outputs: int | None, route: str, coupling: str, layout: str, **wanted: bool) -> Blocks:
    if outputs is None:
        return Blocks(route, coupling, layout, **wanted)
    return BlocksOfOutputs(route, coupling, layout, **wanted, outputs=outputs)
