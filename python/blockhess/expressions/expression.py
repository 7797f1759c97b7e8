"""The nodes of a scalar function: constants, variables and calls of instructions.

Nodes are immutable and hash-consed: building the same node twice gives the same object, so that
`is`, `==` and `hash` compare structure at the cost of a pointer, and a function is a graph with
every shared subexpression held once.
"""

from __future__ import annotations

import hashlib
import numbers
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .. import _core
from .folding import fold

#: Name of every instruction of the core, with how many arguments it takes.
ARITY: Mapping[str, int] = dict(_core.instructions())
#: The instructions whose value is 1 or 0.
COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})


class _Interned(type):
    """The metaclass of nodes: building one gives the existing node where an equal one is alive."""

    _alive: weakref.WeakValueDictionary[tuple, Expression] = weakref.WeakValueDictionary()
    _lock = threading.RLock()

    def __call__(cls, *fields: Any) -> Any:
        fields = cls._checked(*fields)
        # repr gives all nan one key: nan itself is not equal to nan.
        key = (cls, *(repr(f) if isinstance(f, float) else f for f in fields))
        with _Interned._lock:
            node = _Interned._alive.get(key)
            if node is None:
                node = super().__call__(*fields)
                _Interned._alive[key] = node
        return node


class Expression(metaclass=_Interned):
    """A scalar function of its `variables`.

    `+ - * / **` and unary minus build simplified expressions, with a float wherever an expression
    is accepted; the functions of `blockhess.expressions` build every other call.

    Examples:
      >>> from blockhess.expressions import Variable, exp, sin
      >>> x = Variable("x")
      >>> str(sin(x) * exp(-x * x))
      'sin(x) * exp(-x**2)'
    """

    variables: frozenset[Variable]
    #: A total order that does not depend on the process: commutative arguments are sorted by it.
    order: tuple[int, int, str, bytes]

    @property
    def depth(self) -> int:
        """The longest way down to a leaf, in calls."""
        return self.order[0]

    def __add__(self, other: ExpressionLike) -> Expression:
        return _build("add", self, other)

    def __radd__(self, other: ExpressionLike) -> Expression:
        return _build("add", other, self)

    def __sub__(self, other: ExpressionLike) -> Expression:
        return _build("sub", self, other)

    def __rsub__(self, other: ExpressionLike) -> Expression:
        return _build("sub", other, self)

    def __mul__(self, other: ExpressionLike) -> Expression:
        return _build("mul", self, other)

    def __rmul__(self, other: ExpressionLike) -> Expression:
        return _build("mul", other, self)

    def __truediv__(self, other: ExpressionLike) -> Expression:
        return _build("div", self, other)

    def __rtruediv__(self, other: ExpressionLike) -> Expression:
        return _build("div", other, self)

    def __pow__(self, other: ExpressionLike) -> Expression:
        return _build("pow", self, other)

    def __rpow__(self, other: ExpressionLike) -> Expression:
        return _build("pow", other, self)

    def __neg__(self) -> Expression:
        return _build("neg", self)

    def __str__(self) -> str:
        return _text(self)

    __repr__ = __str__


ExpressionLike: TypeAlias = Expression | float | int


def _set_order(node: Expression, depth: int, kind: int, name: str, digest: bytes) -> None:
    object.__setattr__(node, "order", (depth, kind, name, digest))


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Expression):
    """A number; minus zero is held as zero."""

    value: float
    variables: frozenset[Variable] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        _set_order(self, 0, 0, repr(self.value), b"")

    @staticmethod
    def _checked(value: float) -> tuple[float]:
        return (float(value) + 0.0,)

    def __reduce__(self) -> tuple:
        return Constant, (self.value,)


@dataclass(frozen=True, eq=False, repr=False)
class Variable(Expression):
    """The argument or a parameter of a scalar function, known by its name."""

    name: str
    variables: frozenset[Variable] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", frozenset((self,)))
        _set_order(self, 0, 1, self.name, b"")

    @staticmethod
    def _checked(name: str) -> tuple[str]:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"a variable's name is an identifier; got {name!r}")
        return (name,)

    def __reduce__(self) -> tuple:
        return Variable, (self.name,)


@dataclass(frozen=True, eq=False, repr=False)
class Call(Expression):
    """An instruction of the core on its arguments, exactly as given: nothing is simplified."""

    instruction: str
    arguments: tuple[Expression, ...]
    variables: frozenset[Variable] = field(init=False)

    def __post_init__(self) -> None:
        known = frozenset().union(*(a.variables for a in self.arguments))
        # Most calls read just what one argument reads: then they share its set.
        shared = next((a.variables for a in self.arguments if a.variables == known), known)
        object.__setattr__(self, "variables", shared)
        depth = 1 + max(a.depth for a in self.arguments)
        digest = hashlib.blake2b(self.instruction.encode(), digest_size=8)
        for argument in self.arguments:
            digest.update(repr(argument.order[1:]).encode())
        _set_order(self, depth, 2, self.instruction, digest.digest())

    @staticmethod
    def _checked(
        instruction: str, arguments: Iterable[Expression]
    ) -> tuple[str, tuple[Expression, ...]]:
        arguments = tuple(arguments)
        if instruction not in ARITY:
            raise ValueError(f"{instruction!r} is not an instruction")
        if len(arguments) != ARITY[instruction]:
            raise ValueError(
                f"{instruction} takes {ARITY[instruction]} arguments; got {len(arguments)}"
            )
        for argument in arguments:
            if not isinstance(argument, Expression):
                raise TypeError(f"{instruction} takes expressions; got {type(argument).__name__}")
        return instruction, arguments

    def __reduce__(self) -> tuple:
        return Call, (self.instruction, self.arguments)


ZERO = Constant(0.0)
ONE = Constant(1.0)


def as_expression(value: ExpressionLike) -> Expression:
    """`value`, or the constant of that value; TypeError for what is neither."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, numbers.Real):
        return Constant(float(value))
    raise TypeError(f"expected an expression or a number; got {type(value).__name__}")


def operands(expression: Expression) -> tuple[Expression, ...]:
    """The arguments of a call; nothing for a leaf."""
    return expression.arguments if isinstance(expression, Call) else ()


def topological(roots: Iterable[Expression]) -> list[Expression]:
    """Every node below `roots` once, arguments before calls, the deepest argument first.

    The deepest argument goes first because its registers are free again when the others run.
    """
    done: dict[Expression, None] = {}
    for root in roots:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                done[node] = None
            elif node not in done:
                stack.append((node, True))
                below = sorted(set(operands(node)), key=lambda argument: argument.order)
                stack.extend((argument, False) for argument in below if argument not in done)
    return list(done)


def call(instruction: str, *arguments: ExpressionLike) -> Expression:
    """The simplified call of `instruction`; ValueError for unknown names and wrong arity.

    Simplification is constant folding, the algebra of `simplify` and the rewrites of `rewrites`. It
    keeps values to a few units in the last place, or improves them, wherever the call is defined.
    """
    raw = Call(instruction, tuple(as_expression(a) for a in arguments))
    if all(isinstance(a, Constant) for a in raw.arguments):
        value = fold(instruction, [a.value for a in raw.arguments])
        return raw if value is None else Constant(value)
    return _simplified(raw)


def _build(instruction: str, *arguments: ExpressionLike) -> Expression:
    if all(isinstance(a, Expression | numbers.Real) for a in arguments):
        return call(instruction, *arguments)
    return NotImplemented


# The algebra and the printing of expressions use expressions, and so import this file: they are put
# here when the package is imported.
_simplified: Callable[[Call], Expression]
_text: Callable[[Expression], str]


def simplify_by(rule: Callable[[Call], Expression]) -> None:
    """Sets the rule that simplifies calls whose arguments are not all numbers."""
    global _simplified
    _simplified = rule


def print_by(rule: Callable[[Expression], str]) -> None:
    global _text
    _text = rule
