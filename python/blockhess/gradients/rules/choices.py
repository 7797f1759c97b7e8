"""What a choice does not take has no derivatives, not even infinite ones.

Where `tf.where(mask, tf.sqrt(x), 0)` does not take the root, TensorFlow multiplies the slope of the
root by zero, which is NaN at x = 0. An operation all of whose results go to choices is
differentiated at 1 instead of x wherever no choice takes one (the "double where").
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess._tensorflow import ops
from blockhess.gradients.broadcasting import summed_to
from blockhess.gradients.ends import is_end
from blockhess.gradients.paths import consumers
from blockhess.gradients.rules.left_out import is_by_equality, kept, leaves_out, only_makes_axes

# Arguments where functions and their derivatives are finite, if 1 is none.
_SAFE = {"Acosh": 2.0, **dict.fromkeys(("Asin", "Acos", "Atanh", "Erfinv", "Ndtri"), 0.5)}
# Functions that have poles, overflow, or leave the real numbers.
_SINGULAR = frozenset(_SAFE) | frozenset(
    {
        *("Sqrt", "Rsqrt", "Reciprocal", "Inv", "Log", "Log1p", "Pow", "RealDiv", "Div"),
        *("Xlogy", "Xlog1py", "Xdivy", "Exp", "Expm1", "Sinh", "Cosh", "Tan", "Lgamma", "Digamma"),
        *("EuclideanNorm", "Atan2"),
    }
)
# Functions whose slope is not finite where their argument is not.
_CURVED = frozenset({"Mul", "Square", "SquaredDifference", "Sin", "Cos", "Erf"})
_LINEAR = frozenset({"Add", "AddV2", "AddN", "Sub", "Neg", "Identity", "Cast", "Abs", "Real"})
_BOUNDED = frozenset({"Tanh", "Sigmoid", "Softplus", "Atan"})
_SUMS = frozenset({"Sum", "Mean", "EuclideanNorm"})
_RESHAPES = frozenset({"Reshape", "Squeeze", "ExpandDims"})
_FOLLOWED = _SINGULAR | _CURVED | _LINEAR | _BOUNDED | _SUMS | _RESHAPES | {"Transpose"}


# The consumers of each tensor on the ways to choices.
Ways = dict[object, list[tf.Operation]]


def _untaken(op: tf.Operation) -> Callable | None:
    ways = _to_choices(op)
    if ways is None or not _may_be_infinite(op):
        return None

    def gradient(op: tf.Operation, *cotangents: tf.Tensor):
        from blockhess.gradients.rules import GRADIENTS

        function = GRADIENTS.get(op.type) or ops.gradient_registry.lookup(op.type)
        return function(_at_safe_places(op, _Taken(ways)), *cotangents)

    return gradient


def _to_choices(op: tf.Operation) -> Ways | None:
    """The ways from the result of the op, if all end in choices; None where one does not.

    Operations that are added later, by derivatives, take results of the choices only.
    """
    ways, pending, is_found = {}, [op.outputs[0]], False
    while pending:
        tensor = pending.pop()
        if tensor.ref() in ways:
            continue
        if is_end(tensor):
            return None
        ways[tensor.ref()] = consumers(tensor)
        for consumer in ways[tensor.ref()]:
            if _is_choice(consumer, op) or leaves_out(consumer, tensor):
                is_found = True
            elif _is_followed(consumer):
                pending.append(consumer.outputs[0])
            else:
                return None
    return ways if is_found else None


def _is_followed(op: tf.Operation) -> bool:
    return op.type in _FOLLOWED or only_makes_axes(op)


def _may_be_infinite(op: tf.Operation) -> bool:
    """Whether the slope may be infinite: its own, or as that of a guarded argument may be."""
    pending, seen = [op], {op}
    while pending:
        source = pending.pop()
        if _is_singular(source) and (source is op or _to_choices(source) is not None):
            return True
        before = {tensor.op for tensor in source.inputs if tensor.op.type in _FOLLOWED} - seen
        seen |= before
        pending += before
    return False


def _is_singular(op: tf.Operation) -> bool:
    if op.type in ("RealDiv", "Div"):
        divisor = tf.get_static_value(op.inputs[1])
        return divisor is None or not divisor.all()
    return op.type in _SINGULAR


def _is_choice(op: tf.Operation, of: tf.Operation) -> bool:
    ranks = [tensor.shape.rank for tensor in (*op.inputs, *op.outputs, *of.outputs)]
    if None in ranks:
        return False
    if op.type in ("Select", "SelectV2"):
        is_alike = op.type == "SelectV2" or ranks[0] in (0, ranks[-2])
        return is_alike and not is_by_equality(op.inputs[0])
    # Relu and the like count for results of their own shape only: networks have many other
    # operations before activations.
    lengths = [[n for n in o.outputs[0].shape if n != 1] for o in (op, of)]
    return op.type in ("Relu", "Maximum", "Minimum") and lengths[0] == lengths[1]


class _Taken(dict):
    """Masks of tensors, bool and of their shapes: where any choice takes what is made of them.

    Attributes:
      ways: the ways from the tensors to the choices.
    """

    def __init__(self, ways: Ways) -> None:
        self.ways = ways

    def of(self, tensor: tf.Tensor) -> tf.Tensor | None:
        """The mask; None where nothing has been made of the tensor."""
        if tensor.ref() not in self:
            result = None
            for consumer in self.ways[tensor.ref()]:
                for mask in self._masks(consumer, tensor):
                    is_new = result is not None and mask is not result
                    result = tf.logical_or(result, mask) if is_new else mask
            self[tensor.ref()] = result
        return self[tensor.ref()]

    def _masks(self, consumer: tf.Operation, tensor: tf.Tensor) -> list[tf.Tensor]:
        chosen = consumer.outputs[0]
        numbers = [i for i, source in enumerate(consumer.inputs) if source is tensor]
        if leaves_out(consumer, tensor):
            return [kept(consumer, number) for number in numbers]
        if not _is_followed(consumer):
            return [_reduced(_mask(consumer, number), chosen, tensor) for number in numbers]
        taken = self.of(chosen)
        if taken is None:
            return []
        if consumer.type in _RESHAPES or only_makes_axes(consumer):
            return [tf.reshape(taken, tf.shape(tensor))]
        if consumer.type == "Transpose":
            return [tf.transpose(taken, tf.math.invert_permutation(consumer.inputs[1]))]
        if consumer.type in _SUMS:
            return [_of_cells(taken, tensor, consumer.inputs[1])]
        return [_reduced(taken, chosen, tensor)]


def _mask(choice: tf.Operation, number: int) -> tf.Tensor:
    """Where the choice takes its input of this number, or may: at ties, and where it is NaN."""
    if choice.type == "Relu":
        return tf.logical_not(choice.inputs[0] < 0)
    a, b = choice.inputs[:2]
    if choice.type in ("Maximum", "Minimum"):
        first_is_less = (choice.type == "Maximum") == (number == 0)
        return tf.logical_not(a < b if first_is_less else b < a)
    return a if number == 1 else tf.logical_not(a)


def _reduced(mask: tf.Tensor, chosen: tf.Tensor, operand: tf.Tensor) -> tf.Tensor:
    """Whether any of the cells to which a cell of the operand was broadcast is in the mask."""
    if chosen.shape.is_fully_defined() and chosen.shape == mask.shape == operand.shape:
        return mask
    counted = tf.cast(tf.broadcast_to(mask, tf.shape(chosen)), tf.float32)
    return summed_to(counted, operand) > 0


def _of_cells(taken: tf.Tensor, cells: tf.Tensor, axes: tf.Tensor) -> tf.Tensor:
    """For each of the cells that are summed along the axes whether the sum is taken."""
    kept = tf.shape(tf.reduce_sum(tf.zeros_like(cells, tf.float32), axes, keepdims=True))
    return tf.broadcast_to(tf.reshape(taken, kept), tf.shape(cells))


def _at_safe_places(op: tf.Operation, masks: _Taken) -> tf.Operation:
    """The operation at other arguments wherever its result is not taken."""
    taken, result = masks.of(op.outputs[0]), op.outputs[0]
    safe, inputs = _SAFE.get(op.type, 1.0), list(op.inputs)
    for i, x in enumerate(inputs):
        if tf.get_static_value(x) is None and (x.dtype.is_floating or x.dtype.is_complex):
            is_sum = op.type in _SUMS
            mask = _of_cells(taken, x, op.inputs[1]) if is_sum else _reduced(taken, result, x)
            inputs[i] = tf.where(mask, x, tf.cast(safe, x.dtype))
    attributes = {k: v for k, v in op.node_def.attr.items() if not k.startswith("_")}
    graph, types = tf.compat.v1.get_default_graph(), [output.dtype for output in op.outputs]
    return graph.create_op(op.type, inputs, types, attrs=attributes, name="taken")


PATTERNS = dict.fromkeys(_SINGULAR | _CURVED | _BOUNDED, _untaken)
