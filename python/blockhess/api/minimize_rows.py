"""Many small minimisation problems at once, one a row."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from blockhess.api.arguments import checked_x
from blockhess.api.request import Request, interned
from blockhess.eager import call
from blockhess.eager.autograph import converting_only_f
from blockhess.eager.computation import Computed
from blockhess.routes.route import Route

# A step is taken when the value falls by this part of what the slope predicts (Armijo's condition;
# Nocedal and Wright, Numerical Optimization, 2006, section 3.1).
SUFFICIENT_DECREASE = 1e-4
# The next length to try is where the parabola through the two values and the slope has its minimum,
# but within these parts of the last length (ibid., section 3.5).
SHORTEST, LONGEST = 0.1, 0.5
# A line search tries so many lengths at most, each at most half the one before: a step where the
# block is zero may be 1e16 times too long.
MOST_TRIALS = 60
DTYPES = (tf.float32, tf.float64)


class RowStatus(enum.IntEnum):
    """How the minimisation of a row ended."""

    CONVERGED = 0
    """The gradient is within the tolerance."""
    MAX_ITERATIONS = 1
    """The gradient is not within the tolerance after all iterations."""
    NO_DECREASE = 2
    """The gradient is not within the tolerance, but in this dtype no step decreases the value."""
    NOT_FINITE = 3
    """The value or a derivative at the row's x is NaN or Inf."""


class RowMinima(NamedTuple):
    """What `minimize_rows` returns, each a tensor with an element a row.

    Attributes:
      x: (N, K), the minimum, or where the row ended.
      value: (N,), f there.
      gradient_norm: (N,), the largest component of the gradient there by magnitude.
      iterations: (N,), int32, the Newton steps taken.
      status: (N,), int32, a `RowStatus`.
    """

    x: tf.Tensor
    value: tf.Tensor
    gradient_norm: tf.Tensor
    iterations: tf.Tensor
    status: tf.Tensor


@converting_only_f
def minimize_rows(
    f: Callable[..., Any],
    x0: Any,
    *,
    data: Sequence[Any] = (),
    tolerance: float | None = None,
    max_iterations: int = 100,
    damping: float = 0.0,
    route: str = "auto",
    coupling: str = "check",
) -> RowMinima:
    """A local minimum of f for each row of x, from x0, by Newton's method with a line search.

    All rows take their steps together; those that have ended are left out of what follows, so that
    an iteration costs what the rows still under way cost. A step is Newton's; where a block is
    indefinite its eigenvalues are replaced by their magnitudes (Gill, Murray and Wright, Practical
    Optimization, 1981, section 4.4.2.1; not the cheaper modification of `newton_direction`, whose
    steps may be too long). It is shortened until the value decreases enough (Armijo's condition;
    Nocedal and Wright, Numerical Optimization, 2006, sections 3.1 and 3.5). XLA does not compile
    this function, for the number of rows under way changes.

    x and the value are differentiable, up to three times, with respect to data and to what f
    captures, by the implicit function theorem: dx = -H^-1 dg at the minimum, as precisely as x is
    one.

    Args:
      f: takes x of shape (n, K) and, beside it, the same n rows of every tensor of `data`, for any
        n up to N, and returns one value a row, (n,) or (n, 1), in the order of the rows. What it
        captures serves all rows alike; what differs from row to row belongs into `data`.
      x0: where to start, shape (N, K), float32 or float64.
      data: tensors of shape (N, ...).
      tolerance: a row has converged when no component of its gradient is larger. The default is the
        square root of the dtype's epsilon: 3.5e-4 in float32, 1.5e-8 in float64.
      max_iterations: how many steps a row takes at most.
      damping: added to the diagonal of each block.
      route: as in `hessian`.
      coupling: "check" or "assume_independent", as in `hessian`.

    Returns:
      RowMinima.

    Raises:
      TypeError: x0 is not float32 or float64.
      ValueError: x0 or an element of data has another shape; f's result is not one value a row, or
        does not follow the number of rows; an option is out of its range; the named route cannot
        serve f.
      tf.errors.InvalidArgumentError: at run time, rows of f interact, row data were captured, or
        the values of f stand in another order than the rows of x.

    Examples:
      >>> a = tf.constant([[1.0], [2.0], [3.0]])
      >>> minima = blockhess.minimize_rows(
      ...     lambda x, a: tf.reduce_sum(tf.exp(x) - a * x, 1), tf.zeros([3, 1]), data=[a]
      ... )
      >>> np.round(np.exp(minima.x.numpy()), 3).ravel().tolist()
      [1.0, 2.0, 3.0]
    """
    x = checked_x(x0)
    if x.dtype not in DTYPES:
        raise TypeError(f"x0 has dtype {x.dtype.name}; expected float32 or float64")
    if x.shape.rank != 2:
        raise ValueError(f"x0 has shape {x.shape}; expected (N, K)")
    if coupling == "exact":
        raise ValueError(
            "coupling is 'exact'; rows that interact have no minima of their own: expected 'check' "
            "or 'assume_independent'"
        )
    tensors = [tf.convert_to_tensor(tensor) for tensor in data]
    for i, tensor in enumerate(tensors):
        if not tensor.shape[:1].is_compatible_with(x.shape[:1]):
            raise ValueError(
                f"data[{i}] has shape {tensor.shape}; expected as many rows as x0, {x.shape}"
            )
    if tolerance is None:
        tolerance = float(np.sqrt(np.finfo(x.dtype.as_numpy_dtype).eps))
    limits = _Limits.checked(float(tolerance), int(max_iterations), float(damping), x.dtype)
    return call.computed(f, x, _minimization(route, coupling), *limits, *tensors)


@interned
def _minimization(route: str, coupling: str) -> Minimization:
    return Minimization(Request(Route.newton, route, coupling))


class _Limits(NamedTuple):
    """The limits as scalar tensors, so that one trace of f serves all values of them."""

    tolerance: tf.Tensor
    max_iterations: tf.Tensor
    damping: tf.Tensor

    @classmethod
    def checked(
        cls, tolerance: float, max_iterations: int, damping: float, dtype: tf.DType
    ) -> _Limits:
        limits = cls(tolerance, max_iterations, damping)
        for name, limit in limits._asdict().items():
            if not limit >= 0:
                raise ValueError(f"{name} is {limit}; expected a number >= 0")
        return cls(
            tf.constant(tolerance, dtype),
            tf.constant(min(max_iterations, tf.int32.max - 1)),
            tf.constant(damping, dtype),
        )


@dataclass(frozen=True, eq=False)
class Minimization:
    """Takes f, x and its arguments to the minima of all rows; `steps` asks for Newton steps."""

    steps: Request

    def __call__(self, f: Callable[..., Any], x: tf.Tensor, *arguments: tf.Tensor) -> Computed:
        """The minima; `arguments` are the limits, then the data."""
        limits, data = _Limits(*arguments[:3]), arguments[3:]
        return Computed(self._minima(f, x, limits, data), is_taped_rightly=False)

    def _minima(
        self, f: Callable[..., Any], x: tf.Tensor, limits: _Limits, data: Sequence[tf.Tensor]
    ) -> RowMinima:
        data = _with_rows_of(x, data)
        if x.shape[1] == 0:
            return _of_points(x, tf.reshape(_one_a_row(f(x, *data), x), [-1]))
        ended = _Ended.empty(x)
        under_way = _UnderWay.all_rows(x, data)

        def step(iteration, under_way, ended):
            return (iteration + 1, *self._iterated(f, limits, iteration, under_way, ended))

        _, _, ended = tf.while_loop(
            # The loop runs once in any case: without rows the results still have their shapes.
            lambda iteration, rows, _: (iteration == 0) | (tf.size(rows.row) > 0),
            step,
            (tf.zeros([], tf.int32), under_way, ended),
            shape_invariants=(tf.TensorShape([]), under_way.shapes(), ended.shapes()),
            maximum_iterations=limits.max_iterations + 1,
        )
        minima = tf.nest.map_structure(tf.stop_gradient, ended.in_order(tf.shape(x)[0], x.shape))
        return self._with_derivatives(f, minima, data)

    def _with_derivatives(
        self, f: Callable[..., Any], minima: RowMinima, data: Sequence[tf.Tensor]
    ) -> RowMinima:
        """The minima, x with the derivatives of two more Newton steps, and the value at that x.

        One step from a constant has the first derivatives of the minimum; each further one doubles
        the order to which they are right.
        """
        x, zero = minima.x, tf.zeros([], minima.x.dtype)
        for _ in range(2):
            rows = _UnderWay.all_rows(x, data)
            step = self._route_of_rows(f, rows).newton(zero, "modify").direction
            step = tf.where(tf.math.is_finite(step), step, zero)
            x += step - tf.stop_gradient(step)
        return minima._replace(x=x, value=tf.reshape(_one_a_row(f(x, *data), x), [-1]))

    def _iterated(
        self,
        f: Callable[..., Any],
        limits: _Limits,
        iteration: tf.Tensor,
        rows: _UnderWay,
        ended: _Ended,
    ) -> tuple[_UnderWay, _Ended]:
        """One iteration: rows that are at their end are written to `ended`, the others move."""
        route = self._route_of_rows(f, rows)
        value, gradient, direction = route.newton(
            limits.damping, "nan", with_value_and_gradient=True
        )
        gradient = route.in_order(gradient)
        indefinite = tf.where(~tf.math.is_finite(tf.reduce_sum(direction, 1)))[:, 0]
        direction = tf.cond(
            tf.size(indefinite) > 0,
            lambda: self._descending(f, limits.damping, rows, gradient, direction, indefinite),
            lambda: direction,
        )
        norm = tf.reduce_max(tf.abs(gradient), 1)
        slope = tf.reduce_sum(gradient * direction, 1)
        status = _status(limits, iteration, rows, value, norm, slope)
        ended = ended.write(iteration, rows, value, norm, status)
        going = tf.where(status < 0)[:, 0]
        rows, direction = rows.pick(going), tf.gather(direction, going)
        value, slope, norm = (tf.gather(part, going) for part in (value, slope, norm))
        length = _line_search(f, rows, direction, value, slope)
        step = length[:, tf.newaxis] * direction
        return rows._replace(x=rows.x + step, norm=norm, moved=length > 0), ended

    def _route_of_rows(self, f: Callable[..., Any], rows: _UnderWay) -> Route:
        (route,) = self.steps.routes_of(lambda x: _one_a_row(f(x, *rows.data), x), rows.x)
        return route

    def _descending(
        self,
        f: Callable[..., Any],
        damping: tf.Tensor,
        rows: _UnderWay,
        gradient: tf.Tensor,
        direction: tf.Tensor,
        which: tf.Tensor,
    ) -> tf.Tensor:
        """`direction`, but in the rows `which`, of indefinite blocks H, with |H| for H.

        |H| has the eigenvalues of H by magnitude (Gill, Murray and Wright, Practical Optimization,
        1981, section 4.4.2.1). Steps so modified are no longer than the curvature allows; those of
        a modified Cholesky factorisation may be, and then leave the basin of the minimum.
        """
        route = self._route_of_rows(f, rows.pick(which))
        blocks = route.blocks()
        dtype, K = blocks.dtype, tf.shape(blocks)[-1]
        finite = tf.reduce_all(tf.math.is_finite(blocks), [1, 2], keepdims=True)
        blocks = tf.where(finite, blocks, 0) + damping * tf.eye(K, dtype=dtype)
        eigenvalues, eigenvectors = tf.linalg.eigh(blocks)
        magnitudes = tf.abs(eigenvalues)
        largest = tf.reduce_max(magnitudes, 1, keepdims=True)
        least = tf.where(largest > 0, np.finfo(dtype.as_numpy_dtype).eps * largest, 1)
        along = tf.linalg.matvec(eigenvectors, tf.gather(gradient, which), transpose_a=True)
        along = tf.where(finite[:, 0], along, np.nan) / tf.maximum(magnitudes, least)
        steps = -tf.linalg.matvec(eigenvectors, along)
        return tf.tensor_scatter_nd_update(direction, which[:, tf.newaxis], steps)


def _status(limits: _Limits, iteration, rows, value, norm, slope) -> tf.Tensor:
    """A `RowStatus` for each row, -1 for those that go on."""
    eps = float(np.finfo(rows.x.dtype.as_numpy_dtype).eps)
    # A Newton step would gain half the slope. Steps that gain less than rounding are worth taking
    # for as long as they reduce the gradient.
    at_its_limit = (-slope <= 2 * eps * tf.abs(value)) & (norm > 0.5 * rows.norm)
    status = tf.fill(tf.shape(norm), -1)
    for applies, code in (
        (iteration >= limits.max_iterations, RowStatus.MAX_ITERATIONS),
        (at_its_limit | ~rows.moved, RowStatus.NO_DECREASE),
        (norm <= limits.tolerance, RowStatus.CONVERGED),
        (~tf.math.is_finite(value + norm + slope), RowStatus.NOT_FINITE),
    ):
        status = tf.where(applies, tf.constant(int(code)), status)
    return status


def _of_points(x: tf.Tensor, value: tf.Tensor) -> RowMinima:
    """The minima of rows of no columns: each is at its minimum, the only point there is."""
    converged, not_finite = (
        tf.constant(int(status)) for status in (RowStatus.CONVERGED, RowStatus.NOT_FINITE)
    )
    status = tf.where(tf.math.is_finite(value), converged, not_finite)
    return RowMinima(x, value, tf.zeros_like(value), tf.zeros_like(status), status)


class _UnderWay(NamedTuple):
    """The rows that have not ended: `row` says which they are.

    `norm` is that of the gradient one step ago; `moved` says whether that step changed x.
    """

    row: tf.Tensor
    x: tf.Tensor
    norm: tf.Tensor
    moved: tf.Tensor
    data: tuple[tf.Tensor, ...]

    @classmethod
    def all_rows(cls, x: tf.Tensor, data: Sequence[tf.Tensor]) -> _UnderWay:
        N = tf.shape(x)[0]
        return cls(
            tf.range(N),
            x,
            tf.fill([N], tf.constant(np.inf, x.dtype)),
            tf.fill([N], True),
            tuple(data),
        )

    def pick(self, which: tf.Tensor) -> _UnderWay:
        return tf.nest.map_structure(lambda part: tf.gather(part, which), self)

    def shapes(self) -> _UnderWay:
        return tf.nest.map_structure(lambda part: tf.TensorShape([None, *part.shape[1:]]), self)


class _Ended(NamedTuple):
    """For each iteration the rows that ended in it, and how."""

    row: tf.TensorArray
    x: tf.TensorArray
    value: tf.TensorArray
    norm: tf.TensorArray
    iterations: tf.TensorArray
    status: tf.TensorArray

    @classmethod
    def empty(cls, x: tf.Tensor) -> _Ended:
        def array(dtype: tf.DType, *columns: int | None) -> tf.TensorArray:
            return tf.TensorArray(
                dtype, 0, dynamic_size=True, infer_shape=False, element_shape=[None, *columns]
            )

        return cls(
            array(tf.int32),
            array(x.dtype, x.shape[1]),
            array(x.dtype),
            array(x.dtype),
            array(tf.int32),
            array(tf.int32),
        )

    def shapes(self) -> _Ended:
        return tf.nest.map_structure(lambda _: tf.TensorShape(None), self)

    def write(self, iteration, rows: _UnderWay, value, norm, status) -> _Ended:
        which = tf.where(status >= 0)[:, 0]
        parts = (rows.row, rows.x, value, norm, tf.fill(tf.shape(rows.row), iteration), status)
        written = [
            array.write(iteration, tf.gather(part, which))
            for array, part in zip(self, parts, strict=True)
        ]
        return _Ended(*written)

    def in_order(self, N: tf.Tensor, shape: tf.TensorShape) -> RowMinima:
        row, *parts = (array.concat() for array in self)
        place = tf.scatter_nd(row[:, tf.newaxis], tf.range(N), [N])
        x, *columns = (tf.gather(part, place) for part in parts)
        return RowMinima(
            tf.ensure_shape(x, shape), *(tf.ensure_shape(c, shape[:1]) for c in columns)
        )


def _with_rows_of(x: tf.Tensor, data: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The data; the run fails where it has another number of rows than x."""
    checks = [
        tf.debugging.assert_equal(
            tf.shape(tensor)[:1], tf.shape(x)[:1], f"data[{i}] has another number of rows than x0"
        )
        for i, tensor in enumerate(data)
    ]
    with tf.control_dependencies(checks):
        return [tf.identity(tensor) for tensor in data]


def _line_search(
    f: Callable[..., Any],
    rows: _UnderWay,
    direction: tf.Tensor,
    value: tf.Tensor,
    slope: tf.Tensor,
) -> tf.Tensor:
    """The step lengths along the direction, (n,): at most 1, and 0 where none decreases f.

    A trial takes only the rows for which all before it failed.
    """
    eps = float(np.finfo(rows.x.dtype.as_numpy_dtype).eps)

    def body(trials, which, t, length):
        tried = rows.pick(which)
        x = tried.x + t[:, tf.newaxis] * tf.gather(direction, which)
        promised = t * tf.gather(slope, which)
        before = tf.gather(value, which)
        gained = tf.reshape(_one_a_row(f(x, *tried.data), x), [-1]) - before
        # Values are known to a rounding or two, which near the minimum hides what a step gains.
        accepted = gained <= SUFFICIENT_DECREASE * promised + 2 * eps * tf.abs(before)
        taken, left = tf.where(accepted)[:, 0], tf.where(~accepted)[:, 0]
        places = tf.gather(which, taken)[:, tf.newaxis]
        length = tf.tensor_scatter_nd_update(length, places, tf.gather(t, taken))
        part = -promised / (2 * (gained - promised))
        part = tf.where(tf.math.is_finite(gained), part, tf.cast(SHORTEST, part.dtype))
        t = t * tf.clip_by_value(part, SHORTEST, LONGEST)
        return trials + 1, tf.gather(which, left), tf.gather(t, left), length

    n = tf.shape(rows.row)[:1]
    any_number = tf.TensorShape([None])
    *_, length = tf.while_loop(
        lambda trials, which, *_: (tf.size(which) > 0) & (trials < MOST_TRIALS),
        body,
        (0, tf.range(n[0]), tf.ones(n, rows.x.dtype), tf.zeros(n, rows.x.dtype)),
        shape_invariants=(tf.TensorShape([]), any_number, any_number, any_number),
    )
    return length


def _one_a_row(y: Any, x: tf.Tensor) -> tf.Tensor:
    """f's result in the type of x; fails where it has not one value a row of x."""
    y = tf.convert_to_tensor(y)
    follows = y.shape.rank in (1, 2) and y.shape[0] in (None, x.shape[0])
    if not follows or y.shape[1:] not in ([], [1]):
        raise ValueError(
            f"f's result has shape {y.shape} for x of shape {x.shape}; expected one value a row, "
            "(n,) or (n, 1), for any number n of rows: what is another for each row belongs into "
            "`data`, of which f is given the same rows"
        )
    n = tf.shape(x)[0]
    message = (
        "f's result has another number of rows than x: what is another for each row belongs into "
        "`data`"
    )
    with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(y)[0], n, message)]):
        return tf.cast(y, x.dtype)
