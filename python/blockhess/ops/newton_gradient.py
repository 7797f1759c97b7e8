"""The registered gradients of BlockhessNewton and of BlockhessNewtonSolve.

With B = H + damping I + E, where E is what a block is modified by, p solves B p = -g. With E held
constant, B dp = -(dg + (dH + d damping I) p), so for the cotangent P of p and B q = P

    g_bar = -q     H_bar = -sym(q p')     damping_bar = -q' p
"""

from __future__ import annotations

import tensorflow as tf

from ..formula.term_programs import parse_terms
from .library import library
from .vjp import vjp

MaybeTensor = tf.Tensor | None


@tf.RegisterGradient("BlockhessNewtonSolve")
def _solve_gradient(op: tf.Operation, P: MaybeTensor) -> list[MaybeTensor]:
    if P is None:
        return [None] * 3
    _, hessian, damping = op.inputs
    return list(_bars(op, hessian, damping, op.outputs[0], P))


@tf.RegisterGradient("BlockhessNewton")
def _newton_gradient(
    op: tf.Operation, V: MaybeTensor, G: MaybeTensor, P: MaybeTensor
) -> list[MaybeTensor]:
    x, *operands, damping = op.inputs
    text = op.get_attr("terms")
    V = V if op.get_attr("want_value") else None
    G = G if op.get_attr("want_gradient") else None
    M, damping_bar = None, None
    if P is not None:
        # The blocks are written to memory here: their cotangents are full matrices, too.
        hessian = library.blockhess_terms(x=x, operands=operands, terms=text)[2]
        g_bar, M, damping_bar = _bars(op, hessian, damping, op.outputs[2], P)
        G = g_bar if G is None else G + g_bar
    if V is None and G is None:
        return [None] * len(op.inputs)
    wanted = [True] * (1 + len(operands))
    forward = parse_terms(tf.compat.as_text(text))
    return [*vjp(x, operands, forward, "dense", V, G, M, wanted), damping_bar]


def _bars(
    op: tf.Operation, hessian: tf.Tensor, damping: tf.Tensor, p: tf.Tensor, P: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    q = library.blockhess_newton_solve(
        gradient=-P, hessian=hessian, damping=damping, on_indefinite=op.get_attr("on_indefinite")
    )
    outer = q[:, :, tf.newaxis] * p[:, tf.newaxis, :]
    rows = tf.range(1 - tf.rank(damping))  # the axis to sum, where damping is a scalar
    damping_bar = -tf.reduce_sum(tf.reduce_sum(q * p, 1), rows)
    return -q, -0.5 * (outer + tf.linalg.matrix_transpose(outer)), damping_bar
