"""The converters of the ops for tf.vectorized_map: one call with the rows of all iterations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from .._tensorflow import ConversionNotImplementedError, RegisterPFor, wrap
from ..formula.layouts import LAYOUTS
from ..formula.term_programs import TermPrograms, parse_terms
from .library import library

# A tensor of the loop's body: `t`, with an axis of iterations before its own if `is_stacked`, the
# same in every iteration if not.
_Value = Any
_Size = int | tf.Tensor


@RegisterPFor("BlockhessTerms")
def _convert_terms(call: Any) -> list[_Value]:
    x, *operands = call.inputs
    rows = _Rows(call)
    ranks = _ranks(parse_terms(_text(call, "terms")), operands)
    layout = _text(call, "layout")
    wanted = [call.get_attr("want_value"), call.get_attr("want_gradient"), layout != "none"]
    outputs = library.blockhess_terms(
        x=rows.joined(x, 2),
        operands=list(map(rows.joined_or_shared, operands, ranks)),
        terms=_text(call, "terms"),
        layout=layout,
        want_value=wanted[0],
        want_gradient=wanted[1],
    )
    return [rows.split(o) if w else wrap(o, False) for o, w in zip(outputs, wanted, strict=True)]


@RegisterPFor("BlockhessTermsGrad")
def _convert_terms_grad(call: Any) -> list[_Value]:
    """An operand whose cotangent is wanted becomes one a row: each iteration has its own sum."""
    x, *operands, V, G, M = call.inputs
    rows = _Rows(call)
    ranks = _ranks(parse_terms(_text(call, "terms")), operands)
    layout = _text(call, "layout")
    x_wanted, *wanted = call.get_attr("wanted")
    x_bar, bars = library.blockhess_terms_grad(
        x=rows.joined(x, 2),
        operands=[
            (rows.joined if w else rows.joined_or_shared)(o, rank)
            for o, rank, w in zip(operands, ranks, wanted, strict=True)
        ],
        value_cotangent=rows.joined(V, 1) if call.get_attr("want_value") else V.t,
        gradient_cotangent=rows.joined(G, 2) if call.get_attr("want_gradient") else G.t,
        hessian_cotangent=M.t if layout == "none" else rows.joined(M, 1 + LAYOUTS[layout].rank),
        terms=_text(call, "terms"),
        layout=layout,
        want_value=call.get_attr("want_value"),
        want_gradient=call.get_attr("want_gradient"),
        wanted=call.get_attr("wanted"),
    )
    return [rows.split(x_bar) if x_wanted else wrap(x_bar, False)] + [
        rows.summed(bar, o, rank) if w else wrap(bar, False)
        for bar, o, rank, w in zip(bars, operands, ranks, wanted, strict=True)
    ]


@RegisterPFor("BlockhessMap")
def _convert_map(call: Any) -> list[_Value]:
    """Scalars that iterations share stay scalars; all else gets the shape of the outputs."""
    shape = next((_own_sizes(v) for v in call.inputs if _rank(v) > 0), [])
    every = [_iterations(call), *shape]
    outputs = library.blockhess_map(
        inputs=[
            tf.broadcast_to(_with_rank(v, len(shape)), every) if v.is_stacked or _rank(v) else v.t
            for v in call.inputs
        ],
        num_outputs=call.get_attr("num_outputs"),
        program=_text(call, "program"),
    )
    return [wrap(output) for output in outputs]


class _Rows:
    """L iterations of N rows each, and tensors of their L N rows."""

    def __init__(self, call: Any) -> None:
        self.L = _iterations(call)
        self.N = _own_sizes(call.input(0))[0]

    def joined(self, value: _Value, rank: int) -> tf.Tensor:
        """(L N, ...), one entry a row; `rank` is that of a value that has one a row."""
        single = _with_rank(value, rank)
        cells = _sizes(single)[2:]
        every = tf.broadcast_to(single, [self.L, self.N, *cells])
        return tf.reshape(every, [self.L * self.N, *cells])

    def joined_or_shared(self, value: _Value, rank: int) -> tf.Tensor:
        """The tensor as it is where all rows of all iterations share it."""
        shared = _rank(value) < rank or value.t.shape[0] == 1
        return value.t if shared and not value.is_stacked else self.joined(value, rank)

    def split(self, joined: tf.Tensor) -> _Value:
        return wrap(tf.reshape(joined, [self.L, self.N, *_sizes(joined)[1:]]))

    def summed(self, bar: tf.Tensor, value: _Value, rank: int) -> _Value:
        """The cotangent of the value in each iteration, from that of what `joined` made of it."""
        every = self.split(bar).t
        rows = _sizes(_with_rank(value, rank))[1]
        axes, _ = tf.raw_ops.BroadcastGradientArgs(s0=tf.stack([rows]), s1=tf.stack([self.N]))
        total = tf.reduce_sum(every, axis=axes + 1)
        return wrap(tf.reshape(total, [self.L, *_own_sizes(value)]))


def _ranks(terms: Sequence[TermPrograms], operands: Sequence[_Value]) -> list[int]:
    """The rank that each operand of the terms has, or would have, with an entry a row."""
    ranks: list[int] = []
    for term in terms:
        ranks += [2] * term.num_phi_parameters + [3] * term.quadratic + [2] * term.linear
        of_psi = operands[len(ranks) : len(ranks) + term.num_psi_parameters]
        ranks += [max(1, _rank(operand)) for operand in of_psi]
    return ranks


def _with_rank(value: _Value, rank: int) -> tf.Tensor:
    """The value with axes of size 1 in front, up to `rank`, after an axis of iterations or of 1."""
    own = _own_sizes(value)
    iterations = _sizes(value.t)[0] if value.is_stacked else 1
    return tf.reshape(value.t, [iterations, *[1] * (rank - len(own)), *own])


def _iterations(call: Any) -> _Size:
    vector = call.pfor.loop_len_vector
    known = tf.get_static_value(vector)
    return tf.cast(vector[0], tf.int32) if known is None else int(known[0])


def _rank(value: _Value) -> int:
    return len(_own_sizes(value))


def _own_sizes(value: _Value) -> list[_Size]:
    """The sizes of the value in one iteration."""
    return _sizes(value.t)[int(value.is_stacked) :]


def _sizes(t: tf.Tensor) -> list[_Size]:
    if t.shape.rank is None:
        raise ConversionNotImplementedError(f"the rank of '{t.name}' is not known")
    return [tf.shape(t)[i] if size is None else size for i, size in enumerate(t.shape)]


def _text(call: Any, attribute: str) -> str:
    return tf.compat.as_text(call.get_attr(attribute))
