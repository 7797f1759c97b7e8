"""Functions of rows in mpmath, with two derivatives and a bound for what rounding does to them.

A jet is a number with its derivatives to the cells of x. Each of these parts is (value, error,
size): the value to 50 digits; what arithmetic of a given precision may be off by; and the size of
what was added up on the way, as if nothing cancelled. Every operation adds some units of roundoff
of the size, and passes on the errors of its arguments, magnified by the largest slope within reach
of them: a running error analysis, whose bounds excuse cancellation and bad conditioning and
nothing else. Where it cannot tell which side of a kink or a pole the arithmetic is on, or whether
it overflows, the bound is infinite or nan.

`TENSORFLOW` has the functions of `tf`, on arrays of jets: the text of a TensorFlow function is its
own reference. The elementary functions and their derivatives are bench/jets.py's, not blockhess'.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import jets as series  # noqa: E402

DIGITS = 50
_ROUGH_DIGITS = 20
# Beyond, no float has the exponential, and mpmath takes long for gamma functions.
_FAR = 1e8

Part = tuple[mp.mpf, float, float]
Slopes = dict[int, Part]
Curvatures = dict[tuple[int, int], Part]
_SMALLEST = math.ulp(0.0)  # A size that is not zero, whatever it is.
NOTHING: Part = (mp.mpf(0), 0.0, 0.0)
ZERO: Part = (mp.mpf(0), 0.0, _SMALLEST)
ANYTHING: Part = (mp.mpf(0), math.inf, math.inf)


class Arithmetic(NamedTuple):
    """What computes.

    Attributes:
      unit: what one operation adds to the error, relative to the size.
      tiny: the smallest normal number; smaller ones may be flushed to zero.
      largest: where numbers end.
      through_value: derivatives of sigmoid and the like are said by its value, as TensorFlow does:
        they have the roundoff of 1 where they are small.
    """

    unit: float
    tiny: float
    largest: float
    through_value: bool = False


#: Operations that one may stand for: products are added up in another order, parts factored out.
ROUNDINGS = 8.0
_arithmetic = Arithmetic(0.0, 0.0, math.inf)
_width = 1  # K
_dtype = np.dtype(np.float64)  # of x


class Undetermined(Exception):
    """The arithmetic may be on either side of a kink or pole, or off the domain."""


def _rounded(value: mp.mpf, error: float, size: float) -> Part:
    if not size <= _arithmetic.largest:
        return ANYTHING
    lost = _arithmetic.unit * size
    if size > 0.0 and lost < _arithmetic.tiny:
        lost += _arithmetic.tiny
    return value, error + lost, size


def _plus(a: Part, b: Part) -> Part:
    if a is NOTHING or b is NOTHING:
        return a if b is NOTHING else b
    return _rounded(a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _times(a: Part, b: Part) -> Part:
    if a is NOTHING or b is NOTHING:
        return NOTHING
    size = a[2] * b[2]
    if size == 0.0 and a[2] and b[2]:
        size = _SMALLEST
    return _rounded(a[0] * b[0], a[1] * (b[2] + b[1]) + a[2] * b[1], size)


class Jet:
    """`slopes` by cell of x, `curvatures` by pair of cells i <= j; zeros are left out."""

    def __init__(self, value: Part, slopes: Slopes, curvatures: Curvatures) -> None:
        self.value = value
        self.slopes = {i: p for i, p in slopes.items() if _counts(p)}
        self.curvatures = {ij: p for ij, p in curvatures.items() if _counts(p)}

    def __add__(self, other: Any) -> Jet:
        b = lifted(other)
        return Jet(
            _plus(self.value, b.value),
            _joined(self.slopes, b.slopes),
            _joined(self.curvatures, b.curvatures),
        )

    def __mul__(self, other: Any) -> Jet:
        a, b = self, lifted(other)
        slopes = _joined(_scaled(a.slopes, b.value), _scaled(b.slopes, a.value))
        curvatures = _joined(_scaled(a.curvatures, b.value), _scaled(b.curvatures, a.value))
        return Jet(
            _times(a.value, b.value), slopes, _joined(curvatures, _crossed(a.slopes, b.slopes))
        )

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Jet:
        def negative(parts):
            return {key: (-v, e, m) for key, (v, e, m) in parts.items()}

        v, e, m = self.value
        return Jet((-v, e, m), negative(self.slopes), negative(self.curvatures))

    def __sub__(self, other: Any) -> Jet:
        return self + -lifted(other)

    def __rsub__(self, other: Any) -> Jet:
        return lifted(other) + -self

    def __truediv__(self, other: Any) -> Jet:
        return self * applied("reciprocal", lifted(other))

    def __rtruediv__(self, other: Any) -> Jet:
        return lifted(other) / self

    def __pow__(self, other: Any) -> Jet:
        return power(self, lifted(other))

    def __rpow__(self, other: Any) -> Jet:
        return power(lifted(other), self)


def _counts(part: Part) -> bool:
    return not part[1] == part[2] == 0.0


def _joined(a: dict, b: dict) -> dict:
    return {key: _plus(a.get(key, NOTHING), b.get(key, NOTHING)) for key in {**a, **b}}


def _scaled(parts: dict, factor: Part) -> dict:
    return {key: _times(part, factor) for key, part in parts.items()}


def _crossed(a: Slopes, b: Slopes) -> Curvatures:
    """a_i b_j + a_j b_i."""
    result: Curvatures = {}
    for i, p in a.items():
        for j, q in b.items():
            key, product = (min(i, j), max(i, j)), _times(p, q)
            both = _plus(product, product) if i == j else product
            result[key] = _plus(result.get(key, NOTHING), both)
    return result


def lifted(a: Any) -> Jet:
    a = a.item() if isinstance(a, np.ndarray) else a
    if isinstance(a, Jet):
        return a
    number = mp.mpf(float(a))
    return Jet((number, 0.0 if mp.isfinite(number) else math.inf, abs(float(a))), {}, {})


def _in_x_dtype(constant: float) -> float:
    """A constant of a composed function, as the graph of f holds it."""
    return float(_dtype.type(constant))


def variable(number: float, cell: int) -> Jet:
    return Jet(lifted(number).value, {cell: (mp.mpf(1), 0.0, 1.0)}, {})


def undetermined(*jets: Jet) -> Jet:
    """Any number, that depends on all cells of the rows that the jets depend on."""
    cells = {cell for jet in jets for cell in jet.slopes}
    cells |= {cell for jet in jets for pair in jet.curvatures for cell in pair}
    rows = {cell // _width for cell in cells}
    pairs: Curvatures = {}
    for row in rows:
        row_cells = range(row * _width, (row + 1) * _width)
        pairs |= {(i, j): ANYTHING for i in row_cells for j in row_cells if i <= j}
    return Jet(ANYTHING, {i: ANYTHING for i, _ in pairs}, pairs)


def unvarying(a: Jet) -> Jet:
    return Jet(a.value, {}, {})


# Elementary functions ----------------------------------------------------------------------------

_ANYWHERE = {"reciprocal", "sqrt", "rsqrt", "log"}
_THROUGH_VALUE = {"sigmoid", "softplus", "tanh", "tan", "asin", "acos", "atanh"}


@lru_cache(maxsize=4096)
def _orders(name: str, at: mp.mpf, orders: int, extra: float | None, digits: int) -> list[mp.mpf]:
    """A function of bench/jets.py and its first derivatives."""
    with mp.workdps(digits):
        start = series.Jet([at, mp.mpf(1), mp.mpf(0), mp.mpf(0)][:orders])
        function = getattr(series.MATH, name)
        try:
            if extra is None:
                found = function(start)
            else:
                found = function(start, extra) if name == "pow" else function(extra, start)
        except (ArithmeticError, ValueError) as error:
            raise Undetermined(name) from error
        values = [mp.factorial(k) * c for k, c in enumerate(found.c)]
    if any(isinstance(v, mp.mpc) or not mp.isfinite(v) for v in values):
        raise Undetermined(name)
    return values


def _size(number: mp.mpf) -> float:
    return max(float(number), _SMALLEST) if number else 0.0


def applied(name: str, a: Jet, extra: float | None = None, through_value: bool = False) -> Jet:
    """A function of bench/jets.py; `through_value` as in Arithmetic, for any function."""
    try:
        return _applied(name, a, extra, through_value or name in _THROUGH_VALUE)
    except Undetermined:
        return undetermined(a)


def _applied(name: str, a: Jet, extra: float | None, through_value: bool) -> Jet:
    v, error, _ = a.value
    radius = error + 2.0 * _arithmetic.unit * abs(float(v))
    if not radius < math.inf or (abs(v) > _FAR and name not in _ANYWHERE):
        raise Undetermined(name)
    if _arithmetic.through_value and _arithmetic.unit > 1e-8 and name.endswith("gamma") and v < -8:
        raise Undetermined(name)  # TensorFlow's polygamma(1, -9.5) is 3e12 in float32.
    # What a choice made constant stays so, but across a sum over the row zero may meet infinity.
    constant = not a.curvatures and len(a.slopes) == 1 < _width and ZERO in a.slopes.values()
    varies = (a.slopes or a.curvatures) and not constant
    orders = 4 if varies else 1 if error == 0 else 2
    exact = _orders(name, v, orders, extra, DIGITS)
    nearby = [exact]
    if radius > 0 and orders > 1:
        ends = [v - radius, v + radius] + [mp.mpf(0)] * (radius >= abs(v))
        nearby += [_orders(name, end, orders, extra, _ROUGH_DIGITS) for end in ends]
    # The largest of each derivative within reach.
    D = [_size(max(abs(values[k]) for values in nearby)) for k in range(orders)]
    # The value is squared and both are taken from 1.
    one = 4.0 if _arithmetic.through_value and through_value else 0.0
    value = _rounded(exact[0], D[1] * error if orders > 1 else 0.0, D[0])
    if orders < 4:
        return Jet(value, a.slopes, {})
    first, second = (
        _rounded(exact[k], D[k + 1] * radius + one * _arithmetic.unit, D[k]) for k in (1, 2)
    )
    bent = {key: _times(p, second) for key, p in _crossed(a.slopes, a.slopes).items()}
    halves = {key: (v / 2, e / 2, m / 2) for key, (v, e, m) in bent.items()}
    return Jet(value, _scaled(a.slopes, first), _joined(halves, _scaled(a.curvatures, first)))


def power(a: Jet, b: Jet) -> Jet:
    if b.slopes or b.curvatures or b.value[1]:
        # Without a logarithm TensorFlow's derivative to the exponent is a convention.
        return applied("exp", b * applied("log", a)) if a.value[0] > 0 else undetermined(a, b)
    exponent = float(b.value[0])
    if exponent in (1.0, 2.0, 3.0, 4.0):
        return math.prod([a] * (int(exponent) - 1), start=a)
    return applied("pow", a, exponent)


# Choices -----------------------------------------------------------------------------------------


def _side(a: Jet, b: Jet) -> int:
    """The sign of a - b."""
    difference, error = a.value[0] - b.value[0], a.value[1] + b.value[1]
    if error == 0 or abs(difference) > error:
        return int(mp.sign(difference))
    raise Undetermined("a comparison")


def _comparison(holds: Callable[[int], bool]) -> Callable[[Any, Any], Jet]:
    def compare(a: Any, b: Any) -> Jet:
        a, b = lifted(a), lifted(b)
        try:
            return lifted(float(holds(_side(a, b))))
        except Undetermined:
            return undetermined(a, b)

    return compare


def _where(condition: Any, a: Any, b: Any) -> Jet:
    condition, a, b = lifted(condition), lifted(a), lifted(b)
    if not condition.value[1] < math.inf:
        return undetermined(condition, a, b)
    chosen, other = (a, b) if condition.value[0] else (b, a)
    products = _crossed(other.slopes, other.slopes).values()
    if any(not error < math.inf for _, error, _ in products):
        return undetermined(chosen, other)  # They may be computed, times a curvature of zero.
    # Slopes of zero, so that an infinite one of what follows, times them, is met.
    return Jet(
        chosen.value, {**dict.fromkeys(other.slopes, ZERO), **chosen.slopes}, chosen.curvatures
    )


def _abs(a: Any) -> Jet:
    a = lifted(a)
    if (a.slopes or a.curvatures) and not a.value[0]:
        return undetermined(a)  # abs(x * x) and abs(x)**2 at 0 may be known to be smooth.
    return a * _sign(a)


def _sign(a: Any) -> Jet:
    a = lifted(a)
    try:
        return lifted(float(_side(a, lifted(0.0))))
    except Undetermined:
        return undetermined(a)


def _cast(a: Any) -> Jet:
    """To the type of the arithmetic, in which what is small may be zero."""
    a = lifted(a)
    return Jet(_rounded(*a.value), a.slopes, a.curvatures) if a.slopes or a.curvatures else a


def _floor(a: Any) -> Jet:
    a = lifted(a)
    v, error, _ = a.value
    if error == math.inf or mp.floor(v - error) != mp.floor(v + error):
        return undetermined(a)
    return lifted(float(mp.floor(v)))


def _elementary(name: str) -> Callable[[Any], Jet]:
    return lambda a: applied(name, lifted(a))


greater, greater_equal = _comparison(lambda s: s > 0), _comparison(lambda s: s >= 0)
less, less_equal = _comparison(lambda s: s < 0), _comparison(lambda s: s <= 0)
equal = _comparison(lambda s: s == 0)


def _maximum(a: Any, b: Any) -> Jet:
    return _where(greater_equal(a, b), a, b)


def _minimum(a: Any, b: Any) -> Jet:
    return _where(less_equal(a, b), a, b)


def _unless_zero(factor: Any, value: Callable[[], Jet], differ: bool = True) -> Jet:
    """Where the factor is zero so is the slope, by a convention in which routes may `differ`."""
    factor = lifted(factor)
    v, error, size = factor.value
    if (v or error) and abs(v) <= error + (_arithmetic.tiny if size else 0.0):
        return undetermined(factor, value())
    if factor.value[:2] != (0, 0.0):
        return value()
    return undetermined(factor, value()) if differ and factor.slopes else lifted(0.0)


def _elu(a: Jet) -> Jet:
    return _where(less(a, 0.0), applied("expm1", a, through_value=True), a)


def _relu(a: Jet) -> Jet:
    return _where(less_equal(a, 0.0), 0.0, a)


_log = _elementary("log")

_OF_ONE: dict[str, Callable[[Jet], Jet]] = {
    **{
        name: _elementary(name)
        for name in (
            *("sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos", "tan"),
            *("sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "atanh"),
            *("sigmoid", "softplus", "erf", "erfc", "lgamma", "digamma"),
        )
    },
    "square": lambda a: a * a,
    "negative": lambda a: -a,
    "abs": _abs,
    "sign": _sign,
    "floor": _floor,
    "identity": lambda a: a,
    "stop_gradient": unvarying,
    "relu": _relu,
    "relu6": lambda a: _where(greater_equal(a, 6.0), 6.0, _relu(a)),
    "elu": _elu,
    # arXiv:1706.02515, section 2
    "selu": lambda a: 1.0507009873554805 * _where(less(a, 0.0), 1.6732632423543772 * _elu(a), a),
    # TensorFlow 2.21's, whose constant is a float32 that is cast.
    "gelu": lambda a: 0.5 * a * applied("erfc", -a * _in_x_dtype(np.float32(math.sqrt(0.5)))),
    "silu": lambda a: a * applied("sigmoid", a),
    "softsign": lambda a: a / (1.0 + _abs(a)),
    "log_expit": lambda a: -applied("softplus", -a),
    "log_sigmoid": lambda a: -applied("softplus", -a),
    "logical_not": lambda a: 1.0 - a,
    "ones_like": lambda a: lifted(1.0),
    "zeros_like": lambda a: lifted(0.0),
}
_OF_TWO: dict[str, Callable[[Jet, Jet], Jet]] = {
    "pow": lambda a, b: lifted(a) ** lifted(b),
    "maximum": _maximum,
    "minimum": _minimum,
    "squared_difference": lambda a, b: (lifted(a) - b) * (lifted(a) - b),
    "xlogy": lambda a, b: _unless_zero(a, lambda: a * _log(b)),
    "xlog1py": lambda a, b: _unless_zero(a, lambda: a * applied("log1p", lifted(b))),
    "xdivy": lambda a, b: _unless_zero(a, lambda: lifted(a) / b),
    "divide_no_nan": lambda a, b: _unless_zero(b, lambda: lifted(a) / b, False),
    "polygamma": lambda n, a: applied("polygamma", lifted(a), float(lifted(n).value[0])),
    "greater": greater,
    "greater_equal": greater_equal,
    "less": less,
    "less_equal": less_equal,
    "equal": equal,
    "not_equal": lambda a, b: 1.0 - equal(a, b),
    "logical_and": lambda a, b: lifted(a) * b,
    "logical_or": lambda a, b: 1.0 - (1.0 - lifted(a)) * (1.0 - lifted(b)),
    "logaddexp": lambda a, b: _where(
        less(a, b),
        lifted(b) + applied("softplus", lifted(a) - b),
        lifted(a) + applied("softplus", lifted(b) - a),
    ),
}
FUNCTIONS: dict[str, Callable] = {
    **{name: np.frompyfunc(lambda a, f=f: f(lifted(a)), 1, 1) for name, f in _OF_ONE.items()},
    **{name: np.frompyfunc(f, 2, 1) for name, f in _OF_TWO.items()},
    "where": np.frompyfunc(_where, 3, 1),
    "clip_by_value": np.frompyfunc(lambda a, low, high: _maximum(_minimum(a, high), low), 3, 1),
}


# Rows --------------------------------------------------------------------------------------------


def _sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    axis = tuple(axis) if isinstance(axis, list) else axis
    return np.sum(np.asarray(a, object), axis=axis, keepdims=keepdims)


def _mean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    total = _sum(a, axis, keepdims)
    return total * (1.0 / (np.size(a) / np.size(total))) if np.size(a) else total


def _largest(a: Any, axis: int) -> Any:
    return np.frompyfunc(_larger, 2, 1).reduce(np.asarray(a, object), axis=axis)


def _larger(a: Any, b: Any) -> Jet:
    """At a tie TensorFlow's reduce_max shares its gradient out."""
    tie = greater_equal(a, b).value[0] and less_equal(a, b).value[0]
    return undetermined(lifted(a), lifted(b)) if tie else _maximum(a, b)


def _logsumexp(a: Any, axis: int = -1, keepdims: bool = False) -> Any:
    values = np.frompyfunc(lambda jet: float(lifted(jet).value[0]), 1, 1)(a).astype(float)
    shift = np.max(values, axis=axis, keepdims=True, initial=-math.inf)
    total = _sum(FUNCTIONS["exp"](a - shift), axis, True)
    result = FUNCTIONS["log"](total) + shift
    return result if keepdims else np.squeeze(result, axis)


def _log_softmax(a: Any) -> Any:
    return a - _logsumexp(a, -1, True)


def _cross_entropy(labels: Any, logits: Any) -> Any:
    return -_sum(labels * _log_softmax(logits), -1)


def _sparse_cross_entropy(labels: Any, logits: Any) -> Any:
    chosen = np.take_along_axis(_log_softmax(logits), np.asarray(labels)[..., None], -1)
    return -np.squeeze(chosen, -1)


def _norm(a: Any, ord: Any = "euclidean", axis: Any = None) -> Any:
    if ord == "euclidean":
        return FUNCTIONS["sqrt"](_sum(a * a, axis))
    powers = FUNCTIONS["abs"](a)
    return _sum(powers**ord, axis) ** _in_x_dtype(1.0 / ord)


def _concat(parts: Sequence[Any], axis: int) -> Any:
    return np.concatenate([np.asarray(p, object) for p in parts], axis)


def _matvec(matrix: Any, vector: Any) -> Any:
    return np.squeeze(np.asarray(matrix, object) @ vector[..., None], -1)


def _einsum(equation: str, *operands: Any) -> Any:
    return np.einsum(equation, *(np.asarray(o, object) for o in operands))


def _matmul(a: Any, b: Any, transpose_b: bool = False) -> Any:
    return a @ (np.swapaxes(b, -1, -2) if transpose_b else b)


def _prod(a: Any, axis: Any = None) -> Any:
    return np.prod(np.asarray(a, object), axis=axis)


_ROWS = {
    "reduce_sum": _sum,
    "reduce_mean": _mean,
    "reduce_prod": _prod,
    "reduce_max": _largest,
    "reduce_logsumexp": _logsumexp,
    "reduce_euclidean_norm": lambda a, axis: _norm(a, axis=axis),
    "norm": _norm,
    "log_softmax": _log_softmax,
    "softmax": lambda a: FUNCTIONS["exp"](_log_softmax(a)),
    "l2_loss": lambda a: 0.5 * _sum(a * a),
    "softmax_cross_entropy_with_logits": _cross_entropy,
    "sparse_softmax_cross_entropy_with_logits": _sparse_cross_entropy,
    "leaky_relu": lambda a, alpha: FUNCTIONS["where"](FUNCTIONS["greater"](a, 0.0), a, alpha * a),
    "cast": lambda a, dtype: np.frompyfunc(_cast, 1, 1)(a),
    "constant": lambda a, dtype=None: a,
    "identity_n": lambda a: a,
    "ensure_shape": lambda a, shape: a,
    "bias_add": lambda a, b: a + b,
    "add_n": sum,
    "reshape": np.reshape,
    "shape": np.shape,
    "concat": _concat,
    "stack": np.stack,
    "expand_dims": np.expand_dims,
    "squeeze": np.squeeze,
    "gather": lambda a, indices, axis: np.take(a, indices, axis),
    "transpose": np.transpose,
    "cumsum": lambda a, axis: np.cumsum(a, axis),
    "einsum": _einsum,
    "matmul": _matmul,
    "matvec": _matvec,
    "tensordot": lambda a, b, axes: np.tensordot(a, np.asarray(b, object), axes),
}
_TYPES = {name: name for name in ("float16", "bfloat16", "float32", "float64")}
_EVERYTHING = SimpleNamespace(**FUNCTIONS, **_ROWS, **_TYPES)
_EVERYTHING.math = _EVERYTHING.nn = _EVERYTHING.linalg = _EVERYTHING
_EVERYTHING.raw_ops = SimpleNamespace(
    Add=lambda x, y: x + y, Div=lambda x, y: x / y, Inv=lambda x: 1.0 / x
)
TENSORFLOW = _EVERYTHING
#: The functions of the NumPy face, by their names there.
NUMPY = {**FUNCTIONS, "gammaln": FUNCTIONS["lgamma"], "clip": FUNCTIONS["clip_by_value"]}


def evaluate(f: Callable[[Any], Any], x: np.ndarray, arithmetic: Arithmetic) -> np.ndarray:
    """f at x as an array of jets; the cells of x are counted in row-major order."""
    global _arithmetic, _width, _dtype
    _arithmetic, _width, _dtype = arithmetic, x.shape[-1], x.dtype
    jets = [variable(float(number), cell) for cell, number in enumerate(x.reshape(-1))]
    argument = np.empty(len(jets), object)
    argument[:] = jets
    with mp.workdps(DIGITS):
        with np.errstate(all="ignore"):  # Of parameters that are not numbers.
            return np.asarray(f(argument.reshape(x.shape)), object)


def added(parts: Iterable[Part | None]) -> Part:
    """The sum of parts, None for nothing."""
    total = NOTHING
    for part in parts:
        total = _plus(total, part or NOTHING)
    return total
