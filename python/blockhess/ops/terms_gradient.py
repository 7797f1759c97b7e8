"""The registered gradients of BlockhessTerms and of BlockhessTermsGrad."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from ..formula.term_programs import parse_terms
from .composition import MaybeTensor, composed_vjp
from .vjp import vjp


@tf.RegisterGradient("BlockhessTerms")
def _terms_gradient(
    op: tf.Operation, V: MaybeTensor, G: MaybeTensor, M: MaybeTensor
) -> list[MaybeTensor]:
    layout = _text(op, "layout")
    forward = parse_terms(_text(op, "terms"))
    x, *operands = op.inputs

    def bars(wanted: Sequence[bool]) -> list[MaybeTensor]:
        if not any(wanted):
            return [None] * len(wanted)
        return vjp(
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
    # Cotangents of constants of the graph come from an op of their own, which TensorFlow prunes
    # when nobody reads them: hardly anyone differentiates by a constant.
    constant = [i > 0 and _is_graph_constant(t) for i, t in enumerate(op.inputs)]
    main = bars([w and not c for w, c in zip(wanted, constant, strict=True)])
    rare = bars([w and c for w, c in zip(wanted, constant, strict=True)])
    return [r if m is None else m for m, r in zip(main, rare, strict=True)]


@tf.RegisterGradient("BlockhessTermsGrad")
def _terms_vjp_gradient(op: tf.Operation, *bars_bar: MaybeTensor) -> list[MaybeTensor]:
    """The gradient of the composition that computes the same."""
    if not tf.executing_eagerly():
        # A tape records nothing while TensorFlow builds the forward derivative of a function.
        inputs = [tf.identity(tensor) for tensor in op.inputs]
        targets, cotangents = _composed(op, inputs, bars_bar)
        return tf.gradients(targets, inputs, cotangents) if targets else [None] * len(inputs)
    inputs = list(op.inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        targets, cotangents = _composed(op, inputs, bars_bar)
    if not targets:
        return [None] * len(inputs)
    return tape.gradient(targets, inputs, output_gradients=cotangents)


def _composed(
    op: tf.Operation, inputs: Sequence[tf.Tensor], bars_bar: Sequence[MaybeTensor]
) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    """The outputs of the op at `inputs` that have cotangents, and their cotangents."""
    layout = _text(op, "layout")
    x, *operands, V, G, M = inputs
    outputs = composed_vjp(
        x,
        operands,
        parse_terms(_text(op, "terms")),
        layout,
        V if op.get_attr("want_value") else None,
        G if op.get_attr("want_gradient") else None,
        M if layout != "none" else None,
    )
    pairs = [
        (output, bar)
        for output, bar, is_wanted in zip(outputs, bars_bar, op.get_attr("wanted"), strict=True)
        if is_wanted and output is not None and bar is not None
    ]
    return [output for output, _ in pairs], [bar for _, bar in pairs]


def _text(op: tf.Operation, attribute: str) -> str:
    return tf.compat.as_text(op.get_attr(attribute))


def _is_graph_constant(tensor: tf.Tensor) -> bool:
    return tf.is_symbolic_tensor(tensor) and tensor.op.type == "Const"
