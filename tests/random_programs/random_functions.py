"""Functions of rows, drawn as text: what is differentiated, where, and how it is called.

The text is Python that stands alone but for `np` and `tf`: x and the parameters as arrays, then
`def f(x)`. All choices of an example follow from one number: of an example drawn choice by choice
hypothesis would try five near-copies, which are wasted here, where each example is expensive.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from random import Random

import ml_dtypes
from hypothesis import strategies as st

LAYOUTS = ("dense", "diag", "packed", "trace")
DTYPES = ("float64", "float32", "bfloat16", "float16")
CALLS = ("eager", "function", "unknown rows")


@dataclass(frozen=True)
class Example:
    """A function at an x, and how hessian() is called.

    Attributes:
      call: eagerly, in a function, or in one that does not know N.
    """

    source: str
    layout: str = "dense"
    call: str = "eager"

    def __repr__(self) -> str:
        return f'Example("""{self.source}""", {self.layout!r}, {self.call!r})'

    def _repr_pretty_(self, printer, cycle) -> None:  # How hypothesis prints it.
        printer.text(repr(self))


@dataclass(frozen=True)
class NumpyExample:
    """The arguments of `blockhess.numpy.Term`, for each of the terms."""

    source: str
    layout: str = "dense"

    def __repr__(self) -> str:
        return f'NumpyExample("""{self.source}""", {self.layout!r})'

    def _repr_pretty_(self, printer, cycle) -> None:
        printer.text(repr(self))


# Functions of cells, with the argument in braces.
EVERYWHERE = (
    *("tf.math.sin({})", "tf.math.exp({})", "tf.square({})", "tf.math.tanh({})", "-({})"),
    *("tf.math.cos({})", "tf.math.tan({})", "tf.math.sinh({})", "tf.math.cosh({})"),
    *("tf.math.atan({})", "tf.math.asinh({})", "tf.math.expm1({})", "tf.math.sigmoid({})"),
    *("tf.math.softplus({})", "tf.math.erf({})", "tf.math.erfc({})", "tf.abs({})"),
    *("tf.sign({0}) * {0}", "({}) ** 2.0", "({}) ** 3.0", "({}) ** 4.0", "tf.abs({}) ** 2.5"),
)
POSITIVE = (
    *("tf.math.log({})", "tf.sqrt({})", "tf.math.rsqrt({})", "tf.math.reciprocal({})"),
    *("tf.math.log1p({})", "tf.math.lgamma({})", "tf.math.digamma({})"),
    *("tf.math.polygamma(tf.cast(2.0, x.dtype), {})", "({}) ** -1.5", "({}) ** 0.75"),
    *("({}) ** -2.0", "1.0 / ({})", "tf.math.xlogy({0}, {0})"),
)
UNIT = ("tf.math.asin({})", "tf.math.acos({})", "tf.math.atanh({})")
ABOVE_ONE = ("tf.math.acosh({})",)
GUARDS = {
    POSITIVE: ("0.5 + tf.square({})", "tf.math.exp({})", "tf.abs({}) + 0.25"),
    UNIT: ("0.75 * tf.math.sin({})", "tf.math.tanh({})"),
    ABOVE_ONE: ("1.5 + tf.square({})", "1.0 + tf.math.softplus({})"),
}
# The functions of which the NumPy face knows nothing.
TENSORFLOW_ONLY = (
    *("tf.nn.relu({})", "tf.nn.relu6({})", "tf.nn.elu({})", "tf.nn.selu({})", "tf.nn.silu({})"),
    *("tf.nn.gelu({})", "tf.nn.softsign({})", "tf.nn.leaky_relu({}, alpha=0.25)"),
    *("tf.identity({})", "tf.identity_n([{}])[0]", "tf.stop_gradient({0}) * {0}"),
    *("tf.floor({0}) * {0}", "tf.clip_by_value({}, -1.5, 2.0)", "tf.ones_like({0}) - {0}"),
    *(
        "tf.zeros_like({0}) + {0}",
        "tf.add_n([{0}, tf.square({0}), {0}])",
        "tf.math.log_sigmoid({})",
    ),
    "tf.raw_ops.Inv(x=1.5 + tf.square({}))",
    "tf.cast(tf.cast({}, tf.float32), x.dtype)",
    "tf.cast(tf.cast({}, tf.float64), x.dtype)",
)
_GUARDED = {text: guards for table, guards in GUARDS.items() for text in table}
#: Every function is as likely as any other.
OF_ONE = (*EVERYWHERE, *_GUARDED)
OF_TWO = (
    *("{} + {}", "{} * {}", "{} - {}", "({}) / (1.5 + tf.square({}))"),
    *("tf.maximum({}, {})", "tf.minimum({}, {})", "tf.math.xlogy({}, 0.5 + tf.square({}))"),
    "tf.pow(0.25 + tf.abs({}), {})",
)
TENSORFLOW_ONLY_OF_TWO = (
    *("tf.math.squared_difference({}, {})", "tf.math.divide_no_nan({}, 2.0 + tf.square({}))"),
    *("tf.math.xlog1py({}, tf.square({}))", "tf.math.xdivy({}, 0.5 + tf.math.exp({}))"),
    *("tf.raw_ops.Add(x={}, y={})", "tf.raw_ops.Div(x={}, y=1.5 + tf.square({}))"),
)
COMPARISONS = ("tf.greater", "tf.less", "tf.greater_equal", "tf.less_equal")
TENSORFLOW_ONLY_COMPARISONS = ("tf.equal", "tf.not_equal")
# Exact in every type.
CONSTANTS = ("2.0", "0.5", "-1.5", "0.25", "3.0", "1.0", "-0.75", "-2.0", "0.125")
SHARES = {1: [1.0], 2: [0.75, 0.25], 3: [0.5, 0.25, 0.25], 4: [0.5, 0.25, 0.25, 0.0]}


def hard_numbers(dtype: str) -> tuple[float, ...]:
    limits = ml_dtypes.finfo(dtype)
    tiny, eps, largest = float(limits.tiny), float(limits.eps), float(limits.max)
    sizes = (tiny, 4 * tiny, eps, eps / 4, 1e-3, 20.0, 89.0, 1e3, largest**0.5, largest / 4)
    return (0.0, -0.0, *sizes, *(-s for s in sizes), float("inf"), float("nan"))


def in_numpys_spelling(text: str) -> str:
    text = re.sub(r"tf\.cast\((\S+), x.dtype\)", r"\1", text)
    return re.sub(r"\btf\.(math\.)?", "", text).replace("lgamma", "gammaln")


class Writer:
    """Writes the text of one function."""

    def __init__(
        self, dice: Random, rows: tuple[int, ...], K: int, dtype: str, numpy: bool = False
    ) -> None:
        self.dice, self.rows, self.K, self.dtype, self.numpy = dice, rows, K, dtype, numpy
        self.arrays: dict[str, str] = {}
        self.lines: list[str] = []
        self.names: dict[str, list[str]] = {"cells": [], "row": []}

    def one_of(self, *choices):
        return self.dice.choice(choices)

    def maybe(self, times_in_eight: int) -> bool:
        return self.dice.randrange(8) < times_in_eight

    def number(self) -> float:
        """Exact in every type."""
        return self.dice.randint(-24, 24) / 8

    def array(self, name: str, shape: tuple[int, ...], values: list[float]) -> str:
        written = ", ".join(f"np.{v}" if v - v != 0 else repr(v) for v in values)
        self.arrays[name] = f'np.array([{written}], "{self.dtype}").reshape({shape})'
        return name

    def parameter(self, *shape: int) -> str:
        values = [self.number() for _ in range(math.prod(shape))]
        return self.array(f"p{len(self.arrays)}", shape, values)

    def named(self, kind: str, text: str) -> str:
        """The text, or a variable that holds it and that later texts may read, too."""
        if self.numpy or not self.maybe(2):
            return text
        name = f"{kind}{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        self.names[kind].append(name)
        return name

    # Cells: (..., K).

    def cell_parameter(self) -> str:
        """A constant, or a parameter of one of the shapes that broadcast against x."""
        if self.maybe(3):
            return self.one_of(*CONSTANTS)
        shapes = [(), (self.K,), (*self.rows, 1), (*self.rows, self.K)]
        return self.parameter(*self.one_of(*shapes))

    def leaf(self) -> str:
        return self.one_of("x", "x", "x", *self.names["cells"])

    def cells(self, depth: int) -> str:
        if depth <= 0:
            return self.leaf()
        kind = self.dice.randrange(10)
        if kind == 0:
            return self.leaf()
        if kind <= 4:
            text = self.function(self.cells(depth - 1))
        elif kind <= 6:
            pair = [self.cells(depth - 1), self.cell_parameter()]
            text = self.of_two(*self.dice.sample(pair, 2))
        elif kind == 7:
            text = self.of_two(self.cells(depth - 1), self.cells(depth - 1))
        elif kind == 8:
            text = self.choice(depth)
        else:
            text = self.moved(self.cells(depth - 1))
        return self.named("cells", text)

    def function(self, argument: str) -> str:
        text = self.one_of(*OF_ONE, *(() if self.numpy else TENSORFLOW_ONLY))
        if text in _GUARDED and not self.maybe(1):
            argument = self.one_of(*_GUARDED[text]).format(argument)
        return text.format(argument)

    def of_two(self, a: str, b: str) -> str:
        text = self.one_of(*OF_TWO, *(() if self.numpy else TENSORFLOW_ONLY_OF_TWO))
        if "tf." in text and not self.numpy:  # TensorFlow would make it a float32.
            a, b = (f"tf.constant({z}, x.dtype)" if z in CONSTANTS else z for z in (a, b))
        if "raw_ops" in text:  # They convert no arrays.
            a, b = (f"tf.constant({z})" if re.fullmatch(r"p\d+", z) else z for z in (a, b))
        return text.format(f"({a})", f"({b})")

    def choice(self, depth: int) -> str:
        compare = self.one_of(*COMPARISONS, *(() if self.numpy else TENSORFLOW_ONLY_COMPARISONS))
        condition = f"{compare}({self.cells(depth - 2)}, {self.cell_parameter()})"
        if not self.numpy and self.maybe(3):
            other = f"{self.one_of(*COMPARISONS)}(x, {self.one_of(*CONSTANTS)})"
            condition = self.one_of(
                f"tf.logical_and({condition}, {other})",
                f"tf.logical_or({condition}, {other})",
                f"tf.logical_not({condition})",
            )
        return f"tf.where({condition}, {self.cells(depth - 1)}, {self.cells(depth - 1)})"

    def moved(self, text: str) -> str:
        """The same cells, by way of another shape or in parts."""
        K = self.K
        if self.numpy:
            return text
        if not self.rows:
            return f"tf.squeeze(tf.expand_dims({text}, 0), 0)"
        ways = [
            "tf.reshape(tf.reshape({}, [-1, {K}, 1]), tf.shape(x))",
            "tf.squeeze(tf.expand_dims({}, -1), -1)",
            f"tf.nn.bias_add({{}}, {self.parameter(K)})",
            f"tf.ensure_shape({{}}, [{'None, ' * len(self.rows)}{K}])",
        ]
        if K > 1:
            ways += [
                "tf.concat([({})[..., :1], ({})[..., 1:]], -1)",
                "tf.concat([x[..., :1], ({})[..., 1:]], -1)",
                "tf.stack([({})[..., k] for k in range({K})], -1)",
                "tf.gather({}, [*range({K})], axis=-1)",
            ]
        return self.one_of(*ways).replace("{}", text).replace("{K}", str(K))

    # One number a row: (...).

    def row_parameter(self) -> str:
        return self.parameter(*self.one_of((), self.rows))

    def row(self, depth: int) -> str:
        if depth <= 0:
            return self.one_of(self.row_sum(1), *self.names["row"])
        kind = self.dice.randrange(12)
        if kind <= 1:
            text = self.row_sum(2)
        elif kind <= 3:
            text = self.linear()
        elif kind <= 5:
            text = self.quadratic()
        elif kind <= 7:
            text = self.function(self.row(depth - 1))
        elif kind == 8:
            text = self.of_two(self.row(depth - 1), self.row_parameter())
        elif kind == 9:
            text = self.of_two(self.row(depth - 1), self.row(depth - 1))
        elif kind == 10:
            text = self.softmax()
        else:
            text = self.one_of(self.norm, self.norm, self.misfit)()
        return self.named("row", text)

    def row_sum(self, depth: int) -> str:
        cells = self.cells(depth)
        ways = (
            f"tf.reduce_sum({cells}, -1)",
            f"tf.reduce_mean({cells}, axis=-1)",
            f"tf.squeeze(tf.reduce_sum({cells}, -1, keepdims=True), -1)",
        )
        return self.one_of(*ways)

    def shifted(self) -> str:
        kind = self.one_of("x", "x", "x - p", "c * x")
        if kind == "x - p":
            return f"(x - {self.parameter(self.K)})"
        return "x" if kind == "x" else f"({self.one_of(*CONSTANTS)} * x)"

    def linear(self) -> str:
        w, z, K = self.parameter(self.K), self.shifted(), self.K
        ways = [
            f"tf.reduce_sum({z} * {w}, -1)",
            f"tf.tensordot({z}, {w}, 1)",
            f"tf.einsum('...k,k->...', {z}, {w})",
        ]
        if self.rows:
            ways += [
                f"tf.squeeze({z} @ tf.reshape({w}, [{K}, 1]), -1)",
                f"tf.linalg.matvec(tf.reshape({w}, [1, {K}]), {z})[..., 0]",
            ]
        return self.one_of(*ways)

    def quadratic(self) -> str:
        K, z, y = self.K, self.shifted(), self.one_of("x", self.shifted())
        if not self.rows:
            return f"tf.einsum('i,ij,j->', {z}, {self.parameter(K, K)}, {y})"
        if self.maybe(2):
            A = self.parameter(*self.rows, K, K)
            return self.one_of(
                f"tf.einsum('...i,...ij,...j->...', {z}, {A}, {y})",
                f"tf.reduce_sum({z} * tf.linalg.matvec({A}, {y}), -1)",
            )
        A, L = self.parameter(K, K), self.parameter(K, self.dice.randint(1, 3))
        return self.one_of(
            f"tf.reduce_sum({z} * ({y} @ {A}), -1)",
            f"tf.einsum('...i,ij,...j->...', {z}, {A}, {y})",
            f"tf.reduce_sum({z} * tf.linalg.matvec({A}, {y}), -1)",
            f"tf.reduce_sum(tf.matmul({z}, {A}, transpose_b=True) * {self.cells(1)}, -1)",
            f"tf.reduce_sum(({z} @ {L}) ** 2.0, -1)",
            f"tf.reduce_sum(({z} @ {A}) * ({y} @ {A}), -1)",
            f"tf.reduce_sum(tf.tensordot({z}, {A}, 1) * {y}, -1)",
        )

    def softmax(self) -> str:
        cells = self.cells(1)
        ways = [
            "tf.reduce_logsumexp({}, -1)",
            "tf.math.log(tf.reduce_sum(tf.math.exp({}), -1))",
            "-tf.reduce_sum(tf.nn.log_softmax({}) * {labels}, -1)",
        ]
        if self.rows:
            ways += [
                "tf.nn.softmax_cross_entropy_with_logits({labels}, {})",
                "tf.nn.sparse_softmax_cross_entropy_with_logits({classes}, {})",
            ]
        way = self.one_of(*ways).replace("{}", cells)
        if "{labels}" in way:
            return way.replace("{labels}", self.labels())
        return way.replace("{classes}", self.classes()) if "{classes}" in way else way

    def classes(self) -> str:
        name = f"p{len(self.arrays)}"
        size = math.prod(self.rows)
        values = [self.dice.randrange(self.K) for _ in range(size)]
        self.arrays[name] = f"np.array({values}, int).reshape({self.rows})"
        return name

    def labels(self) -> str:
        """Shares that add up to one exactly: TensorFlow's gradient assumes that they do."""
        shares = SHARES[self.K]
        name = f"p{len(self.arrays)}"
        shifts = [self.dice.randrange(self.K) for _ in range(math.prod(self.rows))]
        rows = [share for shift in shifts for share in (*shares[shift:], *shares[:shift])]
        self.arrays[name] = f'np.array({rows}, "{self.dtype}").reshape({(*self.rows, self.K)})'
        return name

    def norm(self) -> str:
        cells = self.cells(1)
        return self.one_of(
            f"tf.norm({cells}, axis=-1)",
            f"tf.math.reduce_euclidean_norm({cells}, axis=-1)",
            f"tf.norm({cells}, ord=3, axis=-1)",
            f"tf.norm({cells}, axis=-1) ** 2.0",
            f"tf.norm({cells}, ord=1, axis=-1)",
        )

    def misfit(self) -> str:
        """What the formula has no place for."""
        cells, K = self.cells(1), self.K
        ways = [
            f"tf.reduce_max({cells}, -1)",
            f"tf.reduce_prod({cells}, -1)",
            f"tf.reduce_sum(tf.nn.softmax({cells}) * x, -1)",
            f"tf.reduce_sum(tf.square(tf.cumsum({cells}, -1)), -1)",
            f"({cells})[..., 0] * tf.math.sin(x[..., {K - 1}])",
            f"tf.reduce_sum({cells} * tf.reduce_sum(x, -1, keepdims=True), -1)",
        ]
        if self.rows:
            A = self.parameter(K, 2)
            ways += [
                f"tf.reduce_sum(tf.math.tanh(x @ {A}), -1)",
                f"tf.reduce_sum(({cells} @ {A}) ** 2.0, -1)",
            ]
        return self.one_of(*ways)

    # A term of the NumPy face.

    def term(self) -> str:
        parts = {"function": self.cells(3) if self.maybe(6) else None, "S": None, "b": None}
        if parts["function"] is None or self.maybe(3):
            rows = self.rows if self.maybe(3) else ()
            parts["S"] = self.parameter(*rows, self.K, self.K)
        if self.maybe(3):
            parts["b"] = self.parameter(self.K)
        parts["link"] = self.link(2) if self.maybe(5) else None
        texts = [in_numpys_spelling(parts[part] or "") for part in ("function", "link")]
        read = re.findall(r"\bp\d+\b", " ".join(texts))
        given = ", ".join(f"{name}={name}" for name in dict.fromkeys(read))
        function, link = (repr(text) if text else None for text in texts)
        matrix = f"S={parts['S']}, b={parts['b']}"
        return f"dict(function={function}, {matrix}, link={link}, parameters=dict({given}))"

    def link(self, depth: int) -> str:
        if depth == 0:
            return "s"
        if self.maybe(6):
            return self.function(self.link(depth - 1))
        return self.of_two(self.link(depth - 1), self.row_parameter())

    def result(self) -> str:
        row = self.row(2)
        if self.maybe(4):
            row = f"({row}) {self.one_of('+', '-')} ({self.row(2)})"
        ways = [
            row,
            f"tf.reduce_sum({row})",
            f"tf.reduce_mean({row})",
            f"tf.expand_dims({row}, -1)",
            f"tf.reduce_sum(({row}) * {self.row_parameter()})",
        ]
        if self.maybe(1):
            ways = [f"tf.reduce_sum({row}) * 0.5 + tf.reduce_mean({self.cells(2)})"]
            ways += [f"tf.nn.l2_loss({self.cells(2)})"]
        return self.one_of(*ways)

    def x(self) -> None:
        hard = self.maybe(2)
        size = math.prod(self.rows) * self.K
        values = [self.number() for _ in range(size)]
        if hard:
            choices = hard_numbers(self.dtype)
            values = [self.one_of(*choices) if self.maybe(2) else v for v in values]
        self.array("x", (*self.rows, self.K), values)

    def source(self, body: str) -> str:
        read = {"x", *re.findall(r"\bp\d+\b", body)}
        arrays = [f"{name} = {text}" for name, text in self.arrays.items() if name in read]
        return "\n".join([*arrays, body, ""])


ROWS = ((2,), (1,), (3,), (2, 2), (1, 3), (2,), (3,), (1,), (), (), (0,))
WIDTHS = (3, 4, 3, 2, 2, 1)


def tensorflow_example(number: int) -> Example:
    dice = Random(number)
    # In 16 bits the bounds are wide.
    dtype = dice.choice(DTYPES[:2] if dice.randrange(8) else DTYPES[2:])
    writer = Writer(dice, dice.choice(ROWS), dice.choice(WIDTHS), dtype)
    writer.x()
    result = writer.result()
    body = "\n".join(
        ["def f(x):", *(f"    {line}" for line in writer.lines), f"    return {result}"]
    )
    return Example(writer.source(body), dice.choice(LAYOUTS), dice.choice(CALLS))


def numpy_example(number: int) -> NumpyExample:
    dice = Random(number)
    dtype = dice.choice(["float64", "float32"])
    writer = Writer(dice, dice.choice(ROWS), dice.choice(WIDTHS), dtype, numpy=True)
    writer.x()
    terms = ", ".join(writer.term() for _ in range(dice.randint(1, 2)))
    return NumpyExample(writer.source(f"terms = [{terms}]"), dice.choice(LAYOUTS))


_NUMBERS = st.integers(0, 2**63)
tensorflow_examples, numpy_examples = _NUMBERS.map(tensorflow_example), _NUMBERS.map(numpy_example)
