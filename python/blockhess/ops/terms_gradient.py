"""The vector-Jacobian product of terms, and the registered gradients of both ops."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..expressions import ProgramTooLong
from .composition import MaybeTensor, composed_vjp
from .library import library
from .programs import Parts, TermPrograms, parse_term, vjp_programs


def terms_vjp(
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
            vjp_programs(term, present, wanted[0], wanted[start : start + term.num_operands])
        )
        start += term.num_operands
    try:
        texts = [p.text() for p in programs]
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
        terms=texts,
        layout=layout if present.hessian else "none",
        want_value=present.value,
        want_gradient=present.gradient,
        wanted=list(wanted),
    )
    bars = [x_bar, *operand_bars]
    return [bar if is_wanted else None for bar, is_wanted in zip(bars, wanted, strict=True)]


@tf.RegisterGradient("BlockhessTerms")
def _terms_gradient(
    op: tf.Operation, V: MaybeTensor, G: MaybeTensor, M: MaybeTensor
) -> list[MaybeTensor]:
    layout = _text(op, "layout")
    forward = [parse_term(tf.compat.as_text(text)) for text in op.get_attr("terms")]
    x, *operands = op.inputs

    def vjp(wanted: Sequence[bool]) -> list[MaybeTensor]:
        if not any(wanted):
            return [None] * len(wanted)
        return terms_vjp(
            x,
            operands,
            forward,
            layout,
            V if op.get_attr("want_value") else None,
            G if op.get_attr("want_gradient") else None,
            M if layout != "none" else None,
            wanted,
        )

    if V is None and G is None and M is None:
        return [None] * len(op.inputs)
    skipped = getattr(op, "skip_input_indices", None) or ()
    wanted = [i not in skipped for i in range(len(op.inputs))]
    # Hardly anyone differentiates by a constant of the graph. Their cotangents come from an op of
    # their own, which TensorFlow prunes when nobody reads it.
    constant = [i > 0 and _is_graph_constant(t) for i, t in enumerate(op.inputs)]
    main = vjp([w and not c for w, c in zip(wanted, constant, strict=True)])
    rare = vjp([w and c for w, c in zip(wanted, constant, strict=True)])
    return [r if m is None else m for m, r in zip(main, rare, strict=True)]


@tf.RegisterGradient("BlockhessTermsGrad")
def _terms_vjp_gradient(op: tf.Operation, *bars_bar: MaybeTensor) -> list[MaybeTensor]:
    """Of the composition that computes the same."""
    programs = [parse_term(tf.compat.as_text(text)) for text in op.get_attr("terms")]
    layout = _text(op, "layout")
    present = Parts(
        op.get_attr("want_value"), op.get_attr("want_gradient"), layout != "none"
    )
    inputs = list(op.inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        x, *operands, V, G, M = inputs
        outputs = composed_vjp(
            x,
            operands,
            programs,
            layout,
            V if present.value else None,
            G if present.gradient else None,
            M if present.hessian else None,
        )
    pairs = [
        (output, bar)
        for output, bar, is_wanted in zip(outputs, bars_bar, op.get_attr("wanted"), strict=True)
        if is_wanted and output is not None and bar is not None
    ]
    if not pairs:
        return [None] * len(inputs)
    targets, cotangents = zip(*pairs, strict=True)
    return tape.gradient(list(targets), inputs, output_gradients=list(cotangents))


def _text(op: tf.Operation, attribute: str) -> str:
    return tf.compat.as_text(op.get_attr(attribute))


def _is_graph_constant(tensor: tf.Tensor) -> bool:
    return tf.is_symbolic_tensor(tensor) and tensor.op.type == "Const"
