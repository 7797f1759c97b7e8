"""Reading f: from its result back to x, one rule a TensorFlow operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tensorflow as tf

from blockhess.row_graph import inlining
from blockhess.row_graph.builder import Builder
from blockhess.row_graph.inlining import describe
from blockhess.row_graph.locally_constant import is_constant_in_x
from blockhess.row_graph.nodes import Geometry, Input, Node, Parameter, Unproven, Value
from blockhess.row_graph.rules.table import RULES
from blockhess.row_graph.symbolic_shape import shape_inputs, sources


class Reader:
    """Reads tensors of one graph as values of a row graph over x.

    Args:
      x: tensor of shape (..., K) with a known rank and a known K.
      reads: further tensors that count as x, where it is a variable that f reads repeatedly.

    Attributes:
      dtype, checks: as those of `Builder`.
    """

    def __init__(self, x: tf.Tensor, reads: Sequence[tf.Tensor] = ()) -> None:
        self.x = x
        row = Input(x, Geometry(x.shape.rank - 1, (int(x.shape[-1]),)))
        self._values: dict[object, Value] = {read.ref(): row for read in (x, *reads)}
        self._builder = Builder(x, self._values)
        self.dtype, self.checks = self._builder.dtype, self._builder.checks
        self._cast: dict[object, Parameter] = {}

    def read(self, tensor: tf.Tensor) -> Value:
        """The value of `tensor`; its ancestors are read first, without recursion."""
        stack = [tensor]
        opened: set[tuple[int, object]] = set()
        while stack:
            op = stack[-1].op
            if stack[-1].ref() in self._values:
                stack.pop()
                continue
            missing = self._unread(op)
            if missing and (id(op), missing[0].ref()) not in opened:
                opened.add((id(op), missing[0].ref()))
                stack.extend(missing)
                continue
            if missing:  # A cycle: a loop in the control flow of TensorFlow 1.
                values = [Unproven(o, f"{describe(op)} is part of a loop") for o in op.outputs]
            else:
                values = self._apply(op)
            for output, value in zip(op.outputs, values, strict=True):
                self._values[output.ref()] = value
        return self._values[tensor.ref()]

    def _unread(self, op: tf.Operation) -> list[tf.Tensor]:
        """The tensors to read before the operation: its inputs, then those that give its shape."""
        if is_constant_in_x(op):
            return []
        missing = [tensor for tensor in op.inputs if tensor.ref() not in self._values]
        if missing or not any(isinstance(self._values[i.ref()], Node) for i in op.inputs):
            return missing
        shapes = [source for shape in shape_inputs(op) for source in sources(shape)]
        return [tensor for tensor in shapes if tensor.ref() not in self._values]

    def _apply(self, op: tf.Operation) -> Iterable[Value]:
        """The values of the outputs of an operation whose inputs have been read."""
        if is_constant_in_x(op):
            return [Parameter(output) for output in op.outputs]
        inputs = [self._values[i.ref()] for i in op.inputs]
        if all(isinstance(value, Parameter) for value in inputs):
            return [Parameter(output) for output in op.outputs]
        unproven = next((value for value in inputs if isinstance(value, Unproven)), None)
        if unproven is not None:
            return [Unproven(output, unproven.reason) for output in op.outputs]
        if inlining.is_call(op):
            return self._apply_call(op)
        if inlining.has_custom_gradient(op):
            reason = f"{describe(op)} has a custom gradient"
            return [Unproven(output, reason) for output in op.outputs]
        rule = RULES.get(op.type)
        if rule is None:
            return [Unproven(output, f"no rule for {describe(op)}") for output in op.outputs]
        result = rule(self._builder, op, [self._computable(value) for value in inputs])
        return result if isinstance(result, tuple) else (result,)

    def _computable(self, value: Value) -> Value:
        """The value; a parameter of another floating type is cast to that of the nodes."""
        dtype = value.tensor.dtype
        if isinstance(value, Node) or not dtype.is_floating or dtype == self.dtype:
            return value
        key = value.tensor.ref()
        if key not in self._cast:
            self._cast[key] = Parameter(tf.cast(value.tensor, self.dtype))
        return self._cast[key]

    def _apply_call(self, op: tf.Operation) -> Iterable[Value]:
        reason = inlining.obstacle(op)
        if reason is not None:
            return [Unproven(output, f"{describe(op)}: {reason}") for output in op.outputs]
        return [self.read(tensor) for tensor in inlining.inline(op)]
