"""The vector-Jacobian product of terms: the typed wrapper of the op BlockhessTermsGrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from ..expressions import ProgramTooLong
from ..formula.term_programs import Parts, TermPrograms, join_terms
from ..formula.vjp_programs import vjp_programs
from .composition import MaybeTensor, composed_vjp
from .library import library
from .terms import Term, operands_of, programs_of


class TermCotangents(NamedTuple):
    """Cotangents of a term's tensors, each of its tensor's shape; None for what is not reached."""

    phi_parameters: tuple[MaybeTensor, ...]
    S: MaybeTensor
    b: MaybeTensor
    psi_parameters: tuple[MaybeTensor, ...]


@tf.autograph.experimental.do_not_convert
def terms_vjp(
    x: tf.Tensor,
    terms: Sequence[Term],
    *,
    value: MaybeTensor = None,
    gradient: MaybeTensor = None,
    hessian: MaybeTensor = None,
    layout: str = "dense",
) -> tuple[tf.Tensor, list[TermCotangents]]:
    """Cotangents of x and of all tensors of the terms, from those of `ops.terms`' outputs.

    It is what the gradient of `ops.terms` computes, in one pass, without running `ops.terms`. With
    D = diag(phi''), M symmetrised, V, G, M the cotangents, and for every term

        t1 = <M, S + D>     t2 = u' M u     t3 = G' u
        s_bar = psi'' (t1 + t3) + psi''' t2 + psi' V      u_bar = 2 psi'' M u + psi' G

    they are, by the product rule on the formula of `ops.terms`,

        x_bar = s_bar u + (S + D) u_bar + psi' diag(M) phi'''      b_bar = u_bar + s_bar x
        S_bar = psi' M + sym(u_bar x') + s_bar/2 x x'

    summed over the rows that share S or b; those of the parameters follow from mixed derivatives.

    Args:
      x: (N, K), floating; 16-bit types are computed in float32.
      terms: at least one; their tensors have the dtype of x.
      value: cotangent of the value, (N,), or None.
      gradient: cotangent of the gradient, (N, K), or None.
      hessian: cotangent of the blocks, in the shape that `layout` gives them, or None.
      layout: "dense", "diag", "packed" or "trace".

    Raises:
      ValueError: no cotangent at all.
      InvalidArgumentError: shapes disagree; it names both.

    Examples:
      >>> x, s = bh.expressions.Variable("x"), bh.expressions.Variable("s")
      >>> cubes = bh.ops.Term(x * x * x, (), None, None, s, ())
      >>> bh.ops.terms_vjp(tf.constant([[1.0, 2.0]]), [cubes], value=tf.ones([1]))[0].numpy()
      array([[ 3., 12.]], dtype=float32)
    """
    if value is None and gradient is None and hessian is None:
        raise ValueError("terms_vjp needs a cotangent of the value, the gradient or the Hessian")
    x = tf.convert_to_tensor(x)
    given = Parts(value is not None, gradient is not None, hessian is not None)
    programs = [programs_of(term, given) for term in terms]
    operands = operands_of(terms, programs, x.dtype)
    wanted = [True] * (1 + len(operands))
    x_bar, *bars = vjp(x, operands, programs, layout, value, gradient, hessian, wanted)
    rest = iter(bars)
    cotangents = [
        _by_part(term, p, [next(rest) for _ in range(p.num_operands)])
        for term, p in zip(terms, programs, strict=True)
    ]
    return tf.zeros_like(x) if x_bar is None else x_bar, cotangents


def _by_part(term: Term, programs: TermPrograms, bars: list[MaybeTensor]) -> TermCotangents:
    of_phi = {p: bars.pop(0) for p in (programs.phi.inputs[1:] if programs.phi else ())}
    S = bars.pop(0) if programs.quadratic else None
    b = bars.pop(0) if programs.linear else None
    of_psi = dict(zip(programs.psi.inputs[1:], bars, strict=True))
    return TermCotangents(
        tuple(of_phi.get(variable) for variable, _ in term.phi_parameters),
        S,
        b,
        tuple(of_psi.get(variable) for variable, _ in term.psi_parameters),
    )


def vjp(
    x: tf.Tensor,
    operands: Sequence[tf.Tensor],
    forward: Sequence[TermPrograms],
    layout: str,
    V: MaybeTensor,
    G: MaybeTensor,
    M: MaybeTensor,
    wanted: Sequence[bool],
) -> list[MaybeTensor]:
    """Cotangents of x and of every operand of BlockhessTerms, in one pass; None where not wanted.

    Fused where every program fits, composed of TensorFlow ops elsewhere.

    Args:
      x: (N, K).
      operands: of all terms in order, as the op takes them.
      forward: the op's programs, one a term.
      layout: of M.
      V, G, M: cotangents of value (N,), gradient (N, K) and Hessian (in its layout), or None.
      wanted: for x, and for every operand.
    """
    present = Parts(V is not None, G is not None, M is not None)
    programs = []
    start = 1
    for term in forward:
        programs.append(
            vjp_programs(term, present, wanted[0], tuple(wanted[start : start + term.num_operands]))
        )
        start += term.num_operands
    try:
        texts = [p.text for p in programs]
    except ProgramTooLong:
        bars = composed_vjp(x, operands, programs, layout, V, G, M)
        return [bar if is_wanted else None for bar, is_wanted in zip(bars, wanted, strict=True)]
    absent = tf.zeros([0], x.dtype)
    x_bar, operand_bars = library.blockhess_terms_grad(
        x=x,
        operands=operands,
        value_cotangent=absent if V is None else V,
        gradient_cotangent=absent if G is None else G,
        hessian_cotangent=absent if M is None else M,
        terms=join_terms(texts),
        layout=layout if present.hessian else "none",
        want_value=present.value,
        want_gradient=present.gradient,
        wanted=list(wanted),
    )
    bars = [x_bar, *operand_bars]
    return [bar if is_wanted else None for bar, is_wanted in zip(bars, wanted, strict=True)]
