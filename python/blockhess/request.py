"""What a caller asks for, and the checks of what it is asked of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from blockhess.programs import LAYOUTS
from blockhess.routes.derivatives import Derivatives
from blockhess.routing import Route, routed

ROUTES = ("auto", "fused", "autodiff")
DTYPES = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
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


def check_option(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise ValueError(f"{name} is {given!r}; expected one of {', '.join(known)}")


def checked_x(x: Any) -> tf.Tensor:
    """x as a tensor: floating, of rank at least 1."""
    try:
        tensor = x if isinstance(x, tf.Tensor) else tf.convert_to_tensor(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"x cannot be made a tensor: {error}") from error
    check_x(tensor)
    return tensor


def check_x(x: Any) -> None:
    """Raises TypeError or ValueError, naming what x has and what was expected."""
    if x.dtype not in DTYPES:
        expected = ", ".join(dtype.name for dtype in DTYPES)
        raise TypeError(f"x has dtype {x.dtype.name}; expected one of {expected}")
    if x.shape.rank is None:
        raise ValueError("x has an unknown rank; expected shape (..., K)")
    if x.shape.rank == 0:
        raise ValueError("x is a scalar, shape (); expected shape (..., K)")


def checked_result(y: Any, x: tf.Tensor) -> tf.Tensor:
    """f's result as a tensor: floating, a scalar or one value a row of x."""
    y = _floating(y)
    if y.shape.rank is None:
        raise ValueError("f's result has an unknown rank; expected a scalar or one value a row")
    rows = x.shape[:-1]
    allowed = [tf.TensorShape([]), rows, rows.concatenate(1)]
    if not any(_fits(y.shape, shape) for shape in allowed):
        raise ValueError(
            f"f's result has shape {y.shape}; expected a scalar, {rows} or {rows.concatenate(1)}: "
            f"one value a row of x, which has shape {x.shape}"
        )
    return y


def checked_outputs(y: Any, x: tf.Tensor, outputs: int) -> tf.Tensor:
    """f's result as a tensor: floating, with that many values a row of x."""
    y = _floating(y)
    expected = x.shape[:-1].concatenate(outputs)
    if not _fits(y.shape, expected):
        raise ValueError(
            f"f's result has shape {y.shape}; expected {expected}: outputs={outputs} values a row "
            f"of x, which has shape {x.shape}"
        )
    return tf.ensure_shape(y, expected)


def _floating(y: Any) -> tf.Tensor:
    if y is None or isinstance(y, (list, tuple, dict)):
        raise ValueError(f"f's result is {type(y).__name__}; expected one tensor")
    try:
        y = tf.convert_to_tensor(y)
    except (TypeError, ValueError) as error:
        raise ValueError(f"f's result cannot be made a tensor: {error}") from error
    if not y.dtype.is_floating:
        raise ValueError(f"f's result has dtype {y.dtype.name}; expected a floating type")
    return y


def _fits(shape: tf.TensorShape, allowed: tf.TensorShape) -> bool:
    return shape.rank == allowed.rank and shape.is_compatible_with(allowed)
