"""Eager calls: f is traced once into a graph, and the graph is run again while f stays the same.

A trace is thrown away when something that f reads by name has changed: a variable of its closure or
a global, also of the plain Python functions that it calls; numbers are compared by value, lists,
dictionaries, sets and NumPy arrays by what they hold, everything else by identity. What f reaches
through attributes of an object is read when it is traced, as under `tf.function`.
"""

from __future__ import annotations

import functools
import types
import weakref
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from blockhess.derivatives import Derivatives, derive
from blockhess.plan import Plan
from blockhess.request import Request, checked_result

_LIBRARIES = ("tensorflow", "keras", "numpy", "blockhess")


def apply(
    f: Callable[[tf.Tensor], Any], x: tf.Tensor, request: Request
) -> tuple[Derivatives, Plan]:
    """The derivatives of f at x in the graph that is being built."""
    argument = tf.identity(x, "x")  # f's own x: nothing else that depends on x counts.
    return derive(checked_result(f(argument), argument), argument, request)


class Trace:
    """f and its derivatives as tf.functions, with what f was when it was traced.

    The first shape of each K and rank is traced as it is, a second one with unknown N.
    """

    def __init__(self, call: Callable[[], Callable], f: Callable, request: Request) -> None:
        self.names = tuple(_names(f))
        self.request = request
        self._call = call
        self._met: set[object] = set()
        self._traced: dict[object, tuple[Callable, list[Plan]]] = {}

    @property
    def fresh(self) -> bool:
        """Whether every name that f reads still means what it meant."""
        return all(_state(read()) == state for read, state in self.names)

    def __call__(self, x: tf.Tensor) -> Derivatives:
        results = iter(self._function(x)[0](x))
        value = next(results) if self.request.value else None
        gradient = next(results) if self.request.gradient else None
        return Derivatives(value, gradient, next(results))

    def plan(self, x: tf.Tensor) -> Plan:
        return self._function(x)[1][-1]

    def _function(self, x: tf.Tensor) -> tuple[Callable, list[Plan]]:
        exact = x.shape
        relaxed = tf.TensorShape([None] * (exact.rank - 1)).concatenate(exact[-1:])
        for shape in (exact, relaxed):
            found = self._traced.get((x.dtype, tuple(shape)))
            if found is not None:
                return found
        if (x.dtype, tuple(relaxed)) in self._met:
            try:
                return self._trace(x.dtype, relaxed)
            except Exception:  # noqa: BLE001 - f may need to know N, in ways of its own
                pass
        self._met.add((x.dtype, tuple(relaxed)))
        return self._trace(x.dtype, exact)

    def _trace(self, dtype: tf.DType, shape: tf.TensorShape) -> tuple[Callable, list[Plan]]:
        plans: list[Plan] = []

        def derivatives(x: tf.Tensor) -> list[tf.Tensor]:
            result, plan = apply(self._call(), x, self.request)
            plans.append(plan)
            return [tensor for tensor in result if tensor is not None]

        function = tf.function(derivatives, [tf.TensorSpec(shape, dtype)], autograph=False)
        function.get_concrete_function()
        self._traced[dtype, tuple(shape)] = (function, plans)
        return function, plans


_traces: weakref.WeakKeyDictionary[object, dict[object, Trace]] = weakref.WeakKeyDictionary()


def trace(f: Callable, request: Request) -> Trace:
    """The trace of f, kept as long as f lives; a new one where f cannot be referred to weakly."""
    method = isinstance(f, types.MethodType)
    owner, function = (f.__self__, f.__func__) if method else (f, None)
    try:
        owned = _traces.setdefault(owner, {})
    except TypeError:
        return Trace(lambda: f, f, request)
    found = owned.get((function, request))
    if found is None or not found.fresh:
        # Only weakly held: a trace that held f would keep it, and itself, alive for ever.
        weak = weakref.ref(owner)

        def call() -> Callable:
            return types.MethodType(function, weak()) if method else weak()

        found = owned[function, request] = Trace(call, f, request)
    return found


_MISSING = object()


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


def _names(f: Callable) -> Iterator[tuple[Callable[[], Any], object]]:
    """(a way to read it, its state) for each name that f, or a function it calls, reads."""
    pending, seen = [f], set()
    while pending:
        function = _plain(pending.pop())
        code = getattr(function, "__code__", None)
        if code is None or id(function) in seen:
            continue
        seen.add(id(function))
        if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
            continue
        for read in _reads(function, code):
            value = read()
            yield read, _state(value)
            if isinstance(value, types.FunctionType) or hasattr(value, "python_function"):
                pending.append(value)


def _plain(f: Any) -> Any:
    """The Python function behind a tf.function, a method, a partial or an object that is called."""
    if isinstance(f, functools.partial):
        f = f.func
    f = getattr(f, "python_function", f)
    if not hasattr(f, "__code__") and not isinstance(f, types.MethodType):
        f = type(f).__call__ if callable(f) else f
    return getattr(f, "__func__", f)


def _reads(function: Callable, code: types.CodeType) -> Iterator[Callable[[], Any]]:
    weak = weakref.ref(function)  # Its closure may lead to the owner of the trace.
    for i in range(len(function.__closure__ or ())):
        yield lambda i=i: _contents(weak().__closure__[i])
    scope = function.__globals__
    for name in _global_names(code):
        if name in scope:
            yield lambda name=name: scope.get(name, _MISSING)
    for i in range(len(function.__defaults__ or ())):
        yield lambda i=i: weak().__defaults__[i]
    for name in function.__kwdefaults__ or ():
        yield lambda name=name: weak().__kwdefaults__.get(name, _MISSING)


def _global_names(code: types.CodeType) -> set[str]:
    """The names a code object reads, with those of the lambdas and functions inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING
