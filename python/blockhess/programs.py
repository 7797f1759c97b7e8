"""The programs of a term: which derivatives the forward op and its VJP need, and their text.

terms   := term { newline term }
term    := "blockhess 1" { " | " section }
section := "phi " program | "quadratic" | "linear" | "psi " program      in this order
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from blockhess.expressions import (
    ZERO,
    Expression,
    Variable,
    compile_program,
    differentiate,
    norm_offset,
    parse_program,
)

VERSION = "blockhess 1"
LAYOUTS = ("dense", "diag", "packed", "trace")
ARGUMENT_OF_PHI = Variable("x")
ARGUMENT_OF_PSI = Variable("s")

_Outputs = tuple[Expression | None, ...]

# Eager calls ask for the same few programs again and again; to derive them takes milliseconds.
_remembered = functools.lru_cache(maxsize=512)


@dataclass(frozen=True)
class ScalarFunction:
    """phi or psi with derivatives; None where a derivative is not computed.

    `inputs` are the argument and the parameters. Forward, `outputs` are the function and its first
    two derivatives, and of a psi that makes a norm then its `norm_offset`; for the VJP the first
    three, and then for each parameter the derivative by it of the function and of its first two
    derivatives.
    """

    inputs: tuple[Variable, ...]
    outputs: _Outputs

    @property
    def text(self) -> str:
        return compile_program(self.outputs, self.inputs)


@dataclass(frozen=True)
class TermPrograms:
    """What the op's attribute says about one term."""

    phi: ScalarFunction | None
    quadratic: bool
    linear: bool
    psi: ScalarFunction

    @property
    def num_phi_parameters(self) -> int:
        return len(self.phi.inputs) - 1 if self.phi else 0

    @property
    def num_psi_parameters(self) -> int:
        return len(self.psi.inputs) - 1

    @functools.cached_property
    def num_operands(self) -> int:
        """Parameters of phi, S, b, parameters of psi, in this order."""
        return self.num_phi_parameters + self.quadratic + self.linear + self.num_psi_parameters

    @functools.cached_property
    def text(self) -> str:
        """Raises ProgramTooLong where phi or psi with its derivatives exceeds a program."""
        sections = [VERSION]
        if self.phi is not None:
            sections.append(f"phi {self.phi.text}")
        if self.quadratic:
            sections.append("quadratic")
        if self.linear:
            sections.append("linear")
        return " | ".join([*sections, f"psi {self.psi.text}"])


@dataclass(frozen=True)
class Parts:
    """Which of value, gradient and Hessian: as outputs, or as cotangents that are present."""

    value: bool
    gradient: bool
    hessian: bool


def join_terms(texts: Sequence[str]) -> str:
    """The texts of terms as one attribute.

    Not a list of strings: TensorFlow's cache of eager kernels tells lists apart by a summary that
    leaves out the middle of strings longer than 80 characters.
    """
    return "\n".join(texts)


@_remembered
def parse_terms(text: str) -> tuple[TermPrograms, ...]:
    """The programs in what `join_terms` made; ValueError where the text is no such thing."""
    return tuple(_parse_term(line) for line in text.split("\n"))


def _parse_term(text: str) -> TermPrograms:
    version, *sections = text.split(" | ")
    if version != VERSION:
        raise ValueError(f"this is a term of version {version!r}; this build reads {VERSION!r}")
    functions = {}
    for section in sections:
        name, _, program = section.partition(" ")
        if program:
            functions[name] = ScalarFunction(*parse_program(program))
    return TermPrograms(
        functions.get("phi"), "quadratic" in sections, "linear" in sections, functions["psi"]
    )


@_remembered
def forward_programs(
    phi: ScalarFunction | None, quadratic: bool, linear: bool, psi: ScalarFunction, wanted: Parts
) -> TermPrograms:
    """The programs that compute `wanted`, from functions whose only output is their value.

    What no wanted output reads is left out: phi, S and b, and parameters.
    """
    psi0, psi1, psi2 = _orders(psi, 2)
    kept_psi: _Outputs = (
        _if(wanted.value, psi0),
        _if(wanted.gradient or wanted.hessian, psi1),
        _if(wanted.hessian, psi2),
    )
    if wanted.hessian and phi is not None and not quadratic and not linear:
        offset = norm_offset(phi.outputs[0], phi.inputs[0], psi.outputs[0], psi.inputs[0])
        kept_psi += () if offset is None else (offset,)
    needs_s = _reads_argument(psi, kept_psi)
    needs_u = wanted.gradient or (wanted.hessian and _counts(psi2))
    kept_phi = None
    if phi is not None:
        phi0, phi1, phi2 = _orders(phi, 2)
        kept = (_if(needs_s, phi0), _if(needs_u, phi1), _if(wanted.hessian, phi2))
        kept_phi = _without_unread(phi, kept) if any(map(_counts, kept)) else None
    return TermPrograms(
        kept_phi,
        quadratic and (needs_s or needs_u or wanted.hessian),
        linear and (needs_s or needs_u),
        _without_unread(psi, kept_psi),
    )


@_remembered
def vjp_programs(
    forward: TermPrograms, present: Parts, x_wanted: bool, operands_wanted: tuple[bool, ...]
) -> TermPrograms:
    """The programs of the VJP of `forward` for the cotangents that are present.

    `operands_wanted` says which operands' cotangents are asked for. Outputs that only multiply
    absent cotangents, vanishing derivatives or unwanted results are zero: nobody misses them.
    """
    psi = _orders(forward.psi, 3)
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
        phi = _orders(forward.phi, 3)
        wanted = operands_wanted[: forward.num_phi_parameters]
        kept_phi = (
            _or_zero(_reads_argument(new_psi, kept_psi), phi[0]),
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


def _vjp_needs(psi: _Outputs, by_parameter: Sequence[_Outputs], present: Parts) -> _VjpNeeds:
    _, psi1, psi2, psi3 = map(_counts, psi)
    V, G, M = present.value, present.gradient, present.hessian
    q1 = any(_counts(q[1]) for q in by_parameter)
    q2 = any(_counts(q[2]) for q in by_parameter)
    return _VjpNeeds(
        s_bar=(V and psi1) or ((G or M) and psi2) or (M and psi3),
        u_bar=(G and psi1) or (M and psi2),
        psi1_M=M and psi1,
        u=(M and (psi2 or psi3 or q2)) or (G and (psi2 or q1)),
        phi2=M and (psi2 or q1),
        psi1_by_parameter=G or M,
    )


def _orders(f: ScalarFunction, highest: int) -> _Outputs:
    """The function and its derivatives by the argument: those given, the rest derived from them."""
    orders: list[Expression | None] = list(f.outputs[: min(highest, 2) + 1])
    orders += [None] * (highest + 1 - len(orders))
    for i in range(1, highest + 1):
        below = orders[i - 1]
        if orders[i] is None and below is not None:
            orders[i] = differentiate(below, f.inputs[0])
    return tuple(orders)


def _by_parameters(f: ScalarFunction, orders: _Outputs, wanted: Sequence[bool]) -> list[_Outputs]:
    """For each parameter the derivative by it of the first three orders; None if not wanted."""
    return [
        tuple(
            differentiate(order, parameter) if order is not None and is_wanted else None
            for order in orders[:3]
        )
        for parameter, is_wanted in zip(f.inputs[1:], wanted, strict=True)
    ]


def _kept_by_parameter(by_parameter: Sequence[_Outputs], keep: Sequence[bool]) -> list:
    return [
        _or_zero(k, order) for orders in by_parameter for k, order in zip(keep, orders, strict=True)
    ]


def _without_unread(f: ScalarFunction, outputs: _Outputs) -> ScalarFunction:
    read = frozenset().union(*(o.variables for o in outputs if o is not None))
    parameters = tuple(p for p in f.inputs[1:] if p in read)
    return ScalarFunction((f.inputs[0], *parameters), outputs)


def _reads_argument(f: ScalarFunction, outputs: _Outputs) -> bool:
    return any(o is not None and f.inputs[0] in o.variables for o in outputs)


def _counts(e: Expression | None) -> bool:
    return e is not None and e is not ZERO


def _if(condition: bool, e: Expression | None) -> Expression | None:
    return e if condition else None


def _or_zero(condition: bool, e: Expression | None) -> Expression | None:
    return e if condition else ZERO
