"""From the form of f to terms of the formula: psi(s), with s an affine combination of row sums."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import ONE, ZERO, Call, Expression, Variable
from blockhess.routes.fused.leaves import (
    S_ARGUMENT,
    Leaves,
    LinearSum,
    NotFused,
    QuadraticSum,
    RowSum,
    SeparableSum,
)
from blockhess.routes.fused.products import addends

_ROW_SUMS = tuple(RowSum.__args__)
Ratios = tuple[tuple[Variable, Expression], ...]


@dataclass(frozen=True)
class Affine:
    """scale * s + offset, where s = sum of ratio * row sum; scale and offset do not vary with x."""

    s: Ratios
    scale: Expression
    offset: Expression


def terms_of(form: Expression, leaves: Leaves) -> list[ops.Term]:
    """The terms whose sum is the form, an expression of row sums and parameters by row."""
    groups: dict[Ratios, Expression] = {}
    affine, constant = ZERO, ZERO
    for factors in addends(form, lambda part: leaves.has(part, *_ROW_SUMS)):
        varying = [f for f in factors if leaves.has(f, *_ROW_SUMS)]
        product = _product(factors)
        if not varying:
            constant = constant + product
        elif len(varying) == 1 and isinstance(varying[0], Variable):
            affine = affine + product
        else:
            s, psi = _link(product, leaves)
            groups[s] = groups.get(s, ZERO) + psi
    if affine is not ZERO:
        plain = _affine(affine, leaves)
        groups[plain.s] = groups.get(plain.s, ZERO) + plain.scale * S_ARGUMENT + plain.offset
    if not groups:
        return [ops.Term(None, (), None, None, constant, leaves.parameters(constant))]
    first = next(iter(groups))
    groups[first] = groups[first] + constant
    return [_term(s, psi, leaves) for s, psi in groups.items()]


def _product(factors: list[Expression]) -> Expression:
    product = ONE
    for factor in factors:
        product = product * factor
    return product


def _affine(expression: Expression, leaves: Leaves) -> Affine | None:
    """The expression as an affine function of row sums, or None where it is not one."""
    sums = [v for v in expression.variables if leaves.has(v, *_ROW_SUMS)]
    read = e.affine(expression, sums)
    if read is None:
        return None
    slopes, offset = read
    # The unit is the sum that is dearest to scale: S of every row, then S, then the others.
    unit = min(slopes, key=lambda v: (_rank(leaves, v), v.name), default=None)
    if unit is None:
        return Affine((), ZERO, offset)
    ratios = [(v, _ratio(slopes[v], slopes[unit])) for v in sorted(slopes, key=lambda v: v.name)]
    return Affine(tuple(ratios), slopes[unit], offset)


def _rank(leaves: Leaves, variable: Variable) -> int:
    leaf = leaves[variable]
    if isinstance(leaf, QuadraticSum):
        return 0 if leaf.per_row else 1
    return 2


def _ratio(slope: Expression, unit: Expression) -> Expression:
    return ONE if slope is unit else slope / unit


def _link(expression: Expression, leaves: Leaves) -> tuple[Ratios, Expression]:
    """(s, psi) with expression = psi(s): all affine parts must be of one and the same s."""
    found: list[Ratios] = []

    def rewrite(part: Expression, memo: dict[Expression, Expression]) -> Expression:
        if not leaves.has(part, *_ROW_SUMS):
            return part
        if part not in memo:
            plain = _affine(part, leaves)
            if plain is not None:
                found.extend([plain.s] if plain.s else [])
                memo[part] = plain.scale * S_ARGUMENT + plain.offset
            else:
                assert isinstance(part, Call)
                arguments = [rewrite(argument, memo) for argument in part.arguments]
                memo[part] = e.call(part.instruction, *arguments)
        return memo[part]

    psi = rewrite(expression, {})
    if len(set(found)) > 1:
        raise NotFused("a link of two different sums over the row")
    return found[0] if found else (), psi


def _term(s: Ratios, psi: Expression, leaves: Leaves) -> ops.Term:
    """The term psi(s); phi gathers the separable sums, S and b the others."""
    phi, S, b = ZERO, None, None
    for variable, ratio in s:
        leaf = leaves[variable]
        if isinstance(leaf, SeparableSum):
            phi = phi + ratio * leaf.phi
        elif isinstance(leaf, QuadraticSum):
            S = _plus(S, _scaled_matrix(leaf, ratio, leaves))
        elif isinstance(leaf, LinearSum):
            b = _plus(b, _scaled_vector(leaf.b, ratio, leaves))
    if psi.variables and any(leaves.varies(v)[1] for v, _ in leaves.parameters(psi)):
        raise NotFused("a parameter of a link that varies within the row")
    return ops.Term(
        phi if phi is not ZERO else None,
        leaves.parameters(phi),
        S,
        b,
        psi,
        leaves.parameters(psi),
    )


def _plus(a: tf.Tensor | None, b: tf.Tensor) -> tf.Tensor:
    return b if a is None else a + b


def _scaled_matrix(leaf: QuadraticSum, ratio: Expression, leaves: Leaves) -> tf.Tensor:
    if ratio is ONE:
        return leaf.S
    if leaves.varies(ratio)[0]:
        raise NotFused("two quadratic forms weighted differently in every row")
    return tf.reshape(leaves.tensor(ratio), []) * leaf.S


def _scaled_vector(b: tf.Tensor, ratio: Expression, leaves: Leaves) -> tf.Tensor:
    return b if ratio is ONE else leaves.tensor(ratio) * b
