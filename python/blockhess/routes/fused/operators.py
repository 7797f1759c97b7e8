"""The blocks as linear operators of the structure that the terms give them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from blockhess import ops
from blockhess.expressions import ZERO, Expression, Variable, differentiate
from blockhess.expressions.sign_rules import (
    NEGATIVE,
    NOT_NEGATIVE,
    NOT_POSITIVE,
    POSITIVE,
    Signs,
    product_of,
    sum_of,
)
from blockhess.expressions.signs import signs
from blockhess.linalg import (
    LinearOperatorDiagonalPlusLowRank,
    LinearOperatorScaledPlusRankOne,
)
from blockhess.routes.fused.leaves import S_ARGUMENT, X
from blockhess.routes.route import Route, full_operator

# More nonlinear links than this take a full matrix: the low-rank operator solves a system of twice
# the rank in every row, unrolled.
MOST_LINKS = 4


class _Definiteness(NamedTuple):
    """What is proved of all blocks: True or None."""

    is_positive_definite: bool | None
    is_non_singular: bool | None


NOTHING_PROVED = _Definiteness(None, None)


def operator_of_terms(
    route: Route, rows: tf.Tensor, every: tuple[ops.Term, ...]
) -> tf.linalg.LinearOperator:
    """The sum of psi' (S + diag(phi'')) + psi'' u u' over the terms, with the structure it has.

    `rows` is the x of the route as the terms read it, (N, K).
    """
    K, proved = int(route.x.shape[-1]), _definiteness(every)
    terms = [t for t in every if _is_curved(t) or t.S is not None or _is_linked(t)]
    links = sum(_is_linked(term) for term in terms)
    if links <= min(MOST_LINKS, K // 4):
        if all(term.S is None for term in terms):
            return _diagonal_and_links(route, rows, terms or every, proved)
        if len(terms) == 1 and not _is_curved(terms[0]) and terms[0].S.shape.rank == 2:
            return _scaled(route, rows, terms[0])
    return full_operator(route.blocks(), **proved._asdict())


def _diagonal_and_links(
    route: Route, rows: tf.Tensor, terms: Sequence[ops.Term], proved: _Definiteness
) -> tf.linalg.LinearOperator:
    parts = [_parts(rows, term, "diag") for term in terms]
    diagonals = [part.slope[:, tf.newaxis] * part.diagonal for part in parts]
    diagonal = route.with_rows(functools.reduce(tf.add, diagonals))
    linked = [part for part, term in zip(parts, terms, strict=True) if _is_linked(term)]
    if not linked:
        return tf.linalg.LinearOperatorDiag(diagonal, is_self_adjoint=True, **proved._asdict())
    return LinearOperatorDiagonalPlusLowRank(
        diagonal,
        route.with_rows(tf.stack([part.u for part in linked], -1)),
        route.with_rows(tf.stack([part.weight for part in linked], -1)),
        **proved._asdict(),
    )


def _scaled(route: Route, rows: tf.Tensor, term: ops.Term) -> LinearOperatorScaledPlusRankOne:
    part = _parts(rows, term, "none")
    S = 0.5 * (term.S + tf.transpose(term.S))
    by_row = (route.with_rows(t) for t in (part.slope, part.u, part.weight))
    return LinearOperatorScaledPlusRankOne(S, *by_row)


class _Parts(NamedTuple):
    """What makes a block: psi' (N,); the diagonal of S + diag(phi'') or None; u (N, K) and
    psi'' (N,)."""

    slope: tf.Tensor
    diagonal: tf.Tensor | None
    u: tf.Tensor
    weight: tf.Tensor


def _parts(rows: tf.Tensor, term: ops.Term, layout: str) -> _Parts:
    inner = ops.Term(term.phi, term.phi_parameters, term.S, term.b, S_ARGUMENT, ())
    s, u, diagonal = ops.terms(rows, [inner], layout=layout, want_value=True, want_gradient=True)
    slope = differentiate(term.psi, S_ARGUMENT)
    parameters = {variable: _one_a_row(p, s) for variable, p in term.psi_parameters}
    derivatives = [slope, differentiate(slope, S_ARGUMENT)]
    slope, weight = ops.map(derivatives, {S_ARGUMENT: s, **parameters})
    return _Parts(slope, diagonal, u, weight)


def _is_curved(term: ops.Term) -> bool:
    return term.phi is not None and _second(term.phi, X) is not ZERO


def _is_linked(term: ops.Term) -> bool:
    return _second(term.psi, S_ARGUMENT) is not ZERO


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
