"""The programs of the forward op: which derivatives of phi and psi it needs for what is wanted."""

from __future__ import annotations

from blockhess.expressions import Expression, norm_offset
from blockhess.formula.term_programs import (
    Outputs,
    Parts,
    ScalarFunction,
    TermPrograms,
    counts,
    remembered,
)


@remembered
def forward_programs(
    phi: ScalarFunction | None, quadratic: bool, linear: bool, psi: ScalarFunction, wanted: Parts
) -> TermPrograms:
    """The programs that compute `wanted`, from functions whose only output is their value.

    What no wanted output reads is left out: phi, S and b, and parameters.
    """
    psi0, psi1, psi2 = psi.orders(2)
    kept_psi: Outputs = (
        _if(wanted.value, psi0),
        _if(wanted.gradient or wanted.hessian, psi1),
        _if(wanted.hessian, psi2),
    )
    if wanted.hessian and phi is not None and not quadratic and not linear:
        offset = norm_offset(phi.outputs[0], phi.inputs[0], psi.outputs[0], psi.inputs[0])
        kept_psi += () if offset is None else (offset,)
    needs_s = psi.argument_is_read_by(kept_psi)
    needs_u = wanted.gradient or (wanted.hessian and counts(psi2))
    kept_phi = None
    if phi is not None:
        phi0, phi1, phi2 = phi.orders(2)
        kept = (_if(needs_s, phi0), _if(needs_u, phi1), _if(wanted.hessian, phi2))
        kept_phi = _without_unread(phi, kept) if any(map(counts, kept)) else None
    return TermPrograms(
        kept_phi,
        quadratic and (needs_s or needs_u or wanted.hessian),
        linear and (needs_s or needs_u),
        _without_unread(psi, kept_psi),
    )


def _without_unread(f: ScalarFunction, outputs: Outputs) -> ScalarFunction:
    read = frozenset().union(*(o.variables for o in outputs if o is not None))
    parameters = tuple(p for p in f.inputs[1:] if p in read)
    return ScalarFunction((f.inputs[0], *parameters), outputs)


def _if(condition: bool, e: Expression | None) -> Expression | None:
    return e if condition else None
