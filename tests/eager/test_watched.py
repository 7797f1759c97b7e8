"""An eager call gives the blocks of f as it is now, whatever of what f reads has changed."""

from __future__ import annotations

import builtins
import collections
import copy
import dataclasses
import enum
import functools
import itertools
import math
import random
import time
import types
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.eager import watched
from blockhess.eager.cache import Trace
from blockhess.eager.watched import Watched

X = np.ones((1, 2))
Case = Iterator[Callable]

SCALE = 2.0
HOLDER = types.ModuleType("holder")


def squares(x):
    return tf.reduce_sum(x**2)


class Settings:
    def __init__(self, scale):
        self.scale = scale


@dataclasses.dataclass
class Field:
    scale: float = 2.0


@dataclasses.dataclass
class WithSlots:
    __slots__ = ("scale",)
    scale: float


class Color(enum.Enum):
    RED = 2.0
    BLUE = 3.0


# Each yields f, which is 2 |x|^2, and then changes something that makes it 3 |x|^2.


def a_number() -> Case:
    scale = 2.0
    yield lambda x: scale * squares(x)
    scale = 3.0


def a_global() -> Case:
    global SCALE
    SCALE = 2.0
    yield lambda x: SCALE * squares(x)
    SCALE = 3.0


def a_builtin_s_place() -> Case:
    scope = {"squares": squares}
    exec("def f(x): return abs(-2.0) * squares(x)", scope)
    yield scope["f"]
    scope["abs"] = lambda _: 3.0


def a_default() -> Case:
    def f(x, scale=2.0):
        return scale * squares(x)

    yield f
    f.__defaults__ = (3.0,)


def a_default_by_keyword() -> Case:
    def f(x, *, scale=2.0):
        return scale * squares(x)

    yield f
    f.__kwdefaults__["scale"] = 3.0


def the_code_itself() -> Case:
    def f(x):
        return 2.0 * squares(x)

    def g(x):
        return 3.0 * squares(x)

    yield f
    f.__code__ = g.__code__


def a_dictionary_five_deep() -> Case:
    cfg = {"a": {"b": {"c": {"d": {"e": 2.0}}}}}
    yield lambda x: cfg["a"]["b"]["c"]["d"]["e"] * squares(x)
    cfg["a"]["b"]["c"]["d"]["e"] = 3.0


def a_list_forty_deep() -> Case:
    yield from a_list_so_deep(40)


def a_list_six_hundred_deep() -> Case:
    yield from a_list_so_deep(600)


def a_list_so_deep(depth: int) -> Iterator[Callable]:
    inner = deep = [2.0]
    for _ in range(depth):
        deep = [deep]

    def f(x):
        found = deep
        while isinstance(found, list):
            found = found[0]
        return found * squares(x)

    yield f
    inner[0] = 3.0


def a_list_that_holds_itself() -> Case:
    held = [2.0]
    held.append(held)
    yield lambda x: held[1][0] * squares(x)
    held[0] = 3.0


def an_array() -> Case:
    weights = np.full(2, 2.0)
    yield lambda x: tf.reduce_sum(weights * x**2)
    weights[:] = 3.0


def an_array_of_objects() -> Case:
    weights = np.array([[2.0], None], object)
    yield lambda x: weights[0][0] * squares(x)
    weights[0][0] = 3.0


def a_view_of_an_array() -> Case:
    weights = np.full((2, 4), 2.0)
    seen = weights[:, ::2]
    yield lambda x: tf.reduce_sum(seen[1] * x**2)
    weights[:] = 3.0


def a_masked_array_s_mask() -> Case:
    weights = np.ma.masked_array([2.0, 3.0], [False, True])
    yield lambda x: float(weights.compressed()[-1]) * squares(x)
    weights.mask = [True, False]


def an_array_too_large_to_compare() -> Case:
    weights = np.full(watched.MOST_ARRAY_BYTES // 8 + 1, 2.0)
    yield lambda x: weights[-1] * squares(x)
    weights[-1] = 3.0


def bytes_in_place() -> Case:
    held = bytearray([2])
    yield lambda x: float(held[0]) * squares(x)
    held[0] = 3


def a_deque() -> Case:
    held = collections.deque([2.0])
    yield lambda x: held[-1] * squares(x)
    held.append(3.0)


def a_default_dictionary() -> Case:
    held = collections.defaultdict(lambda: 2.0)
    yield lambda x: held["absent"] * squares(x) if "absent" in held else 2.0 * squares(x)
    held["absent"] = 3.0


def a_set() -> Case:
    held = {2.0}
    yield lambda x: max(held) * squares(x)
    held.add(3.0)


def a_container_of_a_class_of_ones_own() -> Case:
    class Numbers(list):
        pass

    held = Numbers([2.0])
    yield lambda x: held[0] * squares(x)
    held[0] = 3.0


def an_attribute() -> Case:
    settings = Settings(2.0)
    yield lambda x: settings.scale * squares(x)
    settings.scale = 3.0


def an_attribute_by_a_local_name() -> Case:
    settings = Settings(Settings(2.0))

    def f(x):
        inner = settings.scale
        return inner.scale * squares(x)

    yield f
    settings.scale.scale = 3.0


def a_new_attribute() -> Case:
    class Shared:
        scale = 2.0

    shared = Shared()
    yield lambda x: shared.scale * squares(x)
    shared.scale = 3.0


def an_attribute_that_was_absent() -> Case:
    settings = Settings(2.0)
    yield lambda x: getattr(settings, "other", settings.scale) * squares(x)
    settings.other = 3.0


def an_attribute_by_a_name_made_up() -> Case:
    settings = Settings(2.0)
    yield lambda x: getattr(settings, "sc" + "ale") * squares(x)
    settings.scale = 3.0


def the_dictionary_of_an_object() -> Case:
    settings = Settings(2.0)
    yield lambda x: vars(settings)["scale"] * squares(x)
    settings.scale = 3.0


def an_attribute_of_a_class() -> Case:
    class Shared:
        scale = 2.0

    yield lambda x: Shared.scale * squares(x)
    Shared.scale = 3.0


def an_attribute_of_a_base_class() -> Case:
    class Base:
        scale = 2.0

    class Derived(Base):
        pass

    derived = Derived()
    yield lambda x: derived.scale * squares(x)
    Base.scale = 3.0


def an_attribute_of_a_module() -> Case:
    HOLDER.scale = 2.0
    yield lambda x: HOLDER.scale * squares(x)
    HOLDER.scale = 3.0


def a_namespace_in_a_namespace() -> Case:
    cfg = types.SimpleNamespace(model=types.SimpleNamespace(scale=2.0))
    yield lambda x: cfg.model.scale * squares(x)
    cfg.model.scale = 3.0


class Model:
    def __init__(self):
        self.scale = 2.0
        self.log = open  # Not read by the loss.

    @property
    def twice(self):
        return 2.0 * self.scale

    @property
    def now(self):
        return time.monotonic() * 0.0 + self.scale

    def loss(self, x):
        return self.scale * squares(x)

    def by_property(self, x):
        return self.twice / 2.0 * squares(x)

    def by_property_with_a_clock(self, x):
        return self.now * squares(x)


def self_in_a_method() -> Case:
    model = Model()
    yield model.loss
    model.scale = 3.0


def self_in_a_method_called_by_a_lambda() -> Case:
    model = Model()
    yield lambda x: model.loss(x)
    model.scale = 3.0


def a_property() -> Case:
    model = Model()
    yield model.by_property
    model.scale = 3.0


def a_property_that_calls_unknown_code() -> Case:
    model = Model()
    yield model.by_property_with_a_clock
    model.scale = 3.0


def a_method_of_a_class_replaced() -> Case:
    class Replaced(Model):
        def loss(self, x):
            return 2.0 * squares(x)

    model = Replaced()
    yield lambda x: model.loss(x)
    Replaced.loss = lambda self, x: 3.0 * squares(x)


def a_method_by_super() -> Case:
    class Derived(Model):
        def loss(self, x):
            return super().loss(x)

    model = Derived()
    yield model.loss
    model.scale = 3.0


def an_object_that_is_called() -> Case:
    class Called(Settings):
        def __call__(self, x):
            return self.scale * squares(x)

    called = Called(2.0)
    yield called
    called.scale = 3.0


def an_operator_of_ones_own() -> Case:
    class Factor(Settings):
        def __matmul__(self, y):
            return self.scale * y

    factor = Factor(2.0)
    yield lambda x: factor @ squares(x)
    factor.scale = 3.0


def an_attribute_made_when_it_is_read() -> Case:
    class Lazy(Settings):
        def __getattr__(self, name):
            return self.__dict__["scale"]

    lazy = Lazy(2.0)
    yield lambda x: lazy.anything * squares(x)
    lazy.scale = 3.0


def an_object_made_in_f() -> Case:
    held = [2.0]

    class Made:
        def __init__(self):
            self.scale = held[0]

    yield lambda x: Made().scale * squares(x)
    held[0] = 3.0


def a_field_of_a_dataclass_in_a_list() -> Case:
    fields = [Field(), Field()]
    yield lambda x: fields[1].scale * squares(x)
    fields[1].scale = 3.0


def a_slot() -> Case:
    held = WithSlots(2.0)
    yield lambda x: held.scale * squares(x)
    held.scale = 3.0


class Pair(NamedTuple):
    scale: float
    other: float = 0.0


def a_named_tuple() -> Case:
    pair = Pair(2.0)
    yield lambda x: pair.scale * squares(x)
    pair = Pair(3.0)


def a_member_of_an_enumeration() -> Case:
    color = Color.RED
    yield lambda x: color.value * squares(x)
    color = Color.BLUE


def an_attribute_read_by_a_helper() -> Case:
    settings = Settings(2.0)

    def helper(x):
        return settings.scale * squares(x)

    yield lambda x: helper(x)
    settings.scale = 3.0


def an_attribute_of_what_a_helper_returns() -> Case:
    settings = Settings(2.0)

    def helper():
        return settings

    yield lambda x: helper().scale * squares(x)
    settings.scale = 3.0


def a_function_in_a_dictionary() -> Case:
    scale = 2.0
    table = {"loss": lambda x: scale * squares(x)}
    yield lambda x: table["loss"](x)
    scale = 3.0


def a_function_in_an_attribute() -> Case:
    scale = 2.0
    settings = Settings(lambda: scale)
    yield lambda x: settings.scale() * squares(x)
    scale = 3.0


def a_partial_s_keyword() -> Case:
    f = functools.partial(lambda x, scale: scale * squares(x), scale=2.0)
    yield f
    f.keywords["scale"] = 3.0


def a_decorated_function() -> Case:
    scale = 2.0

    def decorated(g):
        @functools.wraps(g)
        def wrapper(x):
            return g(x)

        return wrapper

    yield decorated(lambda x: scale * squares(x))
    scale = 3.0


def a_custom_gradient() -> Case:
    scale = 2.0

    @tf.custom_gradient
    def scaled(y):
        factor = scale
        return factor * y, lambda dy: factor * dy

    yield lambda x: scaled(squares(x))
    scale = 3.0


def a_cached_function() -> Case:
    held = [2.0]

    @functools.lru_cache
    def cached():
        return held[0]

    yield lambda x: cached() * squares(x)
    held[0] = 3.0
    cached.cache_clear()


def a_generator() -> Case:
    numbers = iter([2.0, 2.0, 3.0])
    yield lambda x: next(numbers) * squares(x)
    next(numbers)


def a_generator_function() -> Case:
    held = [2.0]

    def numbers():
        yield from held

    yield lambda x: sum(numbers()) * squares(x)
    held.append(1.0)


def an_iterator_of_itertools() -> Case:
    numbers = itertools.count(2)
    yield lambda x: float(next(numbers)) * squares(x)


def a_clock() -> Case:
    started = time.monotonic()
    pause = 0.3
    yield lambda x: (2.0 if time.monotonic() - started < pause else 3.0) * squares(x)
    time.sleep(pause)


def random_numbers_of_numpy() -> Case:
    np.random.seed(0)
    yield lambda x: (2.0 + 0.0 * np.random.rand() if CALLS == 0 else 3.0) * squares(x)
    globals()["CALLS"] = 1


CALLS = 0


def a_name_read_by_eval() -> Case:
    held = {"scale": 2.0}
    yield lambda x: eval("scale", held) * squares(x)
    held["scale"] = 3.0


def a_module_imported_within() -> Case:
    import sys

    module = sys.modules["holder_of_tests"] = types.ModuleType("holder_of_tests")
    module.scale = 2.0

    def f(x):
        import holder_of_tests

        return holder_of_tests.scale * squares(x)

    yield f
    module.scale = 3.0


def what_f_changes_itself() -> Case:
    held = [2.0, 3.0]
    yield lambda x: held.pop(0) * squares(x)


def a_pattern_of_a_class() -> Case:
    settings = Settings(2.0)
    scope = {"Settings": Settings, "settings": settings, "squares": squares}
    code = """
def f(x):
    match settings:
        case Settings(scale=found):
            return found * squares(x)
"""
    exec(code, scope)
    yield scope["f"]
    settings.scale = 3.0


def an_attribute_of_a_module_of_tensorflow_s() -> Case:
    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.scale = 2.0

        def __call__(self, x):
            return self.scale * squares(x)

    net = Net()
    yield net
    net.scale = 3.0


def an_attribute_of_a_layer_of_ones_own() -> Case:
    class Scaled(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.scale = 2.0

        def call(self, x):
            return self.scale * squares(x)

    layer = Scaled()
    yield lambda x: layer(x)
    layer.scale = 3.0


def a_variable() -> Case:
    scale = tf.Variable(2.0, dtype=tf.float64)
    yield lambda x: scale * squares(x)
    scale.assign(3.0)


def another_tensor_of_the_name() -> Case:
    scale = tf.constant(2.0, tf.float64)
    yield lambda x: scale * squares(x)
    scale = tf.constant(3.0, tf.float64)


def a_member_of_an_enumeration_of_numbers() -> Case:
    class Level(enum.IntEnum):
        LOW = 2
        HIGH = 3

    level = Level.LOW
    yield lambda x: float(level) * squares(x)
    level = Level.HIGH


def the_value_of_a_member() -> Case:
    class Table(enum.Enum):
        ONE = {"scale": 2.0}  # noqa: RUF012 - it changes

    yield lambda x: Table.ONE.value["scale"] * squares(x)
    Table.ONE.value["scale"] = 3.0


def an_attribute_of_the_function() -> Case:
    def f(x):
        return f.scale * squares(x)

    f.scale = 2.0
    yield f
    f.scale = 3.0


def the_first_attribute_of_the_function() -> Case:
    def f(x):
        try:
            return f.scale * squares(x)
        except AttributeError:
            return 2.0 * squares(x)

    yield f
    f.scale = 3.0


def a_dictionary_of_a_class_of_python_s_own() -> Case:
    held = collections.UserDict(scale=2.0)
    yield lambda x: held["scale"] * squares(x)
    held["scale"] = 3.0


def the_fields_of_a_dataclass_as_a_dictionary() -> Case:
    @dataclasses.dataclass(eq=False)
    class Held:
        scale: float = 2.0

    held = Held()
    yield lambda x: dataclasses.asdict(held)["scale"] * squares(x)
    held.scale = 3.0


def a_method_by_partialmethod() -> Case:
    class Partly(Settings):
        def scaled(self, power, x):
            return self.scale * tf.reduce_sum(x**power)

        loss = functools.partialmethod(scaled, 2)

    partly = Partly(2.0)
    yield partly.loss
    partly.scale = 3.0


def a_record_of_a_structured_array() -> Case:
    records = np.array([(2.0, 1)], [("scale", float), ("other", int)])
    record = records[0]
    yield lambda x: record["scale"] * squares(x)
    records["scale"] = 3.0


def a_text_made_of_an_object() -> Case:
    class Named(Settings):
        def __str__(self):
            return self.scale

    named, table = Named("two"), {"two": 2.0, "three": 3.0}
    yield lambda x: table[f"{named}"] * squares(x)
    named.scale = "three"


def an_object_made_by_its_class_method() -> Case:
    held = [2.0]

    class Made:
        def __init__(self):
            self.scale = held[0]

        @classmethod
        def new(cls):
            return cls()

    made = Made()
    yield lambda x: made.new().scale * squares(x)
    held[0] = 3.0


def a_call_decorated_by_a_class() -> Case:
    class Decorated:
        def __init__(self, function):
            self.function = function

        def __get__(self, owner, kind=None):
            return functools.partial(self.function, owner)

    class Called(Settings):
        @Decorated
        def __call__(self, x):
            return self.scale * squares(x)

    called = Called(2.0)
    yield lambda x: called(x)
    called.scale = 3.0


def a_class_exchanged() -> Case:
    class Two:
        def loss(self, x):
            return 2.0 * squares(x)

    class Three:
        def loss(self, x):
            return 3.0 * squares(x)

    held = Two()
    yield lambda x: held.loss(x)
    held.__class__ = Three


def a_list_of_a_module_of_tensorflow_s() -> Case:
    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.parts = [Settings(2.0)]

        def __call__(self, x):
            return self.parts[0].scale * squares(x)

    net = Net()
    yield net
    net.parts[0].scale = 3.0


def getattr_by_another_name() -> Case:
    settings, read = Settings(2.0), getattr
    yield lambda x: read(settings, "scale") * squares(x)
    settings.scale = 3.0


def random_numbers_of_an_imported_numpy() -> Case:
    held = []

    def f(x):
        import numpy

        held.append(numpy.random.rand())
        return (2.0 if len(held) < 2 else 3.0) * squares(x)

    yield f


def an_object_whose_attributes_cannot_be_read() -> Case:
    class Delegating:
        __slots__ = ("_held",)

        def __init__(self, held):
            self._held = held

        def __getattr__(self, name):
            return getattr(self._held, name)

    settings = Settings(2.0)
    delegating = Delegating(settings)
    yield lambda x: delegating.scale * squares(x)
    settings.scale = 3.0


def a_large_number() -> Case:
    number = 10**5000
    yield lambda x: (2.0 if number < 10**5001 else 3.0) * squares(x)
    number = 10**5002


CASES = [
    value
    for value in list(globals().values())
    if isinstance(value, types.FunctionType) and value.__annotations__.get("return") == "Case"
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_no_way_to_change_what_f_reads_leaves_it_stale(case):
    steps = case()
    f = next(steps)
    np.testing.assert_allclose(bh.hessian(f, X)[0], 4.0 * np.eye(2))
    next(steps, None)
    np.testing.assert_allclose(bh.hessian(f, X)[0], 6.0 * np.eye(2))


UNWATCHED = {
    "a_list_six_hundred_deep",
    "a_list_that_holds_itself",
    "an_array_too_large_to_compare",
    "a_property_that_calls_unknown_code",
    "a_cached_function",
    "a_generator",
    "an_iterator_of_itertools",
    "a_clock",
    "random_numbers_of_numpy",
    "a_name_read_by_eval",
    "a_dictionary_of_a_class_of_python_s_own",
    "the_fields_of_a_dataclass_as_a_dictionary",
    "random_numbers_of_an_imported_numpy",
    "an_object_whose_attributes_cannot_be_read",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_can_be_watched_is(case):
    f = next(case())
    seen = Watched(f)
    if case.__name__ in UNWATCHED:
        assert seen.obstacle
        return
    assert seen.obstacle is None
    assert seen.unchanged


def everyday_functions() -> dict[str, Callable]:
    w, a = tf.constant([1.0, 2.0], tf.float64), np.eye(2)
    settings, fields = Settings(2.0), [Field(), Field()]
    net = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])
    net.build((None, 2))
    return {
        "tensors": lambda x: tf.reduce_sum(w * tf.exp(x)),
        "arrays": lambda x: tf.reduce_sum((x @ a) ** 2) * np.log(2.0),
        "attributes": lambda x: settings.scale * squares(x) * sum(f.scale for f in fields),
        "functions of Python": lambda x: math.sqrt(len(fields)) * max(1.0, math.pi) * squares(x),
        "a network": lambda x: net(x),
        "a network itself": net,
        "our own": lambda x: bh.laplacian(lambda y: tf.reduce_sum(y**4), x),
        "a copy": copy.copy(lambda x: squares(x)),
    }


@pytest.mark.parametrize("name", everyday_functions())
def test_everyday_functions_are_traced_once(name, monkeypatch):
    traced, trace = [], Trace._trace
    monkeypatch.setattr(Trace, "_trace", lambda *a: traced.append(a) or trace(*a))
    f = everyday_functions()[name]
    for _ in range(3):
        bh.hessian(f, X)
    assert len(traced) == 1


@pytest.mark.parametrize(
    "name, found",
    {
        "clock": "time.monotonic",
        "random": "random.random",
        "numpy": "np.random",
        "file": "open()",
    }.items(),
)
def test_the_plan_names_what_cannot_be_watched(name, found):
    f = {
        "clock": lambda x: time.monotonic() * squares(x),
        "random": lambda x: random.random() * squares(x),
        "numpy": lambda x: np.random.rand() * squares(x),
        "file": lambda x: squares(x) if builtins else open(x),
    }[name]
    plan = bh.explain(f, X)
    assert found in plan.traced_anew
    assert f"eager calls: f is traced anew at each, for it reads {plan.traced_anew}" in str(plan)


def test_the_plan_is_silent_where_everything_is_watched():
    plan = bh.explain(squares, X)
    assert plan.traced_anew == ""
    assert "eager" not in str(plan)


def functions_that_know_n() -> dict[str, Callable]:
    w = np.arange(1.0, 9.0)[:, np.newaxis]
    return {
        "a slice": lambda x: w[: x.shape[0]] * tf.exp(x),
        "a choice": lambda x: (5.0 if x.shape[0] == 1 else w[: x.shape[0]]) * tf.exp(x),
        "all axes": lambda x: w[: list(x.shape)[0]] * tf.exp(x),
        "unpacked": lambda x: (lambda N, K: w[:N] * tf.exp(x))(*x.shape),
        "get_shape": lambda x: w[: x.get_shape()[0]] * tf.exp(x),
        "of another tensor": lambda x: w[: tf.exp(x).shape[-2]] * tf.exp(x),
        "a helper": lambda x: (lambda y: w[: y.shape[0]])(x) * tf.exp(x),
        "NumPy": lambda x: w[: np.shape(x)[0]] * tf.exp(x),
        "a name made up": lambda x: w[: getattr(x, "shape")[0]] * tf.exp(x),  # noqa: B009
        "transposed": lambda x: w[: tf.transpose(x).shape[1]] * tf.exp(x),
        "another axis": lambda x: w[: x[tf.newaxis].shape[1]] * tf.exp(x),
    }


@pytest.mark.parametrize("name", functions_that_know_n())
def test_an_f_that_reads_how_many_rows_there_are_knows_it(name):
    f = functions_that_know_n()[name]
    for N in (3, 1, 5, 1, 2):
        x = np.ones((N, 1))
        with tf.GradientTape() as outer:
            t = tf.constant(x)
            outer.watch(t)
            with tf.GradientTape() as inner:
                inner.watch(t)
                y = f(t)
            slope = inner.gradient(y, t)
        expected = outer.gradient(slope, t)
        np.testing.assert_allclose(bh.hessian(f, x)[..., 0], expected)


def test_an_f_that_reads_other_axes_serves_any_number_of_rows(monkeypatch):
    traced, trace = [], Trace._trace
    monkeypatch.setattr(Trace, "_trace", lambda *a: traced.append(a) or trace(*a))
    f = lambda x: squares(x) * x.shape[1] * x.shape[-1] * len(x.shape) * x.shape.rank  # noqa: E731
    for N in (1, 2, 3, 4):
        assert bh.hessian(f, np.ones((N, 2)))[0, 0, 0] == 2 * 16
    assert len(traced) == 2
