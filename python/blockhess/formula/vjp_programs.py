"""The programs of the VJP: those derivatives of phi and psi that it needs for its cotangents."""

from __future__ import annotations

from collections.abc import Sequence

from blockhess import _core
from blockhess.expressions import ZERO, differentiate
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

    `operands_wanted` says which operands' cotangents are asked for. What the core does not need is
    zero: outputs that only multiply absent cotangents, vanishing derivatives or unwanted results.
    """
    split = forward.num_operands - forward.num_psi_parameters
    psi = _derivatives(forward.psi, operands_wanted[split:])
    phi = ()
    if forward.phi is not None:
        phi = _derivatives(forward.phi, operands_wanted[: forward.num_phi_parameters])
    needed_of_phi, needed_of_psi, _ = _core.vjp_needs(
        phi=list(map(counts, phi)),
        psi=list(map(counts, psi)),
        quadratic=forward.quadratic,
        linear=forward.linear,
        value=present.value,
        gradient=present.gradient,
        hessian=present.hessian,
        x=x_wanted,
        operands=list(operands_wanted),
    )
    psi = _needed(psi, needed_of_psi)
    new_phi = None
    if forward.phi is not None:
        needed_of_phi[0] = forward.psi.argument_is_read_by(psi)
        new_phi = ScalarFunction(forward.phi.inputs, _needed(phi, needed_of_phi))
    new_psi = ScalarFunction(forward.psi.inputs, (None, *psi[1:]))
    return TermPrograms(new_phi, forward.quadratic, forward.linear, new_psi)


def _derivatives(f: ScalarFunction, wanted: Sequence[bool]) -> Outputs:
    """f and three derivatives; then for each parameter, if it is wanted, the derivative by it of
    the first three of these."""
    orders = f.orders(3)
    by_parameter = (
        differentiate(order, parameter) if order is not None and is_wanted else None
        for parameter, is_wanted in zip(f.inputs[1:], wanted, strict=True)
        for order in orders[:3]
    )
    return (*orders, *by_parameter)


def _needed(outputs: Outputs, needed: Sequence[bool]) -> Outputs:
    return tuple(o if n else ZERO for o, n in zip(outputs, needed, strict=True))
