"""Eager calls: f is traced once into a graph, and the graph is run again while f stays the same."""

from __future__ import annotations

import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import tensorflow as tf

from blockhess._tensorflow import type_and_shape
from blockhess.eager.computation import Computation, Computed, Results
from blockhess.eager.replay import Replay, may_replay, replay_of
from blockhess.eager.watched import Watched

# A function is replayed from this call on: those that are called once or twice are not worth it.
_FIRST_REPLAYED_CALL = 3
# The traces that are kept: of so many functions, of each for so many kinds of call, of each kind
# for so many shapes. What was let go is traced anew.
MOST_FUNCTIONS = 1024
MOST_KINDS = 64
MOST_SHAPES = 256

_Value = TypeVar("_Value")
# The number of a dtype and a shape for each tensor; None for a number of rows that is not known.
Signature = tuple[tuple[int, tuple[int | None, ...]], ...]


class _OfF(Exception):
    """f has raised what its cause says."""


# What is raised where f, or TensorFlow's derivative of it, has to know N.
_NEEDS_N = (_OfF, LookupError, NotImplementedError, TypeError, ValueError)


class _Recent(Generic[_Value]):
    """The values that were used last, by their keys; never more than `most`.

    Which was used when is noted once half of the places are taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        # A value that is let go may have others of this table go with it, in the same thread.
        self._lock = threading.RLock()

    def get(self, key: Hashable) -> _Value | None:
        value = self._values.get(key)
        if value is not None and 2 * len(self._values) > self._most:
            try:
                self._values.move_to_end(key)
            except KeyError:  # Another thread has just let it go.
                pass
        return value

    def put(self, key: Hashable, value: _Value) -> None:
        gone = []  # They go when the lock is free again.
        with self._lock:
            gone.append(self._values.pop(key, None))
            self._values[key] = value
            if len(self._values) > self._most:
                gone.append(self._values.popitem(last=False))

    def drop(self, key: Hashable) -> None:
        self._values.pop(key, None)


class TracedFunction:
    """What is asked for of f, as a function of x of one shape."""

    def __init__(self, concrete: tf.types.experimental.ConcreteFunction) -> None:
        self._concrete = concrete
        self._calls = 0
        self._replay: Replay | None = None

    def __call__(self, *arguments: tf.Tensor) -> Results:
        if self._replay is not None and may_replay():
            return self._replay(*arguments)
        self._calls += 1
        if self._calls == _FIRST_REPLAYED_CALL:
            self._replay = replay_of(self._concrete)
        return self._concrete(*arguments)


class Trace:
    """What is asked for of f, traced, with what f was at that time.

    The first shape of each K and rank is traced as it is, a second one with unknown N.
    """

    def __init__(self, call: Callable[[], Callable], f: Callable, computation: Computation) -> None:
        self._watched = Watched(f)
        self._computation = computation
        self._call = call
        # Whether the next shape may do without it.
        self._without_N: _Recent[bool] = _Recent(MOST_SHAPES)
        self._traced: _Recent[TracedFunction] = _Recent(MOST_SHAPES)

    @property
    def fresh(self) -> bool:
        """Whether everything that f may read still is what it was."""
        return self._watched.unchanged

    def for_shapes(self, *arguments: tf.Tensor) -> TracedFunction:
        """What serves the shapes of x and of what else the computation takes."""
        exact = tuple(map(type_and_shape, arguments))
        found = self._traced.get(exact)
        if found is None:
            found = self._for_rows(exact)
            self._traced.put(exact, found)
        return found

    def _for_rows(self, exact: Signature) -> TracedFunction:
        """What serves the shapes: with their number of rows, or with any."""
        row_axes = len(exact[0][1]) - 1
        if self._watched.needs_N(row_axes):
            return self._trace(exact)
        relaxed: Signature = tuple(
            (dtype, (None,) * len(shape[:row_axes]) + shape[row_axes:]) for dtype, shape in exact
        )
        found = self._traced.get(relaxed)
        if found is not None:
            return found
        without_N = self._without_N.get(relaxed)
        if without_N:
            try:
                found = self._trace(relaxed, _marking_errors)
                self._traced.put(relaxed, found)
                return found
            except _NEEDS_N:
                self._without_N.put(relaxed, False)
        elif without_N is None:
            self._without_N.put(relaxed, True)
        return self._trace(exact)

    def _trace(
        self,
        signature: Signature,
        wrapped: Callable[[Callable], Callable] = lambda f: f,
    ) -> TracedFunction:
        call, computation = self._call, self._computation

        def results(x: tf.Tensor, *arguments: tf.Tensor) -> Results:
            return _unconverted(computation, wrapped(call()), x, *arguments).results

        # The concrete function, not the tf.function: it is what is called, at a third of the cost,
        # and the memory of a trace is given back as soon as nothing refers to it.
        function = tf.function(results, autograph=False)
        concrete = function.get_concrete_function(
            *(tf.TensorSpec(shape, tf.as_dtype(number)) for number, shape in signature)
        )
        return TracedFunction(concrete)


# Decorated once: what it decorates refers to itself, and would live until a collection.
@tf.autograph.experimental.do_not_convert
def _unconverted(computation: Computation, f: Callable, *arguments: tf.Tensor) -> Computed:
    return computation(f, *arguments)


def _marking_errors(f: Callable) -> Callable:
    """f, which may raise anything, raising `_OfF`: other errors of other types are not its own."""

    def marking(*arguments: tf.Tensor) -> object:
        try:
            return f(*arguments)
        except Exception as error:
            raise _OfF from error

    return marking


_traces: _Recent[tuple[weakref.ref, _Recent[Trace]]] = _Recent(MOST_FUNCTIONS)


def _traces_of(owner: object) -> _Recent[Trace]:
    """The traces kept as long as `owner` lives; TypeError if it cannot be referred to weakly.

    Found by identity: what == means to an object, and whether it has a hash, is its own affair.
    """
    key = id(owner)
    known = _traces.get(key)
    if known is None or known[0]() is not owner:
        known = (weakref.ref(owner, lambda _: _traces.drop(key)), _Recent(MOST_KINDS))
        _traces.put(key, known)
    return known[1]


def trace(f: Callable, computation: Computation) -> Trace:
    """The trace of f, kept as long as f lives; a new one where f cannot be referred to weakly."""
    method = isinstance(f, types.MethodType)
    owner, function = (f.__self__, f.__func__) if method else (f, None)
    try:
        owned = _traces_of(owner)
    except TypeError:
        return Trace(lambda: f, f, computation)
    found = owned.get((function, computation))
    if found is None or not found.fresh:
        # Only weakly held: a trace that held f would keep it, and itself, alive for ever.
        weak = weakref.ref(owner)

        def call() -> Callable:
            return types.MethodType(function, weak()) if method else weak()

        found = Trace(call, f, computation)
        owned.put((function, computation), found)
    return found
