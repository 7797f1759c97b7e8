"""Building simplified calls: one constructor an instruction, named as the instruction."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from .expression import ARITY, Call, Constant, Expression, ExpressionLike, as_expression
from .folding import fold


def call(instruction: str, *arguments: ExpressionLike) -> Expression:
    """The simplified call of `instruction`; ValueError for unknown names and wrong arity.

    Simplification is constant folding, the algebra of `simplify` and the rewrites of `rewrites`. It
    keeps values to a few units in the last place, or improves them, wherever the call is defined.
    """
    from .rewrites import rewritten
    from .simplify import canonical, simplified

    raw = Call(instruction, tuple(as_expression(a) for a in arguments))
    if all(isinstance(a, Constant) for a in raw.arguments):
        value = fold(instruction, [a.value for a in raw.arguments])
        return raw if value is None else Constant(value)
    return simplified(raw) or rewritten(canonical(raw))


def _constructor(name: str, arity: int) -> Callable[..., Expression]:
    def build(*arguments: ExpressionLike) -> Expression:
        return call(name, *arguments)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = f"`{name}` of {arity} expressions or floats, simplified."
    return build


#: Every instruction's constructor, as an attribute of its name.
make = SimpleNamespace(**{name: _constructor(name, arity) for name, arity in ARITY.items()})
