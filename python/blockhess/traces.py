"""Eager calls: f is traced once into a graph, and the graph is run again while f stays the same.

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
import tensorflow as tf
from tensorflow.python.eager import record
from tensorflow.python.framework.func_graph import FuncGraph

from blockhess import forks
from blockhess.closures import MISSING, contents
from blockhess.replay import Replay, may_replay, replay_of
from blockhess.request import Request
from blockhess.routes.fused.route import FusedRoute

_LIBRARIES = ("tensorflow", "keras", "numpy", "blockhess")


Results = tuple[tf.Tensor | None, ...]
"""What a request computes, a NamedTuple of its own."""


def apply(
    f: Callable[[tf.Tensor], Any], x: tf.Tensor, request: Request, *arguments: tf.Tensor
) -> Results:
    """What is asked for of f at x: from a kept trace, or in the graph that is being built.

    `arguments` are tensors that the request takes beside x; their first axes are the rows.
    """
    if tf.executing_eagerly():
        forks.check()
        return trace(f, request)(x, *arguments)
    graph = tf.compat.v1.get_default_graph()
    if isinstance(graph, FuncGraph) and record.could_possibly_record():
        return _recorded(f, x, request, *arguments)
    with tf.name_scope("blockhess"):
        return request.apply(f, x, *arguments)


def _recorded(
    f: Callable[[tf.Tensor], Any], x: tf.Tensor, request: Request, *arguments: tf.Tensor
) -> Results:
    """The same while a tape records what a function does.

    A tape differentiates what it has seen operation by operation, by TensorFlow's gradients; it
    knows neither the rules of the autodiff route nor that tf.gradients, which the route is built
    on, replaces loops and branches. Of a function that is called it takes the whole gradient.
    """
    routes: list[object] = []

    def results(x: tf.Tensor, *arguments: tf.Tensor) -> Results:
        with tf.name_scope("blockhess"):
            if type(request).apply is not Request.apply:
                return request.apply(f, x, *arguments)
            routes.extend(request.routes_of(f, x))
            return request.joined(routes, *arguments)

    function = tf.function(results, autograph=False)
    concrete = function.get_concrete_function(x, *arguments)
    if routes and all(isinstance(route, FusedRoute) for route in routes):
        with tf.name_scope("blockhess"):
            return request.apply(f, x, *arguments)
    return concrete(x, *arguments)


# A function is replayed from this call on: those that are called once or twice are not worth it.
_FIRST_REPLAYED_CALL = 3


class TracedFunction:
    """What is asked for of f, as a function of x of one shape."""

    def __init__(self, concrete: tf.types.experimental.ConcreteFunction) -> None:
        self._concrete = concrete
        self._calls = 0
        self._replay: Replay | None = None

    def __call__(self, *arguments: tf.Tensor) -> Results:
        self._calls += 1
        if self._calls == _FIRST_REPLAYED_CALL:
            self._replay = replay_of(self._concrete)
        if self._replay is not None and may_replay():
            results = self._replay(*arguments, *self._concrete.captured_inputs)
            return self._concrete.function_type.pack_output(results)
        return self._concrete(*arguments)


class Trace:
    """What is asked for of f, traced, with what f was at that time.

    The first shape of each K and rank is traced as it is, a second one with unknown N.
    """

    def __init__(self, call: Callable[[], Callable], f: Callable, request: Request) -> None:
        self._names = tuple(_names(f))
        self._request = request
        self._call = call
        self._without_N: dict[object, bool] = {}  # whether the next shape may do without it
        self._traced: dict[object, TracedFunction] = {}

    @property
    def fresh(self) -> bool:
        """Whether every name that f reads still means what it meant."""
        return all(unchanged(read()) for read, unchanged in self._names)

    def __call__(self, *arguments: tf.Tensor) -> Results:
        """x comes first, then what else the request takes."""
        return self._for(*arguments)(*arguments)

    def _for(self, *arguments: tf.Tensor) -> TracedFunction:
        row_axes = arguments[0].shape.rank - 1
        exact = tuple((a.dtype, tuple(a.shape.as_list())) for a in arguments)
        relaxed = tuple(
            (dtype, (None,) * len(shape[:row_axes]) + shape[row_axes:]) for dtype, shape in exact
        )
        for signature in (exact, relaxed):
            found = self._traced.get(signature)
            if found is not None:
                return found
        if self._without_N.get(relaxed, False):
            try:
                return self._trace(relaxed)
            except Exception:  # noqa: BLE001 - f may need to know N, in ways of its own
                self._without_N[relaxed] = False
        self._without_N.setdefault(relaxed, True)
        return self._trace(exact)

    def _trace(
        self, signature: tuple[tuple[tf.DType, tuple[int | None, ...]], ...]
    ) -> TracedFunction:
        call, request = self._call, self._request

        def results(x: tf.Tensor, *arguments: tf.Tensor) -> Results:
            return request.apply(call(), x, *arguments)

        # The concrete function, not the tf.function: it is what is called, at a third of the cost,
        # and the memory of a trace is given back as soon as nothing refers to it.
        function = tf.function(results, autograph=False)
        concrete = function.get_concrete_function(
            *(tf.TensorSpec(shape, dtype) for dtype, shape in signature)
        )
        traced = self._traced[signature] = TracedFunction(concrete)
        return traced


_traces: dict[int, tuple[weakref.ref, dict[object, Trace]]] = {}


def _traces_of(owner: object) -> dict[object, Trace]:
    """The traces kept as long as `owner` lives; TypeError if it cannot be referred to weakly.

    Found by identity: what == means to an object, and whether it has a hash, is its own affair.
    """
    key = id(owner)
    known = _traces.get(key)
    if known is None:
        reference = weakref.ref(owner, lambda _: _traces.pop(key, None))
        known = _traces[key] = (reference, {})
    return known[1]


def trace(f: Callable, request: Request) -> Trace:
    """The trace of f, kept as long as f lives; a new one where f cannot be referred to weakly."""
    method = isinstance(f, types.MethodType)
    owner, function = (f.__self__, f.__func__) if method else (f, None)
    try:
        owned = _traces_of(owner)
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


def _names(f: Callable) -> Iterator[tuple[Callable[[], Any], Callable[[Any], bool]]]:
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
