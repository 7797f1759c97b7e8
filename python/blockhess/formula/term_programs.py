"""The programs of terms, and their text: what the ops are told about the formula.

terms   := term { newline term }
term    := "blockhess 1" { " | " section }
section := "phi " program | "quadratic" | "linear" | "psi " program      in this order
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

from blockhess.expressions import (
    ZERO,
    Expression,
    Variable,
    compile_program,
    differentiate,
    parse_program,
)

VERSION = "blockhess 1"
ARGUMENT_OF_PHI = Variable("x")
ARGUMENT_OF_PSI = Variable("s")

Outputs = tuple[Expression | None, ...]

# Programs are cached: eager calls ask for the same few again and again, and to derive one takes
# milliseconds.
remembered = functools.lru_cache(maxsize=512)


@dataclass(frozen=True)
class ScalarFunction:
    """phi or psi with derivatives; None where a derivative is not computed.

    `inputs` are the argument and the parameters. Forward, `outputs` are the function and its first
    two derivatives, and of a psi that makes a norm then its `norm_offset`; for the VJP the first
    three, and then for each parameter the derivative by it of the function and of its first two
    derivatives.
    """

    inputs: tuple[Variable, ...]
    outputs: Outputs

    @functools.cached_property
    def text(self) -> str:
        """The program that computes `outputs`; raises ProgramTooLong where it is too long."""
        text = compile_program(self.outputs, self.inputs)
        _compiled_here[text] = self
        return text

    @staticmethod
    def of_text(text: str) -> ScalarFunction:
        """The function that the text was compiled from; parsed if another process compiled it."""
        known = _compiled_here.get(text)
        return ScalarFunction(*parse_program(text)) if known is None else known

    @remembered
    def orders(self, highest: int) -> Outputs:
        """The function and its derivatives by the argument: from `outputs`, or by rules."""
        orders: list[Expression | None] = list(self.outputs[: min(highest, 2) + 1])
        orders += [None] * (highest + 1 - len(orders))
        for i in range(1, highest + 1):
            below = orders[i - 1]
            if orders[i] is None and below is not None:
                orders[i] = differentiate(below, self.inputs[0])
        return tuple(orders)

    def argument_is_read_by(self, outputs: Outputs) -> bool:
        return any(o is not None and self.inputs[0] in o.variables for o in outputs)


#: The functions that were compiled in this process, by their text, as long as they are in use.
_compiled_here: weakref.WeakValueDictionary[str, ScalarFunction] = weakref.WeakValueDictionary()


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
        """The term as text; raises ProgramTooLong where phi or psi with derivatives is too long."""
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
    """Which of value, gradient and Hessian are wanted as outputs, or have cotangents."""

    value: bool
    gradient: bool
    hessian: bool


def join_terms(texts: Sequence[str]) -> str:
    """The texts of terms as one attribute.

    It is not a list of strings: TensorFlow's cache of eager kernels tells lists apart by a summary
    that leaves out the middle of strings longer than 80 characters.
    """
    return "\n".join(texts)


@remembered
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
            functions[name] = ScalarFunction.of_text(program)
    return TermPrograms(
        functions.get("phi"), "quadratic" in sections, "linear" in sections, functions["psi"]
    )


def counts(e: Expression | None) -> bool:
    """Whether an output is computed, and does not vanish."""
    return e is not None and e is not ZERO
