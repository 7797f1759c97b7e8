"""The blocks as linear operators: diagonal, diagonal plus low rank, or full, by the terms."""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf

from blockhess import ops
from blockhess.expressions import ZERO, Expression, Variable, differentiate
from blockhess.expressions.sign import (
    NEGATIVE,
    NOT_NEGATIVE,
    NOT_POSITIVE,
    POSITIVE,
    Signs,
    product_of,
    signs,
    sum_of,
)
from blockhess.linalg import LinearOperatorDiagonalPlusLowRank
from blockhess.routes.autodiff_route import AutodiffRoute
from blockhess.routes.fused.leaves import S_ARGUMENT, X
from blockhess.routes.fused.route import FusedRoute

# A system of twice the rank is solved in every row, unrolled.
MOST_LINKS = 4


class _Definiteness(NamedTuple):
    """What is proved of all blocks: True or None."""

    is_positive_definite: bool | None
    is_non_singular: bool | None


NOTHING_PROVED = _Definiteness(None, None)


def full_operator(
    route: FusedRoute | AutodiffRoute, proved: _Definiteness = NOTHING_PROVED
) -> tf.linalg.LinearOperatorFullMatrix:
    """The blocks themselves; float32 for 16 bits, in which TensorFlow solves nothing."""
    blocks = route.derivatives(layout="dense", value=False, gradient=False).hessian
    if blocks.dtype.size < tf.float32.size:
        blocks = tf.cast(blocks, tf.float32)
    return tf.linalg.LinearOperatorFullMatrix(blocks, is_self_adjoint=True, **proved._asdict())


def operator_of_terms(route: FusedRoute) -> tf.linalg.LinearOperator:
    """The operator that the terms allow, sum of psi' diag(phi'') and psi'' u u' over them."""
    terms, K = route.terms, int(route.x.shape[-1])
    links = sum(_second(term.psi, S_ARGUMENT) is not ZERO for term in terms)
    proved = _definiteness(terms)
    if any(term.S is not None for term in terms) or links > min(MOST_LINKS, K // 4):
        return full_operator(route, proved)
    parts = [_parts(route.rows, term) for term in terms]
    diagonal = functools.reduce(tf.add, [part.diagonal for part in parts])
    diagonal = route.with_rows(diagonal)
    if links == 0:
        return tf.linalg.LinearOperatorDiag(diagonal, is_self_adjoint=True, **proved._asdict())
    linked = [part for part in parts if part.weight is not None]
    return LinearOperatorDiagonalPlusLowRank(
        diagonal,
        route.with_rows(tf.stack([part.u for part in linked], -1)),
        route.with_rows(tf.stack([part.weight for part in linked], -1)),
        **proved._asdict(),
    )


class _Parts(NamedTuple):
    """diagonal (N, K), psi' phi''; u (N, K) and weight (N,), psi'', None where that vanishes."""

    diagonal: tf.Tensor
    u: tf.Tensor | None
    weight: tf.Tensor | None


def _parts(rows: tf.Tensor, term: ops.Term) -> _Parts:
    first = differentiate(term.psi, S_ARGUMENT)
    second = differentiate(first, S_ARGUMENT)
    is_linked = second is not ZERO
    inner = ops.Term(term.phi, term.phi_parameters, None, term.b, S_ARGUMENT, ())
    s, u, phi2 = ops.terms(rows, [inner], layout="diag", want_value=True, want_gradient=is_linked)
    one_a_row = {variable: _one_a_row(p, s) for variable, p in term.psi_parameters}
    slope, *weight = ops.map(
        [first, second] if is_linked else [first], {S_ARGUMENT: s, **one_a_row}
    )
    return _Parts(slope[:, tf.newaxis] * phi2, u, weight[0] if is_linked else None)


def _one_a_row(parameter: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """A parameter of psi, scalar, (N,) or (N, 1), as (N,)."""
    return tf.broadcast_to(tf.reshape(tf.cast(parameter, s.dtype), [-1]), tf.shape(s))


def _second(function: Expression, argument: Variable) -> Expression:
    return differentiate(differentiate(function, argument), argument)


def _definiteness(terms: tuple[ops.Term, ...]) -> _Definiteness:
    """What the signs of psi', phi'' and psi'' prove; of S nothing is known."""
    if any(term.S is not None for term in terms):
        return NOTHING_PROVED
    diagonal = sum_of(*(_diagonal_signs(term) for term in terms))
    update = frozenset().union(*(signs(_second(t.psi, S_ARGUMENT), _known(t)) for t in terms))
    positive = diagonal == POSITIVE and update <= NOT_NEGATIVE
    negative = diagonal == NEGATIVE and update <= NOT_POSITIVE
    return _Definiteness(positive or None, positive or negative or None)


def _diagonal_signs(term: ops.Term) -> Signs:
    curvature = ZERO if term.phi is None else _second(term.phi, X)
    slope = differentiate(term.psi, S_ARGUMENT)
    return product_of(signs(slope, _known(term)), signs(curvature))


def _known(term: ops.Term) -> dict[Variable, Signs]:
    """The signs of s, where it is a sum of phi alone."""
    if term.phi is None or term.b is not None or term.S is not None:
        return {}
    return {S_ARGUMENT: sum_of(signs(term.phi), signs(term.phi))}
