"""Simplified calls: one function an instruction, named as the instruction."""

from __future__ import annotations

from collections.abc import Callable

from .expression import ARITY, Expression, ExpressionLike, call


def _function(name: str, arity: int) -> Callable[..., Expression]:
    def build(*arguments: ExpressionLike) -> Expression:
        return call(name, *arguments)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"`{name}` of {arity} expressions or floats, simplified."
    return build


globals().update({name: _function(name, arity) for name, arity in ARITY.items()})

__all__ = list(ARITY)
