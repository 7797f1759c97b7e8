"""Smooth functions that are written by two choices, which have to agree at a tie.

log(exp(a) + exp(b)) is max(a, b) + log1p(exp(-|a - b|)), say. At a tie TensorFlow takes the slope
of max by a and none of the absolute value, and the sum has the slope of neither side. Where the
second choice takes the side of the first all derivatives are those of one smooth formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tensorflow as tf

from blockhess.gradients.broadcasting import summed_to

_SCALINGS = ("Neg", "Mul")


def _of_abs(op: tf.Operation) -> Callable | None:
    side = _side_in_logarithm(op) or _side_in_hypotenuse(op)
    if side is None:
        return None

    def gradient(op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
        x = op.inputs[0]
        is_positive = x >= 0 if side > 0 else x > 0
        return tf.where(is_positive, cotangent, -cotangent)

    return gradient


def _side_in_logarithm(op: tf.Operation) -> int | None:
    """The sign that |d| takes at 0 in log1p(exp(-|d|)), by the choice that is made beside it."""
    found = [c.type for c in _along(op, (*_SCALINGS, "Exp", "Pow"))]
    if "Log1p" not in found or not {"Exp", "Pow"} & set(found):
        return None
    d = op.inputs[0]
    for sign, x in _signed(d):
        for choice in x.consumers():
            if choice.type == "Relu":
                return -sign
            if choice.type in ("Maximum", "Minimum") and _is_zero(_other(choice, x)):
                return _side(choice, x) * sign
    if d.op.type == "Sub":
        a, b = d.op.inputs
        for choice in a.consumers():
            if choice.type in ("Maximum", "Minimum") and _other(choice, a) is b:
                return _side(choice, a)
    return None


def _along(op: tf.Operation, types: tuple[str, ...]) -> Iterator[tf.Operation]:
    """The operations that follow by way of operations of these types only, themselves included."""
    pending = list(op.outputs[0].consumers())
    while pending:
        consumer = pending.pop()
        yield consumer
        if consumer.type in types:
            pending += consumer.outputs[0].consumers()


def _signed(d: tf.Tensor) -> Iterator[tuple[int, tf.Tensor]]:
    """Tensors that are d or -d, with the sign."""
    sign, root = (-1, d.op.inputs[0]) if d.op.type == "Neg" else (1, d)
    yield sign, root
    yield from ((-sign, c.outputs[0]) for c in root.consumers() if c.type == "Neg")


def _is_zero(x: tf.Tensor | None) -> bool:
    value = None if x is None else tf.get_static_value(x)
    return value is not None and not value.any()


def _other(choice: tf.Operation, x: tf.Tensor) -> tf.Tensor | None:
    a, b = choice.inputs
    return b if a is x else a if b is x else None


def _side(choice: tf.Operation, x: tf.Tensor) -> int:
    """The sign of x - other on the side that TensorFlow takes at a tie, the first input's."""
    return 1 if (choice.type == "Maximum") == (choice.inputs[0] is x) else -1


def _side_in_hypotenuse(op: tf.Operation) -> int | None:
    """|a| in max(|a|, |b|) sqrt(1 + (min(|a|, |b|) / max(|a|, |b|))**2)."""
    return 1 if any(_of_minimum(c) for c in op.outputs[0].consumers() if _is_ratio(c)) else None


def _is_ratio(op: tf.Operation) -> bool:
    divisions = ("DivNoNan", "RealDiv")
    return op.type == "Minimum" and any(c.type in divisions for c in op.outputs[0].consumers())


def _of_minimum(op: tf.Operation) -> Callable | None:
    """A minimum beside the maximum of the same two, which both take the first at a tie."""
    a, b = op.inputs
    if not any(
        c.type == "Maximum" and c.inputs[0] is a and c.inputs[1] is b for c in a.consumers()
    ):
        return None

    def gradient(op: tf.Operation, cotangent: tf.Tensor):
        a, b = op.inputs
        none = tf.zeros([], cotangent.dtype)
        by_a, by_b = tf.where(a < b, cotangent, none), tf.where(a < b, none, cotangent)
        return summed_to(by_a, a), summed_to(by_b, b)

    return gradient


PATTERNS = {"Abs": _of_abs, "Minimum": _of_minimum}
