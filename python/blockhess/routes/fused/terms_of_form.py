"""From the form of f to terms of the formula: psi(s), with s an affine combination of row sums."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import ONE, ZERO, Call, Expression, Variable
from blockhess.routes.fused.addends import addends
from blockhess.routes.fused.leaves import (
    S_ARGUMENT,
    Leaves,
    LinearSum,
    NotFused,
    QuadraticSum,
    RowSum,
    SeparableSum,
)

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
        for slope, sums in _by_slope(affine, leaves).items():
            groups[sums] = groups.get(sums, ZERO) + slope * S_ARGUMENT
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
    if not slopes:
        return Affine((), ZERO, offset)
    unit = _unit(slopes, leaves)
    ratios = [(v, _ratio(slopes[v], unit)) for v in sorted(slopes, key=_name)]
    return Affine(tuple(ratios), unit, offset)


def _unit(slopes: e.Slopes, leaves: Leaves) -> Expression:
    """The slope that s is divided by, chosen so that the most expensive sum is not scaled.

    It is never one that could be zero: a parameter only where it is the slope of every sum.
    """
    values = set(slopes.values())
    if len(values) == 1:
        return next(iter(values))
    plain = [v for v, slope in slopes.items() if isinstance(slope, e.Constant)]
    if not plain:
        return ONE
    return slopes[min(plain, key=lambda v: (_rank(leaves, v), v.name))]


def _by_slope(expression: Expression, leaves: Leaves) -> dict[Expression, Ratios]:
    """The sums of an affine expression by what they are multiplied with; numbers go together."""
    read = e.affine(expression, [v for v in expression.variables if leaves.has(v, *_ROW_SUMS)])
    assert read is not None and read[1] is ZERO
    numbers = {v: slope for v, slope in read[0].items() if isinstance(slope, e.Constant)}
    found: dict[Expression, Ratios] = {}
    if numbers:
        unit = _unit(numbers, leaves)
        found[unit] = tuple((v, _ratio(numbers[v], unit)) for v in sorted(numbers, key=_name))
    for v in sorted(read[0].keys() - numbers.keys(), key=_name):
        found[read[0][v]] = (*found.get(read[0][v], ()), (v, ONE))
    return found


def _name(variable: Variable) -> str:
    return variable.name


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
    if S is None and b is None and psi is not S_ARGUMENT:
        psi = e.flat_without_a_choice(psi, S_ARGUMENT, phi)
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
