"""The operations by which a result depends on x, as far as derivatives go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from blockhess._tensorflow import IsTrainable, own_gradient
from blockhess.row_graph.locally_constant import is_constant_in_x


class Step(NamedTuple):
    """An operation on a path.

    Attributes:
      op: the operation.
      reached: the numbers of its inputs by which x comes in.
    """

    op: tf.Operation
    reached: frozenset[int]


def carries_derivatives(tensor: tf.Tensor) -> bool:
    """Whether TensorFlow passes derivatives through a tensor of this type."""
    return IsTrainable(tensor) or tensor.dtype in (tf.resource, tf.variant)


def ends_paths(op: tf.Operation) -> bool:
    """Whether the results have no derivative by x."""
    return own_gradient(op) is None and is_constant_in_x(op)


def consumers(tensor: tf.Tensor) -> list[tf.Operation]:
    """The consumers of a tensor through which derivatives pass."""
    return [
        op
        for op in dict.fromkeys(tensor.consumers())
        if any(map(carries_derivatives, op.outputs)) and not ends_paths(op)
    ]


def between(sources: Iterable[tf.Tensor], ends: Iterable[tf.Tensor]) -> list[Step]:
    """The operations that the sources reach, of those that the ends need.

    Args:
      sources: tensors that count as x.
      ends: the results.
    """
    reached: dict[tf.Operation, set[int]] = {}
    stack = list(sources)
    seen = {tensor.ref() for tensor in stack}
    while stack:
        tensor = stack.pop()
        for op in tensor.consumers():
            if ends_paths(op):
                continue
            numbers = reached.setdefault(op, set())
            numbers.update(i for i, source in enumerate(op.inputs) if source is tensor)
            for output in op.outputs:
                if output.ref() not in seen and carries_derivatives(output):
                    seen.add(output.ref())
                    stack.append(output)
    return _needed(reached, ends)


def _needed(reached: dict[tf.Operation, set[int]], ends: Iterable[tf.Tensor]) -> list[Step]:
    steps: list[Step] = []
    pending = [end.op for end in ends]
    visited: set[tf.Operation] = set()
    while pending:
        op = pending.pop()
        if op in visited or op not in reached:
            continue
        visited.add(op)
        steps.append(Step(op, frozenset(reached[op])))
        pending.extend(op.inputs[i].op for i in reached[op])
    return steps


def reaches(sources: Sequence[tf.Tensor], ends: Sequence[tf.Tensor]) -> list[bool]:
    """For each end whether the sources reach it."""
    reached = {step.op for step in between(sources, ends)}
    starts = {source.ref() for source in sources}
    return [end.op in reached or end.ref() in starts for end in ends]
