"""What a caller asks for."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from blockhess.api.arguments import RowFunction, check_option, checked_outputs, checked_result
from blockhess.eager.computation import Computed, Results
from blockhess.formula.layouts import LAYOUTS
from blockhess.routes import choose
from blockhess.routes.route import Derivatives, Route

ROUTES = ("auto", *(route.name for route in choose.ROUTES))
COUPLINGS = ("check", "exact", "assume_independent")


_Made = TypeVar("_Made")


def interned(make: Callable[..., _Made]) -> Callable[..., _Made]:
    """`make`, which gives one object for equal options: they are checked once, and traces are found
    by its identity."""
    made = functools.lru_cache(maxsize=256, typed=True)(make)

    @functools.wraps(make)
    def call(*options: Any) -> _Made:
        try:
            return made(*options)
        except TypeError:  # An option without a hash, which `make` names.
            return make(*options)

    return call


@dataclass(frozen=True, eq=False)
class Request:
    """How f is to be routed, and what is wanted of its route.

    Attributes:
      wanted: takes the route, and what is given beside x, to a NamedTuple.
      route, coupling: as in `hessian`.
      outputs: M, where f returns M values a row and each is routed; None for one.
    """

    wanted: Callable[..., Results]
    route: str = "auto"
    coupling: str = "check"
    outputs: int | None = None

    def __post_init__(self) -> None:
        check_option("route", self.route, ROUTES)
        check_option("coupling", self.coupling, COUPLINGS)
        if self.outputs is not None:
            _check_outputs(self.outputs)

    def __call__(self, f: RowFunction, x: tf.Tensor, *arguments: tf.Tensor) -> Computed:
        routes = self.routes_of(f, x)
        results = [self.wanted(route, *arguments) for route in routes]
        is_taped_rightly = all(route.is_taped_rightly for route in routes)
        if self.outputs is None:
            return Computed(results[0], is_taped_rightly)
        return Computed(_stacked(results, x.shape.rank - 1), is_taped_rightly)

    def routes_of(self, f: RowFunction, x: tf.Tensor) -> list[Route]:
        """The route of f, or that of each output, in the graph that is being built."""
        argument = tf.identity(x, "x")  # f's own x: other tensors made of x are constants to f.
        y = f(argument)
        if self.outputs is None:
            return [self.routed(y, argument)]
        y = checked_outputs(y, argument, self.outputs)
        columns = [checked_result(y[..., m], argument) for m in range(self.outputs)]
        return choose.routed_each(columns, argument, route=self.route, coupling=self.coupling)

    def routed(self, y: Any, x: tf.Tensor, reads: Sequence[tf.Tensor] = ()) -> Route:
        """The route of f, which took x and returned y."""
        y = checked_result(y, x)
        return choose.routed(y, x, route=self.route, coupling=self.coupling, reads=reads)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Takes a route to its blocks in a layout, with value and gradient where they are wanted."""

    layout: str = "dense"
    value: bool = False
    gradient: bool = False

    def __post_init__(self) -> None:
        check_option("layout", self.layout, LAYOUTS)

    def __call__(self, route: Route) -> Derivatives:
        return route.derivatives(layout=self.layout, value=self.value, gradient=self.gradient)


def _check_outputs(outputs: Any) -> None:
    whole = isinstance(outputs, numbers.Integral) and not isinstance(outputs, bool)
    if not whole or outputs < 1:
        raise ValueError(f"outputs is {outputs!r}; expected a positive int")


def _stacked(results: Sequence[Results], axis: int) -> Results:
    """The results of all outputs as one, with an axis of M behind the rows."""
    columns = zip(*results, strict=True)
    kind = type(results[0])
    return kind(*(None if c[0] is None else tf.stack(c, axis) for c in columns))
