"""What is watched of f: that each name that it reads still means what it meant.

A trace is thrown away when something that f reads by name has changed: a variable of its closure, a
global or what a partial binds, also of the plain Python functions that it calls; numbers are
compared by value, lists, dictionaries, sets and NumPy arrays by what they hold, everything else by
identity. What f reaches through attributes of an object is read when it is traced, as under
`tf.function`.
"""

from __future__ import annotations

import functools
import types
import weakref
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from blockhess.row_graph.closures import MISSING, contents

_LIBRARIES = ("tensorflow", "keras", "numpy", "blockhess")


class _Identity:
    """Stands for an object without keeping it alive where that can be helped."""

    def __init__(self, value: Any) -> None:
        try:
            self._read: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            self._read = lambda: value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identity):
            return False
        value = self._read()
        return value is not None and value is other._read()

    __hash__ = None


def _sameness(value: Any) -> Callable[[Any], bool]:
    """A test of another value: whether to f it is the same as this one is now."""
    if not isinstance(value, (np.ndarray, list, tuple, set, frozenset, dict)):
        try:
            reference = weakref.ref(value)
            return lambda other: other is not None and other is reference()
        except TypeError:
            state = _state(value)
            return lambda other: other is value or _state(other) == state
    state = _state(value)
    return lambda other: _state(other) == state


def _state(value: Any, depth: int = 4) -> object:
    """What must not change of a value that was read by name."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        return type(value), repr(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        contents = np.ascontiguousarray(value).view(np.uint8).data
        return value.dtype.str, value.shape, zlib.crc32(contents)
    if depth and isinstance(value, (list, tuple, set, frozenset, dict)):
        items = value.items() if isinstance(value, dict) else value
        return type(value), [_state(item, depth - 1) for item in items]
    return _Identity(value)


def names(f: Callable) -> Iterator[tuple[Callable[[], Any], Callable[[Any], bool]]]:
    """(a way to read it, a test of sameness) for each name that f, or what it calls, reads."""
    pending, seen = [f], set()
    while pending:
        function = pending.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        for read in _reads(function):
            value = read()
            yield read, _sameness(value)
            if isinstance(value, _FUNCTIONS) or hasattr(value, "python_function"):
                pending.append(value)


_FUNCTIONS = (types.FunctionType, functools.partial)


def _reads(f: Any) -> Iterator[Callable[[], Any]]:
    if isinstance(f, functools.partial):
        yield from _reads_of_partial(f)
        return
    function = _plain(f)
    code = getattr(function, "__code__", None)
    if code is None or (function.__module__ or "").partition(".")[0] in _LIBRARIES:
        return
    weak = weakref.ref(function)  # Its closure may lead to the owner of the trace.
    for i in range(len(function.__closure__ or ())):
        yield lambda i=i: contents(weak().__closure__[i])
    scope = function.__globals__
    for name in _global_names(code):
        if name in scope:
            yield lambda name=name: scope.get(name, MISSING)
    for i in range(len(function.__defaults__ or ())):
        yield lambda i=i: weak().__defaults__[i]
    for name in function.__kwdefaults__ or ():
        yield lambda name=name: weak().__kwdefaults__.get(name, MISSING)


def _reads_of_partial(f: functools.partial) -> Iterator[Callable[[], Any]]:
    weak = weakref.ref(f)
    yield lambda: weak().func
    for i in range(len(f.args)):
        yield lambda i=i: weak().args[i]
    yield lambda: tuple(weak().keywords)
    for name in f.keywords:
        yield lambda name=name: weak().keywords.get(name, MISSING)


def _plain(f: Any) -> Any:
    """The Python function behind a tf.function, a method or an object that is called."""
    f = getattr(f, "python_function", f)
    if not hasattr(f, "__code__") and not isinstance(f, types.MethodType):
        f = type(f).__call__ if callable(f) else f
    return getattr(f, "__func__", f)


def _global_names(code: types.CodeType) -> set[str]:
    """The names a code object reads, with those of the lambdas and functions inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names
