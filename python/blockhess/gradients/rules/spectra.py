"""Eigenvalues, singular values and their vectors, where some of them are equal, too.

The derivative of a function of the eigenvalues e is V diag(g) V', g its derivative by e. The
derivative of that, in turn, has (g_i - g_j) / (e_i - e_j). TensorFlow derives it by way of V and
multiplies by x / (x**2 + 1e-20) for 1 / x, which is 0 at equal eigenvalues and damped next to them.
Where the function is smooth there, it takes e_i and e_j alike, and the quotient has a limit, which
the second derivatives by e give. What has no limit that could be known is NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import ops
from blockhess.gradients import bodies
from blockhess.gradients.given import is_unused, one_or_nan, with_derivative
from blockhess.gradients.paths import between
from blockhess.gradients.rules.factors import onto_lower_triangle
from blockhess.row_graph.rules import elementwise

# The second derivatives by so many eigenvalues that act on each other are written out.
_MOST_VALUES = 16
_CELL_BY_CELL = frozenset(elementwise.RULES) - {"BiasAdd"} | {
    *("TanhGrad", "SigmoidGrad", "SoftplusGrad", "SqrtGrad", "RsqrtGrad", "ReciprocalGrad"),
    *("Identity", "Cast"),
}
_DECOMPOSITIONS = frozenset({"SelfAdjointEigV2", "SelfAdjointEig", "Eig", "Svd", "Qr"})


def _self_adjoint(op: tf.Operation, values: tf.Tensor, vectors: tf.Tensor | None):
    """V (diag(g) + V' G / (e_j - e_i) off the diagonal) V', onto the triangle that is read."""
    (a,) = op.inputs
    computed = op.get_attr("compute_v")
    e = tf.identity(op.outputs[0])  # A tensor of the graph that is being built, maybe a loop's.
    v = tf.identity(op.outputs[1]) if computed else tf.linalg.eigh(a)[1]
    alone = not computed or is_unused(vectors)
    second = _second_derivatives(values, op.outputs[0]) if alone else lambda: None

    def pull(cotangent: tf.Tensor) -> list[tf.Tensor]:
        inner = _within(v, cotangent, v)
        middle = inner * _difference_quotients(values, e, second())
        return [onto_lower_triangle(_outside(v, middle, v)), tf.linalg.diag_part(inner)]

    result = with_derivative(_outside(v, tf.linalg.diag(values), v), [a, values], pull)
    if not alone:
        turned = tf.matmul(v, vectors, adjoint_a=True)
        turned = (turned - tf.linalg.adjoint(turned)) / 2
        result += _outside(v, turned * _turning(e), v)
    return onto_lower_triangle(result)


def _within(u: tf.Tensor, a: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """U' A V: A in the bases of the vectors."""
    return tf.matmul(u, tf.matmul(a, v), adjoint_a=True)


def _outside(u: tf.Tensor, middle: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """U M V', which undoes `_within` where U and V are square."""
    return tf.matmul(u, tf.matmul(middle, v, adjoint_b=True))


def _differences(e: tf.Tensor) -> tf.Tensor:
    """e_j - e_i in place (i, j)."""
    return e[..., tf.newaxis, :] - e[..., tf.newaxis]


def _sums(e: tf.Tensor) -> tf.Tensor:
    """e_j + e_i in place (i, j)."""
    return e[..., tf.newaxis, :] + e[..., tf.newaxis]


def _largest(e: tf.Tensor) -> tf.Tensor:
    largest = tf.reduce_max(tf.abs(e), -1, keepdims=True)[..., tf.newaxis]
    return tf.stop_gradient(largest)


def _epsilon(dtype: tf.DType) -> float:
    return float(np.finfo(dtype.real_dtype.as_numpy_dtype).eps)


def _off_diagonal(matrix: tf.Tensor) -> tf.Tensor:
    eye = tf.eye(tf.shape(matrix)[-1], dtype=tf.bool)
    return tf.where(eye, tf.zeros([], matrix.dtype), matrix)


def _reciprocals(gaps: tf.Tensor, scale: tf.Tensor, power: float = 0.5) -> tf.Tensor:
    """1 / gap, NaN where the gap is below this power of the rounding error, times the scale."""
    known = tf.abs(gaps) > _epsilon(gaps.dtype) ** power * scale
    return one_or_nan(known, gaps.dtype) / tf.where(known, gaps, tf.ones([], gaps.dtype))


def _difference_quotients(values: tf.Tensor, e: tf.Tensor, second: tf.Tensor | None) -> tf.Tensor:
    """(g_j - g_i) / (e_j - e_i) off the diagonal."""
    limits = None
    if second is not None:
        limits = _sums(tf.linalg.diag_part(second)) - second - tf.linalg.matrix_transpose(second)
    return _off_diagonal(_quotients(_differences(values), _differences(e), limits, values, e))


def _sum_quotients(values: tf.Tensor, s: tf.Tensor, second: tf.Tensor | None) -> tf.Tensor:
    """(g_j + g_i) / (s_j + s_i), and g_j / s_j on the diagonal."""
    limits = None if second is None else _sums(tf.linalg.diag_part(second))
    return _quotients(_sums(values), _sums(s), limits, values, s)


def _quotients(
    tops: tf.Tensor, gaps: tf.Tensor, twice: tf.Tensor | None, values: tf.Tensor, e: tf.Tensor
) -> tf.Tensor:
    """top / gap, and half of `twice` where the gap is small, and the top as small.

    This limit is off by the square of the gap, a quotient by rounding divided by the gap.
    """
    if twice is None:
        return tops * _reciprocals(gaps, _largest(e))
    epsilon, scale = _epsilon(e.dtype), _largest(e)
    rounding = 64 * epsilon * (_largest(values) + tf.abs(twice) * scale)
    near = tf.abs(gaps) <= epsilon**0.4 * scale
    near &= tf.abs(tops) <= rounding + tf.abs(twice * gaps)
    return tf.where(near, twice / 2, tops / tf.where(near, tf.ones([], gaps.dtype), gaps))


def _second_derivatives(values: tf.Tensor, e: tf.Tensor) -> Callable[[], tf.Tensor | None]:
    """Gives the derivatives of g_i by e_j, (..., n, n), or None where they cannot be had.

    They serve where g depends on x by way of these eigenvalues alone: another decomposition of the
    same matrix, which a call or a loop may hide, has a part in what makes f smooth.
    """
    known: dict[tf.Graph, tf.Tensor | None] = {}

    def second() -> tf.Tensor | None:
        graph = tf.compat.v1.get_default_graph()
        if graph not in known:
            known[graph] = _jacobian(values, e)
        return known[graph]

    return second


def _jacobian(values: tf.Tensor, e: tf.Tensor) -> tf.Tensor | None:
    if e.dtype.is_complex or not _depends_on_alone(values, e):
        return None
    try:
        if _each_on_its_own(values, e):
            return tf.linalg.diag(_by(values, e))
        n = e.shape[-1]
        if n is None or n > _MOST_VALUES:
            return None
        return tf.stack([_by(value, e) for value in tf.unstack(values, n, axis=-1)], -2)
    except (LookupError, NotImplementedError, TypeError, ValueError):
        return None  # An operation has no derivative of such an order.


def _by(values: tf.Tensor, e: tf.Tensor) -> tf.Tensor:
    (gradient,) = tf.gradients(values, e, unconnected_gradients="zero")
    return tf.convert_to_tensor(gradient)


def _each_on_its_own(values: tf.Tensor, e: tf.Tensor) -> bool:
    """Whether g_i depends on e_i only."""
    return all(step.op.type in _CELL_BY_CELL for step in between([e], [values]))


def _depends_on_alone(values: tf.Tensor, e: tf.Tensor) -> bool:
    """Whether nothing else that `values` are computed from may hold eigenvalues of x."""
    if values.graph is not e.graph:
        return False
    pending, seen = [values], {e.ref(), values.ref()}
    while pending:
        op = pending.pop().op
        if op.type in _DECOMPOSITIONS or bodies.calls_functions(op):
            return False
        for tensor in op.inputs:
            if tensor.ref() not in seen:
                seen.add(tensor.ref())
                pending.append(tensor)
    return True


def _turning(e: tf.Tensor) -> tf.Tensor:
    """1 / (e_j - e_i) off the diagonal: how fast a vector turns towards another.

    Where such terms cancel, as in V h(e) V', second derivatives lose the digits of its square.
    """
    return _off_diagonal(_reciprocals(_differences(e), _largest(e), 0.4))


def _singular(op: tf.Operation, values: tf.Tensor, *vectors: tf.Tensor):
    """U diag(g) V' for the values, and what TensorFlow has for the vectors."""
    (a,), s = op.inputs, tf.identity(op.outputs[0])
    values = tf.cast(tf.math.real(values), a.dtype)  # TensorFlow lets an imaginary part through.
    square = a.shape[-2] is not None and a.shape[-2] == a.shape[-1]
    thin = op.get_attr("compute_uv") and (square or not op.get_attr("full_matrices"))
    u, v = map(tf.identity, op.outputs[1:]) if thin else tf.linalg.svd(a)[1:]
    if not op.get_attr("compute_uv") or all(map(is_unused, vectors)):
        return _of_singular_values(a, s, u, v, values, _second_derivatives(values, op.outputs[0]))
    if a.dtype.is_complex or not thin:
        known = tf.reduce_all(tf.math.is_finite(tf.abs(_damped(s))), [-2, -1], keepdims=True)
        return ops.gradient_registry.lookup(op.type)(op, values, *vectors) * one_or_nan(
            known, a.dtype
        )
    of_values = _of_singular_values(a, s, u, v, values, lambda: None)
    return of_values + _of_singular_vectors(s, u, v, *vectors, square=square)


def _of_singular_values(
    a: tf.Tensor,
    s: tf.Tensor,
    u: tf.Tensor,
    v: tf.Tensor,
    values: tf.Tensor,
    second: Callable[[], tf.Tensor | None],
) -> tf.Tensor:
    """U diag(g) V'. Singular values count as pairs of eigenvalues s and -s, with g and -g:
    (g_j + g_i) / (s_j + s_i) stands beside the difference quotient."""

    def pull(cotangent: tf.Tensor) -> list[tf.Tensor]:
        inner = _within(u, cotangent, v)
        even, odd = (inner + tf.linalg.adjoint(inner)) / 2, (inner - tf.linalg.adjoint(inner)) / 2
        ratios = _sum_quotients(values, s, second())
        own = tf.linalg.diag_part(ratios)[..., tf.newaxis, :]
        if not a.dtype.is_complex:
            ratios = _off_diagonal(ratios)
        middle = even * _difference_quotients(values, s, second()) + odd * ratios
        result = _outside(u, middle, v)
        if a.shape[-1] is None or a.shape[-1] != a.shape[-2]:
            left = tf.matmul(cotangent, v) - tf.matmul(u, inner)
            right = tf.matmul(cotangent, u, adjoint_a=True) - tf.matmul(v, inner, adjoint_b=True)
            result += tf.matmul(left * own, v, adjoint_b=True)
            result += tf.matmul(u * own, right, adjoint_b=True)
        return [result, tf.linalg.diag_part(even)]

    return with_derivative(_outside(u, tf.linalg.diag(values), v), [a, values], pull)


def _of_singular_vectors(
    s: tf.Tensor, u: tf.Tensor, v: tf.Tensor, of_u: tf.Tensor, of_v: tf.Tensor, *, square: bool
) -> tf.Tensor:
    in_u, in_v = tf.matmul(u, of_u, transpose_a=True), tf.matmul(v, of_v, transpose_a=True)
    turning = _turning(s) * _off_diagonal(_reciprocals(_sums(s), _largest(s)))
    turned_u = turning * (in_u - tf.linalg.matrix_transpose(in_u))
    turned_v = turning * (in_v - tf.linalg.matrix_transpose(in_v))
    result = _outside(u, turned_u * s[..., tf.newaxis, :] + s[..., tf.newaxis] * turned_v, v)
    if not square:
        inverse = _reciprocals(s[..., tf.newaxis, :], _largest(s))
        result += tf.matmul((of_u - tf.matmul(u, in_u)) * inverse, v, transpose_b=True)
        result += tf.matmul(u * inverse, of_v - tf.matmul(v, in_v), transpose_b=True)
    return result


def _damped(s: tf.Tensor) -> tf.Tensor:
    """NaN where TensorFlow's x / (x**2 + 1e-20), of s and of differences of s**2, is not 1 / x."""
    scale = tf.maximum(_largest(s) ** 2, 1e-6 / _epsilon(s.dtype) ** 0.5)
    squares = _reciprocals(_differences(tf.square(s)), scale)
    return _off_diagonal(squares) + _reciprocals(s, tf.sqrt(scale)[..., 0])[..., tf.newaxis]


def _general(op: tf.Operation, values: tf.Tensor, vectors: tf.Tensor | None):
    """inv(V)' (diag(g) + what turns the vectors) V', NaN where eigenvalues or vectors coincide."""
    (a,), e = op.inputs, op.outputs[0]
    computed = op.get_attr("compute_v")
    v = op.outputs[1] if computed else tf.linalg.eig(a)[1]
    middle = tf.linalg.diag(values)
    if computed and not is_unused(vectors):
        inner = tf.matmul(v, vectors, adjoint_a=True)
        lengths = tf.linalg.diag(tf.cast(tf.math.real(tf.linalg.diag_part(inner)), v.dtype))
        inner -= tf.matmul(tf.matmul(v, v, adjoint_a=True), lengths)
        middle += tf.math.conj(_turning(e)) * inner
    usable = tf.math.is_finite(tf.math.real(tf.linalg.slogdet(v)[1]))[..., tf.newaxis, tf.newaxis]
    v = tf.where(usable, v, tf.eye(tf.shape(v)[-1], dtype=v.dtype))
    result = tf.linalg.solve(v, tf.matmul(middle, v, adjoint_b=True), adjoint=True)
    result *= one_or_nan(usable, v.dtype)
    return result if a.dtype.is_complex else tf.math.real(result)


def _bisection(op: tf.Operation):
    """Refuses the bounds from which tf.linalg.eigh_tridiagonal starts: gradients reach x through
    them alone, though the eigenvalues that it finds between them do not depend on them."""
    if "compute_eigenvalues/" not in op.name:
        return None

    def refuse(*_: object) -> None:
        raise LookupError(
            f"tf.linalg.eigh_tridiagonal ('{op.name}') finds eigenvalues by comparisons, which "
            "have no derivative; tf.linalg.eigvalsh of the whole matrix has"
        )

    return refuse


GRADIENTS = {"SelfAdjointEigV2": _self_adjoint, "Svd": _singular, "Eig": _general}
PATTERNS = {"BroadcastTo": _bisection}
