"""Sums of terms of the formula: the typed wrapper of the op BlockhessTerms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import tensorflow as tf

from ..expressions import Expression, Variable
from ..formula.forward_programs import forward_programs
from ..formula.layouts import LAYOUTS
from ..formula.term_programs import (
    ARGUMENT_OF_PHI,
    ARGUMENT_OF_PSI,
    Parts,
    ScalarFunction,
    TermPrograms,
    join_terms,
)
from .library import library

Parameters = tuple[tuple[Variable, tf.Tensor], ...]


@dataclass(frozen=True, eq=False)
class Term:
    """One instance of the formula, f(x) = sum_i psi(s_i) over the rows of x, with

        s_i = sum_k phi(x_ik) + 1/2 x_i' S x_i + b' x_i

    Attributes:
      phi: a function of Variable("x") and of its parameters, or None.
      phi_parameters: variables of phi with their tensors: scalar, (K,), (N, 1) or (N, K).
      S: (K, K), or (N, K, K) for one a row; its symmetric part counts. Or None.
      b: (K,), or (N, K) for one a row. Or None.
      psi: the link, a function of Variable("s") and of its parameters.
      psi_parameters: variables of psi with their tensors: scalar, (N,) or (N, 1).

    Raises ValueError where a function reads a variable that is neither its argument nor one of its
    parameters.
    """

    phi: Expression | None
    phi_parameters: Parameters
    S: tf.Tensor | None
    b: tf.Tensor | None
    psi: Expression
    psi_parameters: Parameters
    # The programs, by what they compute: eager calls ask for them again and again.
    _programs: dict[Parts, TermPrograms] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.phi is not None:
            _check_reads("phi", self.phi, ARGUMENT_OF_PHI, self.phi_parameters)
        _check_reads("psi", self.psi, ARGUMENT_OF_PSI, self.psi_parameters)


class Outputs(NamedTuple):
    """What was asked for of a sum of terms, None for what was not."""

    value: tf.Tensor | None
    gradient: tf.Tensor | None
    hessian: tf.Tensor | None


@tf.autograph.experimental.do_not_convert
def terms(
    x: tf.Tensor,
    terms: Sequence[Term],
    *,
    layout: str = "dense",
    want_value: bool = False,
    want_gradient: bool = False,
) -> Outputs:
    """Value, gradient and Hessian blocks of a sum of terms, row by row and in one pass.

    With u_i = phi'(x_i) + S x_i + b, a term's

        value_i    = psi(s_i)
        gradient_i = psi'(s_i) u_i
        block_i    = psi'(s_i) (S + diag(phi''(x_i))) + psi''(s_i) u_i u_i'

    which is the chain rule on `Term`'s formula. Differentiable to any order, with respect to x and
    every tensor of the terms.

    Args:
      x: (N, K), floating; 16-bit types are computed in float32.
      terms: at least one; their tensors have the dtype of x.
      layout: of the blocks: "dense" (N, K, K), "diag" (N, K), "packed" (N, K (K + 1) / 2), the
        upper triangle in the order of `np.triu_indices`; "trace" (N,), the sum of the diagonal;
        "none" for no blocks.
      want_value: whether to return the value, (N,).
      want_gradient: whether to return the gradient, (N, K).

    Raises:
      ValueError: no terms, or an unknown layout.
      InvalidArgumentError: shapes of x and of the terms' tensors disagree; it names both.
      blockhess.expressions.ProgramTooLong: phi or psi with its derivatives exceeds a program.

    Examples:
      >>> s = bh.expressions.Variable("s")
      >>> x = tf.constant([[3.0, 4.0]])
      >>> norm = bh.ops.Term(None, (), tf.eye(2), None, bh.expressions.sqrt(2 * s), ())
      >>> bh.ops.terms(x, [norm], want_value=True).value.numpy()
      array([5.], dtype=float32)
    """
    if layout not in (*LAYOUTS, "none"):
        known = ", ".join(map(repr, (*LAYOUTS, "none")))
        raise ValueError(f"layout is {layout!r}; expected {known}")
    if not isinstance(x, tf.Tensor):
        x = tf.convert_to_tensor(x)
    text, operands = text_and_operands(
        terms, Parts(want_value, want_gradient, layout != "none"), x.dtype
    )
    value, gradient, hessian = library.blockhess_terms(
        x=x,
        operands=operands,
        terms=text,
        layout=layout,
        want_value=want_value,
        want_gradient=want_gradient,
    )
    return Outputs(
        value if want_value else None,
        gradient if want_gradient else None,
        hessian if layout != "none" else None,
    )


def text_and_operands(
    terms: Sequence[Term], wanted: Parts, dtype: tf.DType
) -> tuple[str, list[tf.Tensor]]:
    """The text of the terms, an attribute of the ops, and the tensors that they read."""
    if not terms:
        raise ValueError("terms: at least one term is needed")
    programs = [programs_of(term, wanted) for term in terms]
    return join_terms([p.text for p in programs]), operands_of(terms, programs, dtype)


def programs_of(term: Term, wanted: Parts) -> TermPrograms:
    known = term._programs.get(wanted)
    if known is not None:
        return known
    phi = None
    if term.phi is not None:
        phi = _value_only(ARGUMENT_OF_PHI, term.phi_parameters, term.phi)
    psi = _value_only(ARGUMENT_OF_PSI, term.psi_parameters, term.psi)
    programs = forward_programs(phi, term.S is not None, term.b is not None, psi, wanted)
    term._programs[wanted] = programs
    return programs


def _value_only(argument: Variable, parameters: Parameters, function: Expression) -> ScalarFunction:
    return ScalarFunction((argument, *(variable for variable, _ in parameters)), (function,))


def operands_of(
    terms: Sequence[Term], programs: Sequence[TermPrograms], dtype: tf.DType
) -> list[tf.Tensor]:
    """The terms' tensors that their programs read, in the op's order."""
    return [
        tf.convert_to_tensor(operand, dtype)
        for term, p in zip(terms, programs, strict=True)
        if p.num_operands > 0
        for operand in _operands_of_one(term, p)
    ]


def _operands_of_one(term: Term, programs: TermPrograms) -> list[tf.Tensor]:
    of_phi, of_psi = dict(term.phi_parameters), dict(term.psi_parameters)
    operands = [of_phi[p] for p in programs.phi.inputs[1:]] if programs.phi else []
    if programs.quadratic:
        operands.append(term.S)
    if programs.linear:
        operands.append(term.b)
    return operands + [of_psi[p] for p in programs.psi.inputs[1:]]


def _check_reads(
    name: str, function: Expression, argument: Variable, parameters: Parameters
) -> None:
    known = [argument, *(variable for variable, _ in parameters)]
    unknown = sorted(v.name for v in function.variables.difference(known))
    if unknown:
        raise ValueError(
            f"{name} = {function} reads {', '.join(unknown)}; "
            f"it may read {', '.join(v.name for v in known)}"
        )
    if len(set(known)) != len(known):
        raise ValueError(f"{name}: variables repeat in {', '.join(v.name for v in known)}")
