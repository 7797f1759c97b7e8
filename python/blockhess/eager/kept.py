"""Tests of whether a value that was read is still the same.

None of them runs code of a user's, or keeps alive what may refer to the function that reads it.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from blockhess.row_graph.closures import MISSING, contents


class Kept(Protocol):
    """A value as it was when it was read."""

    def same(self, value: object) -> bool: ...


class Scalar:
    """A number, a text, None: a value without parts."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def same(self, value: object) -> bool:
        known = self._value
        # The text of a number tells 0.0 and -0.0 apart, which == does not.
        return value is known or (type(value) is type(known) and repr(value) == repr(known))


class Constant:
    """An object that cannot change and refers to nothing that can."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def same(self, value: object) -> bool:
        return value is self._value


class Identity:
    """An object, alive or gone."""

    __slots__ = ("_reference",)

    def __init__(self, value: object) -> None:
        self._reference = weakref.ref(value)

    def same(self, value: object) -> bool:
        return value is self._reference()


class Array:
    """The bytes of an array."""

    __slots__ = ("_bytes", "_dtype", "_shape")

    def __init__(self, value: np.ndarray) -> None:
        self._dtype, self._shape = value.dtype, value.shape
        self._bytes = _bytes(value).copy()

    def same(self, value: object) -> bool:
        if type(value) is not np.ndarray or value.dtype != self._dtype:
            return False
        if value.shape != self._shape:
            return False
        return np.array_equal(_bytes(value), self._bytes)


def _bytes(value: np.ndarray) -> np.ndarray:
    """The bytes of an array, in the order of memory where they have one."""
    ordered = value.T if value.flags.f_contiguous else np.ascontiguousarray(value)
    return ordered.reshape(-1).view(np.uint8)


class Parts:
    """What a value of one type is made of, taken apart by `parts`."""

    __slots__ = ("_kept", "_parts", "_type")

    def __init__(
        self, kind: type, parts: Callable[[Any], Sequence[object]], kept: Sequence[Kept]
    ) -> None:
        self._type, self._parts, self._kept = weakref.ref(kind), parts, tuple(kept)

    def same(self, value: object) -> bool:
        if type(value) is not self._type():
            return False
        parts = self._parts(value)
        return len(parts) == len(self._kept) and all(
            kept.same(part) for kept, part in zip(self._kept, parts, strict=True)
        )


IS_MISSING = Constant(MISSING)


class Place(Protocol):
    """Where a function reads values."""

    def unchanged(self) -> bool: ...


class OfFunction:
    """What a Python function reads: its code, what it captures, its defaults and its globals."""

    __slots__ = ("_cells", "_code", "_defaults", "_function", "_globals", "_has_attributes")

    def __init__(
        self,
        function: types.FunctionType,
        cells: Sequence[Kept],
        defaults: Kept,
        globals: Sequence[tuple[str, Kept]],
    ) -> None:
        self._function, self._code = weakref.ref(function), function.__code__
        self._has_attributes = bool(function.__dict__)  # These are a place of their own.
        self._cells, self._defaults, self._globals = tuple(cells), defaults, tuple(globals)

    def unchanged(self) -> bool:
        function = self._function()
        if function is None or function.__code__ is not self._code:
            return False
        if function.__dict__ and not self._has_attributes:
            return False
        if self._cells:
            for kept, cell in zip(self._cells, function.__closure__, strict=True):
                if not kept.same(contents(cell)):
                    return False
        scope = function.__globals__
        for name, kept in self._globals:
            if not kept.same(scope.get(name, MISSING)):
                return False
        if self._defaults is IS_MISSING:
            return function.__defaults__ is None and function.__kwdefaults__ is None
        return self._defaults.same(defaults(function))


class OfDictionary:
    """Some of the names in the dictionary of an object, a class or a module, and their values."""

    __slots__ = ("_kept", "_names", "_owner", "_type")

    def __init__(
        self, owner: object, names: frozenset[str] | None, kept: Sequence[tuple[str, Kept]]
    ) -> None:
        self._owner, self._type = weakref.ref(owner), weakref.ref(type(owner))
        self._names, self._kept = names, tuple(kept)

    def unchanged(self) -> bool:
        owner = self._owner()
        if owner is None or type(owner) is not self._type():
            return False
        scope = dictionary(owner)
        if len(named(scope, self._names)) != len(self._kept):
            return False
        return all(kept.same(scope.get(name, MISSING)) for name, kept in self._kept)


class OfObject:
    """What an object holds beside its attributes."""

    __slots__ = ("_kept", "_owner")

    def __init__(self, owner: object, kept: Kept) -> None:
        self._owner, self._kept = weakref.ref(owner), kept

    def unchanged(self) -> bool:
        owner = self._owner()
        return owner is not None and self._kept.same(owner)


def defaults(function: types.FunctionType) -> tuple:
    """The defaults of all arguments, in one tuple."""
    keywords = function.__kwdefaults__ or {}
    return (*(function.__defaults__ or ()), *keywords, *keywords.values())


def dictionary(owner: object) -> dict[str, object]:
    """The attributes that the object itself has; a class or a module its own."""
    if isinstance(owner, type):
        return type.__getattribute__(owner, "__dict__")
    return object.__getattribute__(owner, "__dict__")


def named(scope: dict[str, object], names: frozenset[str] | None) -> list[str]:
    """Those of the names that the dictionary has; all of them for None."""
    if names is None:  # Registrations of abstract classes are behind the last.
        return [name for name in scope if not name.startswith(("__", "_abc_"))]
    if len(scope) < len(names):
        return [name for name in scope if name in names]
    return [name for name in names if name in scope]
