"""What is watched of f: everything that its code can read from outside of the call.

f's code, and that of the Python functions it may call, names the globals and the attributes that it
reads. Of what f captures, of those globals, and of what can be reached from these through items and
through attributes of those names, all values are kept and compared before a trace is used again:
numbers and texts by value, containers and arrays by what they hold, everything else by identity.
That is more than f reads, and never less. Where a value or a function is met that cannot be looked
into, f is not watched, and traced anew at each call.

Functions of TensorFlow, Keras and NumPy are known not to read what changes, but for NumPy's random
numbers; what a Keras layer or a `tf.Module` holds that f's own code does not name is read when f is
traced, as under `tf.function`.
"""

from __future__ import annotations

import abc
import builtins
import collections
import enum
import functools
import importlib.util
import itertools
import sys
import types
import typing
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from blockhess.eager.code_reads import CodeReads, reads_of
from blockhess.eager.kept import (
    IS_MISSING,
    Array,
    Constant,
    Identity,
    Kept,
    OfDictionary,
    OfFunction,
    OfObject,
    Parts,
    Place,
    Scalar,
    defaults,
    dictionary,
    named,
)
from blockhess.row_graph.closures import MISSING, contents

# More values than these are not compared at every call.
MOST_VALUES = 10_000
MOST_ARRAY_BYTES = 1 << 24

# Functions of these packages are not looked into.
_LIBRARIES = frozenset(
    "blockhess keras ml_dtypes numpy tensorflow tensorflow_probability tf_keras".split()
)
_OF_TENSORFLOW = _LIBRARIES - {"numpy"}
# Functions of NumPy that read what is not in memory.
_READS_FILES = ("fromfile", "genfromtxt", "load", "loadtxt", "memmap")
# Nor are those of these modules of Python's own, but what they were made of is.
_STANDARD = frozenset(
    """_bisect _collections _functools _heapq _operator abc bisect builtins cmath enum heapq
    itertools math numbers operator reprlib""".split()
)
# What other classes are derived from, and that reads nothing of theirs that is not named.
_STANDARD_CLASSES = frozenset(
    {abc.ABC, abc.ABCMeta, typing.Generic, typing.Protocol, type(typing.Protocol)}
    | {v for v in vars(enum).values() if isinstance(v, type)}
)
# Builtins that reach what no name in the code tells.
_REACHES_ANYTHING = frozenset(
    "__import__ breakpoint compile eval exec globals input locals open".split()
)
_REACHES_ANYTHING_BY_ATTRIBUTE = frozenset("__closure__ __code__ __globals__ cell_contents".split())
# Those that reach attributes of any name.
_REACHES_ANY_ATTRIBUTE = frozenset(
    """__dict__ __getattribute__ attrgetter delattr dir getattr hasattr methodcaller setattr
    vars""".split()
)
_CREATES = frozenset({"__init__", "__new__", "__post_init__"})
# Special methods that run only where the code names one of these.
_COPIES = frozenset({"copy", "deepcopy", "replace"})
_RUN_BY = {
    **dict.fromkeys(_CREATES, _COPIES | {"__class__", "classmethod", "type"}),
    **dict.fromkeys(
        ("__repr__", "__str__", "__format__"), frozenset("ascii format print repr str".split())
    ),
    **dict.fromkeys(
        """__copy__ __deepcopy__ __getnewargs__ __getstate__ __reduce__ __reduce_ex__
        __setstate__""".split(),
        _COPIES,
    ),
    **dict.fromkeys(
        """__del__ __delattr__ __dir__ __init_subclass__ __setattr__ __sizeof__
        __subclasshook__""".split(),
        frozenset({"delattr", "dir", "setattr"}),
    ),
}

_SCALARS = frozenset(
    {
        bool,
        bytes,
        complex,
        float,
        int,
        range,
        slice,
        str,
        type(None),
        type(...),
        type(NotImplemented),
    }
)
_SEQUENCES = (list, tuple, set, frozenset, collections.deque, bytearray)
_MAPPINGS = (
    dict,
    collections.OrderedDict,
    collections.Counter,
    collections.defaultdict,
    types.MappingProxyType,
)
# Types made in C whose objects hold nothing but what they are taken apart into.
_PLAIN_TYPES = frozenset(
    {
        object,
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        BaseException,
        Exception,
        types.SimpleNamespace,
        types.ModuleType,
        type,
        *_SEQUENCES,
        *_MAPPINGS,
    }
)
_PURE_CLASSES = frozenset(
    {
        *_SCALARS,
        *_PLAIN_TYPES,
        *(enumerate, filter, map, property, reversed, super, zip, memoryview),
        *(v for v in vars(itertools).values() if isinstance(v, type)),
        *(
            v
            for v in vars(builtins).values()
            if isinstance(v, type) and issubclass(v, BaseException)
        ),
        *(
            functools.partial,
            classmethod,
            staticmethod,
            types.MethodType,
            types.GenericAlias,
            functools.cached_property,
        ),
    }
)
# NumPy's own types whose objects do not change.
_OF_NUMPY = (np.generic, np.dtype, np.ufunc, np.finfo, np.iinfo, type(np.sum))


_USERS_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)


class CannotWatch(Exception):
    """Something that f may read cannot be watched; the message names it."""


class Watched:
    """What f could read when it was looked at.

    Attributes:
      obstacle: what cannot be watched, in words; None where all of it is.
      reads: what the code of f and of the functions that it may call reads.
    """

    def __init__(self, f: Callable) -> None:
        self.obstacle: str | None = None
        self._places: tuple[Place, ...] = ()
        survey = _Survey(f)
        try:
            self._places = survey.places()
        except CannotWatch as obstacle:
            self.obstacle = str(obstacle)
        except RecursionError:
            self.obstacle = "values in others, hundreds deep"
        except Exception as error:  # Looking at an object may run code of its own.
            self.obstacle = f"an object that cannot be looked at: {type(error).__name__}: {error}"
        self.reads = survey.reads

    @property
    def unchanged(self) -> bool:
        """Whether all of it still is what it was."""
        if self.obstacle is not None:
            return False
        try:
            for place in self._places:  # all() would cost another function for each.
                if not place.unchanged():
                    return False
        except Exception:  # Raised by code of the values', or as another thread changes them.
            return False
        return True

    def needs_N(self, row_axes: int) -> bool:  # noqa: N802 - the symbol
        """Whether f may read how many rows x has from its static shape, where None stands."""
        return self.reads.whole_shapes or any(k < -1 or 0 <= k < row_axes for k in self.reads.axes)


class _Survey:
    """Everything that can be reached from f by what its code names."""

    def __init__(self, f: Callable) -> None:
        self._f = f
        self.reads = CodeReads()

    def places(self) -> tuple[Place, ...]:
        """The places of all that is read, or raises CannotWatch."""
        while True:
            known = self.reads
            self._places: list[Place] = []
            self._seen: dict[int, object] = {}
            self._open: set[int] = set()
            self._values, self._bytes = 0, 0
            self._has_numpy = self._has_random = False
            self._root(self._f)
            if self._has_numpy and (self._has_random or ("", "random") in self.reads.chains):
                raise CannotWatch("np.random, which f may read")
            if self.reads == known:
                return tuple(self._places)

    def _root(self, f: Callable) -> None:
        owner = f.__self__ if isinstance(f, types.MethodType) else f
        if not _is_referable(owner):
            raise CannotWatch(f"an object of {_name(type(owner))}, which has no weak references")
        if isinstance(f, types.MethodType):
            self._kept(f.__func__, "f")
            self._kept(f.__self__, "self")
            return
        kept = self._kept(f, "f")
        if isinstance(kept, Parts):
            self._places.append(OfObject(f, kept))

    @property
    def _names(self) -> frozenset[str] | None:
        """The attributes that code reads; None for any."""
        reads = self.reads
        if reads.by_pattern or reads.names & _REACHES_ANY_ATTRIBUTE:
            return None
        return reads.names

    def _kept(self, value: Any, path: str) -> Kept:
        """A test of whether another value is the same as this one, and the places in it."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise CannotWatch(f"{path}, and more than {MOST_VALUES} values before it")
        kind = type(value)
        if kind in _SCALARS:
            return Scalar(value)
        if value is MISSING:
            return IS_MISSING
        for kinds, parts in _TAKEN_APART:
            if kind in kinds:
                return self._taken_apart(value, parts, path)
        for kinds, keep in _WAYS:
            if issubclass(kind, kinds):
                return keep(self, value, path)
        return self._object(value, path)

    def _taken_apart(
        self, value: object, parts: Callable[[Any], Sequence[object]], path: str
    ) -> Kept:
        return Parts(type(value), parts, self._all(value, parts(value), path))

    def _all(self, whole: object, parts: Iterable[object], path: str) -> list[Kept]:
        """The parts of a value that is compared by what it holds."""
        if id(whole) in self._open:
            raise CannotWatch(f"{path}, which holds itself")
        self._open.add(id(whole))
        try:
            return [self._kept(part, path) for part in parts]
        finally:
            self._open.remove(id(whole))

    def _function(self, function: types.FunctionType, path: str) -> Kept:
        if self._is_new(function):
            module = function.__globals__.get("__name__", "")
            if _root_of(module) in _LIBRARIES:
                self._captured_functions(function, path)
            else:
                self._code(function, path, _root_of(module) in _STANDARD)
        return Identity(function)

    def _captured_functions(self, function: types.FunctionType, path: str) -> None:
        """A library's function that was made of a user's, which it calls."""
        for cell in function.__closure__ or ():
            value = contents(cell)
            if callable(value) and not isinstance(value, type):
                self._kept(value, path)

    def _code(self, function: types.FunctionType, path: str, is_known: bool) -> None:
        reads = CodeReads() if is_known else reads_of(function.__code__)
        if reads.names & _REACHES_ANYTHING_BY_ATTRIBUTE:
            raise CannotWatch(f"{path}, whose code looks into functions")
        root = getattr(self._f, "__func__", self._f)
        self.reads |= reads if function is root else reads.of_a_helper()
        if function.__dict__:
            self._attributes(function, path, self._names)
        scope, read = function.__globals__, []
        for name in sorted(reads.globals):
            value = scope.get(name, MISSING)
            if value is MISSING and name in _REACHES_ANYTHING:
                raise CannotWatch(f"{name}(), which {path} calls")
            self._check_chains(name, value, path)
            read.append((name, self._kept(value, name)))
        for name, level in sorted(reads.imports):
            self._imported(function, name, level)
        cells = []
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            value = contents(cell)
            self._check_chains(name, value, path)
            if name == "__class__" and isinstance(value, type):  # Of super(), which makes none.
                self._bases(value, name)
                cells.append(Identity(value))
            else:
                cells.append(self._kept(value, name))
        kept = IS_MISSING
        if function.__defaults__ is not None or function.__kwdefaults__ is not None:
            kept = self._kept(defaults(function), f"defaults of {path}")
        self._places.append(OfFunction(function, cells, kept, read))

    def _check_chains(self, name: str, value: object, path: str) -> None:
        chains = self.reads.chains
        if (name, "random") in chains:
            if value is np:
                raise CannotWatch(f"{name}.random, which {path} reads")
            is_module = isinstance(value, types.ModuleType)
            self._has_random |= not (is_module and _root_of(value.__name__) in _OF_TENSORFLOW)
        for reader in _READS_FILES if value is np else ():
            if (name, reader) in chains:
                raise CannotWatch(f"{name}.{reader}, which {path} calls")
        if value is np.shape or (value is np and (name, "shape") in chains):
            self.reads |= CodeReads(whole_shapes=True)

    def _imported(self, function: types.FunctionType, name: str, level: int) -> None:
        package = function.__globals__.get("__package__") or ""
        module = sys.modules.get(importlib.util.resolve_name("." * level + name, package))
        if module is None:
            raise CannotWatch(f"the module {name}, which is not imported yet")
        self._kept(module, name)
        if not level:
            self._kept(sys.modules[_root_of(name)], name)

    def _builtin(self, function: types.BuiltinFunctionType, path: str) -> Kept:
        owner = function.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            module = owner.__name__ if owner else function.__module__ or ""
            if _root_of(module) not in _LIBRARIES | _STANDARD or "random" in module:
                raise CannotWatch(f"{module}.{function.__name__}, which is not known to be pure")
            if function.__name__ in _REACHES_ANYTHING and module == "builtins":
                raise CannotWatch(f"{path}, which may read anything")
            self.reads |= CodeReads(names=frozenset({function.__name__}))  # It may be an alias.
            return Constant(function)
        if owner in _PURE_CLASSES:
            return self._taken_apart(function, lambda f: (f.__name__,), path)
        return self._taken_apart(function, lambda f: (f.__name__, f.__self__), path)

    def _module(self, module: types.ModuleType, path: str) -> Kept:
        root = _root_of(module.__name__)
        if root not in _LIBRARIES | _STANDARD and self._is_new(module):
            self._attributes(module, path, self._names)
            self._attributes(module, path, frozenset({"__getattr__"}))
        self._has_numpy |= root == "numpy"
        if root == "numpy" and "random" in module.__name__:
            raise CannotWatch(f"{path}, NumPy's random numbers")
        return Identity(module)

    def _class(self, kind: type, path: str) -> Kept:
        """A class that code may make objects of, or read as a namespace."""
        if _is_of_libraries(kind) or kind in _PURE_CLASSES:
            return Identity(kind)
        self._bases(kind, path)
        for base in kind.__mro__:
            for name in _CREATES & vars(base).keys() if _is_python(base) else ():
                if not _is_of_libraries(base):
                    self._kept(vars(base)[name], f"{path}.{name}")
        self._bases(type(kind), path)
        return Identity(kind)

    def _bases(self, kind: type, path: str) -> None:
        """The methods and values that a class gives its objects."""
        if not self._is_new(kind):
            return
        library = [base for base in kind.__mro__[:-1] if _is_of_libraries(base)]
        known = {*library, *_PLAIN_TYPES, *_STANDARD_CLASSES}
        users = [base for base in kind.__mro__ if base not in known]
        if not all(map(_is_python, users)):
            raise CannotWatch(f"{path}, an object of {_name(kind)}")
        for base in users:
            scope = dictionary(base)
            if any(isinstance(v, classmethod) for v in scope.values()):
                self.reads |= CodeReads(names=frozenset({"classmethod"}))
            special = {n for n in scope if n.startswith("__") and n.endswith("__")}
            run = {n for n in special if _is_method(scope[n])}
            run |= {n for n in scope.keys() - special if any(n in vars(b) for b in library)}
            run.discard("_abc_impl")  # The registrations of an abstract class.
            run = {n for n in run if n not in _RUN_BY or _RUN_BY[n] & self.reads.names}
            self._attributes(base, path, frozenset(run))
            self._attributes(base, path, self._names)

    def _array(self, array: np.ndarray, path: str) -> Kept:
        if isinstance(array, np.ma.MaskedArray):
            return self._taken_apart(array, _of_masked, path)
        if type(array) is not np.ndarray:
            raise CannotWatch(f"{path}, an array of {_name(type(array))}")
        if array.dtype.hasobject:
            if array.dtype != object:
                raise CannotWatch(f"{path}, an array of {array.dtype}")
            return self._taken_apart(array, lambda a: (a.shape, *a.ravel().tolist()), path)
        self._bytes += array.nbytes
        if self._bytes > MOST_ARRAY_BYTES:
            raise CannotWatch(
                f"{path}, an array: those up to it have {self._bytes} bytes, and at most "
                f"{MOST_ARRAY_BYTES} are compared; a tf.constant in its place need not be"
            )
        return Array(array)

    def _object(self, value: Any, path: str) -> Kept:
        kind = type(value)
        if issubclass(kind, _OF_NUMPY):
            return self._of_numpy(value, path)
        if _is_of_libraries(kind) and hasattr(value, "python_function"):
            self._kept(value.python_function, path)
            return Identity(value)
        if kind in _MAPPINGS:
            return self._taken_apart(value, _of_mapping, path)
        if kind in _SEQUENCES:
            return self._taken_apart(value, tuple, path)
        known = _is_of_libraries(kind)
        if known and hasattr(kind, "__wrapped__"):  # TensorFlow's proxies of dictionaries.
            return self._taken_apart(value, lambda v: (v.__wrapped__,), path)
        self._bases(kind, path)
        if known and _root_of(kind.__module__) == "numpy":
            raise CannotWatch(f"{path}, an object of {_name(kind)}")
        holds = _contents_of(kind)
        if known and holds and isinstance(dictionary(value).get("_storage"), list):
            holds = _of_list_wrapper
        slots = () if known else tuple(_slots(kind))
        if not _is_referable(value):
            if known and not hasattr(value, "__dict__"):
                return Constant(value)
            return self._taken_apart(value, _both(holds, slots, self._names_of(kind)), path)
        if self._is_new(value):
            if hasattr(value, "__dict__"):
                self._attributes(value, path, self._names_of(kind))
                if known:  # It may call the functions of a user's that it holds.
                    held = dictionary(value).items()
                    functions = frozenset(n for n, v in held if isinstance(v, _USERS_FUNCTIONS))
                    self._attributes(value, path, functions)
            if holds or slots:
                parts = _both(holds, slots, frozenset())
                self._places.append(OfObject(value, self._taken_apart(value, parts, path)))
        return Identity(value)

    def _names_of(self, kind: type) -> frozenset[str] | None:
        names = self._names
        is_value_read = names is not None and issubclass(kind, enum.Enum)
        return names | {"_value_"} if is_value_read else names

    def _of_numpy(self, value: Any, path: str) -> Kept:
        if isinstance(value, np.void):
            if value.dtype.hasobject:
                raise CannotWatch(f"{path}, of {value.dtype}")
            return self._taken_apart(value, lambda v: (str(v.dtype), v.tobytes()), path)
        if isinstance(value, np.ufunc) and "vectorized" in value.__name__:
            raise CannotWatch(f"{path}, a function made by np.frompyfunc")
        return Scalar(value) if isinstance(value, np.generic) else Constant(value)

    def _attributes(self, owner: object, path: str, names: frozenset[str] | None) -> None:
        scope = dictionary(owner)
        read = sorted(named(scope, names))
        kept = [(name, self._kept(scope[name], f"{path}.{name}")) for name in read]
        self._places.append(OfDictionary(owner, names, kept))

    def _is_new(self, value: object) -> bool:
        """Whether the places of a value, found by identity, are still to be noted."""
        if id(value) in self._seen:
            return False
        self._seen[id(value)] = value  # Held, so that no other takes its place in memory.
        return True


class _Pair(NamedTuple):
    first: object


# How values of these types are kept.
_TAKEN_APART = (
    ((types.MethodType,), lambda m: (m.__func__, m.__self__)),
    ((functools.partial,), lambda f: (f.func, f.args, f.keywords)),
    ((staticmethod, classmethod), lambda m: (m.__func__,)),
    ((property,), lambda p: (p.fget,)),
    ((functools.cached_property,), lambda p: (p.func,)),
    ((weakref.ref,), lambda r: (r(),)),
    ((types.GenericAlias,), lambda a: (a.__origin__, a.__args__)),
    # Fields of classes, which an object's own values stand for.
    ((types.MemberDescriptorType, types.GetSetDescriptorType), lambda d: (d.__name__,)),
    ((types.WrapperDescriptorType, types.MethodDescriptorType), lambda d: (d.__name__,)),
    ((type(_Pair.first),), lambda d: (d.__doc__,)),
)
# And those of these types, or of types derived from them.
_WAYS = (
    ((tf.Tensor, tf.Variable, tf.DType, tf.TensorShape), lambda _, value, path: _identity(value)),
    (types.FunctionType, _Survey._function),
    (types.BuiltinFunctionType, _Survey._builtin),
    (types.ModuleType, _Survey._module),
    (type, _Survey._class),
    (np.ndarray, _Survey._array),
)


def _identity(value: object) -> Kept:
    return Identity(value) if _is_referable(value) else Constant(value)


def _of_masked(array: np.ma.MaskedArray) -> tuple:
    return (array.data, np.ma.getmaskarray(array), array.fill_value)


def _of_list_wrapper(wrapper: list) -> tuple:
    """What a list of a `tf.Module` holds, which stands in an attribute."""
    return tuple(dictionary(wrapper)["_storage"])


def _is_method(value: object) -> bool:
    is_class = isinstance(value, type)
    return not is_class and (callable(value) or hasattr(type(value), "__get__"))


def _of_mapping(mapping: Any) -> tuple:
    factory = getattr(mapping, "default_factory", None)
    return (factory, *mapping.keys(), *mapping.values())


def _contents_of(kind: type) -> Callable[[Any], tuple] | None:
    """What takes apart an object of a class that is derived from a container or a scalar."""
    if issubclass(kind, collections.defaultdict):
        factory = collections.defaultdict.default_factory
        return lambda v: (factory.__get__(v), *dict.keys(v), *dict.values(v))
    if issubclass(kind, dict):
        return lambda v: (*dict.keys(v), *dict.values(v))
    for base in (list, tuple, set, frozenset, collections.deque, bytearray):
        if issubclass(kind, base):
            return lambda v: tuple(base.__iter__(v))
    for base in (str, bytes, int, float, complex):
        if issubclass(kind, base):
            return lambda v: (base.__repr__(v),)
    return None


def _both(
    holds: Callable[[Any], tuple] | None,
    slots: Sequence[types.MemberDescriptorType],
    names: frozenset[str] | None,
) -> Callable[[Any], tuple]:
    """What takes apart an object: what it holds, its slots and its attributes of these names."""

    def parts(value: Any) -> tuple:
        scope = dictionary(value) if hasattr(value, "__dict__") else {}
        read = named(scope, names)
        return (
            *(holds(value) if holds else ()),
            *(_slot(slot, value) for slot in slots),
            *read,
            *(scope[name] for name in read),
        )

    return parts


def _slots(kind: type) -> Iterator[types.MemberDescriptorType]:
    for base in kind.__mro__:
        if _is_python(base):
            yield from (v for v in vars(base).values() if type(v) is types.MemberDescriptorType)


def _slot(slot: types.MemberDescriptorType, value: object) -> object:
    try:
        return slot.__get__(value)
    except AttributeError:
        return MISSING


def _is_referable(value: object) -> bool:
    """Whether the value can be referred to weakly."""
    try:
        weakref.ref(value)
    except TypeError:
        return False
    return True


def _is_python(kind: type) -> bool:
    """Whether the class was written in Python: one made in C has slots that C functions fill."""
    in_c = (types.WrapperDescriptorType, types.MethodDescriptorType)
    return not any(
        isinstance(value, in_c) and value.__objclass__ is kind for value in vars(kind).values()
    )


def _root_of(module: str) -> str:
    return module.partition(".")[0]


def _is_of_libraries(kind: type) -> bool:
    module = kind.__module__
    return isinstance(module, str) and _root_of(module) in _LIBRARIES


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
