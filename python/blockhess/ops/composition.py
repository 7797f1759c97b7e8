"""The formula's vector-Jacobian product, composed of TensorFlow ops and maps.

It computes what the fused op BlockhessTermsGrad computes, from the same programs, but out of
differentiable parts. So it gives that op its gradient, and takes its place where a program is too
long to fuse. The names are those of the formula: u, S, D, M, V, G, t1, t2, t3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..expressions import ZERO
from ..formula.term_programs import ScalarFunction, TermPrograms
from .map import map as map_

MaybeTensor = tf.Tensor | None


@dataclass(frozen=True)
class HessianCotangent:
    """M, symmetrised: a matrix a row (N, K, K), or only its diagonal (N, K)."""

    matrix: MaybeTensor
    diagonal: tf.Tensor

    @staticmethod
    def from_layout(cotangent: tf.Tensor, layout: str, K: tf.Tensor) -> HessianCotangent:
        """M as its layout holds it: (N, K, K), (N, K), (N, K (K + 1) / 2) or (N,)."""
        if layout == "diag":
            return HessianCotangent(None, cotangent)
        if layout == "trace":
            return HessianCotangent(None, tf.repeat(cotangent[:, None], K, axis=1))
        if layout == "packed":
            cotangent = _unpacked(cotangent, K)
        matrix = 0.5 * (cotangent + tf.linalg.matrix_transpose(cotangent))
        return HessianCotangent(matrix, tf.linalg.diag_part(matrix))

    def times(self, v: tf.Tensor) -> tf.Tensor:
        """M v, a vector a row."""
        return self.diagonal * v if self.matrix is None else tf.linalg.matvec(self.matrix, v)

    def dot(self, S: tf.Tensor) -> tf.Tensor:
        """<M, S>, a number a row, of one matrix (K, K) or one a row."""
        if self.matrix is None:
            return tf.reduce_sum(self.diagonal * tf.linalg.diag_part(S), axis=1)
        return tf.reduce_sum(self.matrix * S, axis=[1, 2])

    def scaled(self, factor: tf.Tensor) -> tf.Tensor:
        """M as matrices (N, K, K), each times its row's factor."""
        if self.matrix is None:
            return tf.linalg.diag(factor[:, None] * self.diagonal)
        return factor[:, None, None] * self.matrix


def _unpacked(packed: tf.Tensor, K: tf.Tensor) -> tf.Tensor:
    """Packed upper triangles as matrices that have the same inner product with symmetric ones."""
    row, column = tf.meshgrid(tf.range(K), tf.range(K), indexing="ij")
    low, high = tf.minimum(row, column), tf.maximum(row, column)
    matrix = tf.gather(packed, low * K - low * (low - 1) // 2 + high - low, axis=1)
    half = tf.constant(0.5, packed.dtype)
    # `row == column` would ask in a TF1 graph whether they are the same tensor.
    return matrix * tf.where(tf.equal(row, column), 2 * half, half)


def composed_vjp(
    x: tf.Tensor,
    operands: Sequence[tf.Tensor],
    terms: Sequence[TermPrograms],
    layout: str,
    V: MaybeTensor,
    G: MaybeTensor,
    hessian_cotangent: MaybeTensor,
) -> list[MaybeTensor]:
    """Cotangents of x and of every operand, summed over the terms; None for what vanishes.

    Args:
      x: (N, K).
      operands: of all terms in order, as the op takes them.
      terms: VJP programs, one a term.
      layout: of `hessian_cotangent`.
      V, G, hessian_cotangent: cotangents of value (N,), gradient (N, K) and Hessian, or None.
    """
    if x.dtype.size < tf.float32.size:
        cotangents = [_as(tf.float32, bar) for bar in (V, G, hessian_cotangent)]
        wide = [tf.cast(operand, tf.float32) for operand in operands]
        bars = composed_vjp(tf.cast(x, tf.float32), wide, terms, layout, *cotangents)
        return [_as(x.dtype, bar) for bar in bars]
    M = None
    if hessian_cotangent is not None:
        M = HessianCotangent.from_layout(hessian_cotangent, layout, tf.shape(x)[1])
    x_bar: MaybeTensor = None
    operand_bars: list[MaybeTensor] = []
    start = 0
    for term in terms:
        own = operands[start : start + term.num_operands]
        start += term.num_operands
        term_x_bar, bars = _TermVjp(x, own, term, V, G, M).bars()
        x_bar = _add(x_bar, term_x_bar)
        operand_bars += [
            None if bar is None else _sum_to_shape(bar, operand)
            for bar, operand in zip(bars, own, strict=True)
        ]
    return [x_bar, *operand_bars]


def _as(dtype: tf.DType, tensor: MaybeTensor) -> MaybeTensor:
    return None if tensor is None else tf.cast(tensor, dtype)


class _TermVjp:
    """One term's vector-Jacobian product; None stands for a vanishing quantity throughout."""

    def __init__(
        self,
        x: tf.Tensor,
        operands: Sequence[tf.Tensor],
        term: TermPrograms,
        V: MaybeTensor,
        G: MaybeTensor,
        M: HessianCotangent | None,
    ) -> None:
        self.x, self.V, self.G, self.M = x, V, G, M
        rest = list(operands)
        phi_parameters = [rest.pop(0) for _ in range(term.num_phi_parameters)]
        self.S = _symmetric(rest.pop(0)) if term.quadratic else None
        self.b = rest.pop(0) if term.linear else None
        self.phi = _evaluated(term.phi, x, phi_parameters) if term.phi else [None] * 4
        self.S_x = None if self.S is None else _matrix_times(self.S, x)
        self.u = _add(self.phi[1], self.S_x, self.b)
        rows = tf.zeros_like(x[:, 0])
        self.psi = _evaluated(
            term.psi, rows if (s := self._s()) is None else s, [_one_a_row(p, rows) for p in rest]
        )
        self.num_psi_parameters = len(rest)

    def _s(self) -> MaybeTensor:
        quadratic = _times(0.5, self.x, self.S_x)
        linear = _times(self.x, self.b)
        return _row_sum(_add(self.phi[0], quadratic, linear))

    def bars(self) -> tuple[MaybeTensor, list[MaybeTensor]]:
        """The cotangents of x and of the operands; these are not yet summed over rows."""
        phi2, phi3 = self.phi[2:4]
        psi1, psi2, psi3 = self.psi[1:4]
        V, G, M, u = self.V, self.G, self.M, self.u
        M_u = None if M is None or u is None else M.times(u)
        M_diagonal = None if M is None else M.diagonal
        t1 = None if M is None or self.S is None else M.dot(self.S)
        t1 = _add(t1, _row_sum(_times(M_diagonal, phi2)))
        t2 = _row_sum(_times(M_u, u))
        t3 = _row_sum(_times(G, u))
        t13 = _add(t1, t3)
        s_bar = _add(_times(psi2, t13), _times(psi3, t2), _times(psi1, V))
        u_bar = _add(_scale(psi2, _times(2.0, M_u)), _scale(psi1, G))
        psi1_M_diagonal = _scale(psi1, M_diagonal)
        x_bar = _add(
            _scale(s_bar, u),
            None if self.S is None or u_bar is None else _matrix_times(self.S, u_bar),
            _times(phi2, u_bar),
            _times(psi1_M_diagonal, phi3),
        )
        bars: list[MaybeTensor] = []
        for i in range(4, len(self.phi), 3):
            by0, by1, by2 = self.phi[i : i + 3]
            bars.append(_add(_scale(s_bar, by0), _times(u_bar, by1), _times(psi1_M_diagonal, by2)))
        if self.S is not None:
            bars.append(self._S_bar(s_bar, u_bar))
        if self.b is not None:
            bars.append(_add(u_bar, _scale(s_bar, self.x)))
        for i in range(4, len(self.psi), 3):
            by0, by1, by2 = self.psi[i : i + 3]
            bars.append(_add(_times(V, by0), _times(t13, by1), _times(t2, by2)))
        return x_bar, bars

    def _S_bar(self, s_bar: MaybeTensor, u_bar: MaybeTensor) -> MaybeTensor:
        psi1 = self.psi[1]
        from_block = None if self.M is None or psi1 is None else self.M.scaled(psi1)
        w = _add(u_bar, _scale(_times(0.5, s_bar), self.x))
        from_row = None if w is None else _symmetric(w[:, :, None] * self.x[:, None, :])
        return _add(from_block, from_row)


def _evaluated(
    f: ScalarFunction, argument: tf.Tensor, parameters: Sequence[tf.Tensor]
) -> list[MaybeTensor]:
    """The function's outputs at the argument, in its shape; None for vanishing and absent ones."""
    operands = dict(zip(f.inputs, [argument, *parameters], strict=True))
    needed = [o for o in f.outputs if o is not None and o is not ZERO]
    values = iter(map_(needed, operands) if needed else ())
    return [None if o is None or o is ZERO else next(values) for o in f.outputs]


def _one_a_row(parameter: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """A parameter of psi, scalar, (N,) or (N, 1), as (N,)."""
    return tf.broadcast_to(tf.reshape(parameter, [-1]), tf.shape(rows))


def _add(*summands: MaybeTensor) -> MaybeTensor:
    """The sum of those that do not vanish."""
    total: MaybeTensor = None
    for summand in summands:
        if summand is not None:
            total = summand if total is None else total + summand
    return total


def _times(*factors: MaybeTensor | float) -> MaybeTensor:
    """The product, which vanishes where a factor does."""
    product: MaybeTensor | float = 1.0
    for factor in factors:
        if factor is None:
            return None
        product = factor if isinstance(product, float) and product == 1.0 else product * factor
    return product


def _scale(row_factor: MaybeTensor, values: MaybeTensor) -> MaybeTensor:
    """A number a row times a vector a row."""
    if row_factor is None or values is None:
        return None
    return row_factor[:, None] * values


def _row_sum(values: MaybeTensor) -> MaybeTensor:
    return None if values is None else tf.reduce_sum(values, axis=1)


def _symmetric(S: tf.Tensor) -> tf.Tensor:
    return 0.5 * (S + tf.linalg.matrix_transpose(S))


def _matrix_times(S: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """S v in every row, for symmetric S, one for all rows (K, K) or one a row."""
    return tf.matmul(v, S) if S.shape.rank == 2 else tf.linalg.matvec(S, v)


def _sum_to_shape(bar: tf.Tensor, operand: tf.Tensor) -> tf.Tensor:
    """`bar` summed over the axes along which the operand was repeated, in the operand's shape."""
    shape = tf.shape(operand)
    flat = bar.shape.rank == 1
    own = tf.shape(tf.reshape(operand, [-1])) if flat else shape
    axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=own, s1=tf.shape(bar))
    return tf.reshape(tf.reduce_sum(bar, axis=axes), shape)
