"""The programs of the VJP: which derivatives of phi and psi it needs for which cotangents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockhess.expressions import ZERO, Expression, differentiate
from blockhess.formula.term_programs import (
    Outputs,
    Parts,
    ScalarFunction,
    TermPrograms,
    counts,
    remembered,
)


@remembered
def vjp_programs(
    forward: TermPrograms, present: Parts, x_wanted: bool, operands_wanted: tuple[bool, ...]
) -> TermPrograms:
    """The programs of the VJP of `forward` for the cotangents that are present.

    `operands_wanted` says which operands' cotangents are asked for. Outputs that only multiply
    absent cotangents, vanishing derivatives or unwanted results are zero: nobody misses them.
    """
    psi = forward.psi.orders(3)
    split = forward.num_operands - forward.num_psi_parameters
    by_psi_parameter = _by_parameters(forward.psi, psi, operands_wanted[split:])
    needs = _vjp_needs(psi, by_psi_parameter, present)
    kept_psi = (
        None,
        _or_zero(present.value or present.gradient or present.hessian, psi[1]),
        _or_zero(present.gradient or present.hessian, psi[2]),
        _or_zero(present.hessian, psi[3]),
        *_kept_by_parameter(
            by_psi_parameter, (present.value, needs.psi1_by_parameter, present.hessian)
        ),
    )
    new_psi = ScalarFunction(forward.psi.inputs, kept_psi)
    new_phi = None
    if forward.phi is not None:
        phi = forward.phi.orders(3)
        wanted = operands_wanted[: forward.num_phi_parameters]
        kept_phi = (
            _or_zero(new_psi.argument_is_read_by(kept_psi), phi[0]),
            _or_zero(needs.u or (x_wanted and needs.s_bar), phi[1]),
            _or_zero(needs.phi2 or (x_wanted and needs.u_bar), phi[2]),
            _or_zero(x_wanted and needs.psi1_M, phi[3]),
            *_kept_by_parameter(
                _by_parameters(forward.phi, phi, wanted), (needs.s_bar, needs.u_bar, needs.psi1_M)
            ),
        )
        new_phi = ScalarFunction(forward.phi.inputs, kept_phi)
    return TermPrograms(new_phi, forward.quadratic, forward.linear, new_psi)


@dataclass(frozen=True)
class _VjpNeeds:
    """Which quantities of the VJP's formula do not vanish."""

    s_bar: bool
    u_bar: bool
    psi1_M: bool
    u: bool  # for anything but x_bar's s_bar u
    phi2: bool  # for anything but x_bar's D u_bar
    psi1_by_parameter: bool


def _vjp_needs(psi: Outputs, by_parameter: Sequence[Outputs], present: Parts) -> _VjpNeeds:
    _, psi1, psi2, psi3 = map(counts, psi)
    V, G, M = present.value, present.gradient, present.hessian
    q1 = any(counts(q[1]) for q in by_parameter)
    q2 = any(counts(q[2]) for q in by_parameter)
    return _VjpNeeds(
        s_bar=(V and psi1) or ((G or M) and psi2) or (M and psi3),
        u_bar=(G and psi1) or (M and psi2),
        psi1_M=M and psi1,
        u=(M and (psi2 or psi3 or q2)) or (G and (psi2 or q1)),
        phi2=M and (psi2 or q1),
        psi1_by_parameter=G or M,
    )


def _by_parameters(f: ScalarFunction, orders: Outputs, wanted: Sequence[bool]) -> list[Outputs]:
    """For each parameter the derivative by it of the first three orders; None if not wanted."""
    return [
        tuple(
            differentiate(order, parameter) if order is not None and is_wanted else None
            for order in orders[:3]
        )
        for parameter, is_wanted in zip(f.inputs[1:], wanted, strict=True)
    ]


def _kept_by_parameter(by_parameter: Sequence[Outputs], keep: Sequence[bool]) -> list:
    return [
        _or_zero(k, order) for orders in by_parameter for k, order in zip(keep, orders, strict=True)
    ]


def _or_zero(condition: bool, e: Expression | None) -> Expression | None:
    return e if condition else ZERO
