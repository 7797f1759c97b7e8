"""Small graphs run as eager calls of their few operations.

A call of a `tf.function` hands its graph to another thread and waits for it, which costs more than
a fused op takes for a thousand rows. A traced function of one or a few plain operations is called
operation by operation instead, right here. TensorFlow's optimiser of graphs, which sees functions
alone, may make their last bits differ.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from blockhess._tensorflow import (
    NotOk,
    TensorShapeProto,
    execution,
    record,
    status_error,
)
from blockhess.eager.computation import Results

# Each costs an eager call, about 10 us where a call of a function costs 200.
_MOST_OPERATIONS = 12
_MOST_CONSTANT_VALUES = 1 << 16
# TensorFlow keeps the kernel of every eager operation with new attributes for ever, some 40 KB a
# term; those of a function go with the function. All could be let go, but with them would go the
# state of other people's operations, such as the next number of a `tf.random.uniform(seed=1)`.
_MOST_KERNELS = 500
_kernels: set[int] = set()
_lock = threading.Lock()
# Its result is what the variable holds when it is called, here as in the function.
_HARMLESS_STATE = "ReadVariableOp"
# What these do beside handing on their input is for graphs and tapes.
_HAND_ON = frozenset({"Identity", "StopGradient"})


class _Step(NamedTuple):
    """One operation; its arguments are numbers of values."""

    kind: str
    arguments: tuple[int, ...]
    attributes: tuple
    num_results: int


class Replay:
    """The operations of a concrete function in order; values are numbered as they come about.

    First come x, what else it takes and the captured tensors, then constants, then the results of
    the steps.
    """

    def __init__(
        self,
        captured: list,
        constants: list,
        steps: list[_Step],
        pack: Callable[[list[tf.Tensor]], Results],
    ) -> None:
        self._known, self._steps, self._pack = [*captured, *constants], steps, pack

    def __call__(self, *inputs: tf.Tensor) -> Results:
        values, run = [*inputs, *self._known], execution()
        try:
            for kind, arguments, attributes, num_results in self._steps:
                values += run(kind, [values[i] for i in arguments], attributes, num_results)
        except NotOk as error:
            raise status_error(error) from None
        return self._pack(values)


def may_replay() -> bool:
    """Whether nobody records operations: a tape is better off with the function as a whole."""
    return not record.could_possibly_record()


def replay_of(concrete: tf.types.experimental.ConcreteFunction) -> Replay | None:
    """The replay of a function of x, or None where its graph is not small and plain."""
    graph, captured = concrete.graph, concrete.captured_inputs
    if len(captured) != len(graph.external_captures):
        return None  # Some are looked up at each call.
    needed = _needed(graph)
    constants = [op for op in needed if op.type == "Const"]
    steps = [op for op in needed if op.type not in ("Const", "Placeholder")]
    num_calls = sum(op.type not in _HAND_ON for op in steps)
    if num_calls > _MOST_OPERATIONS or not all(_is_plain(op, graph) for op in needed):
        return None
    if any(op.outputs[0].shape.num_elements() > _MOST_CONSTANT_VALUES for op in constants):
        return None
    known = [*graph.inputs, *(op.outputs[0] for op in constants)]
    number = {tensor.ref(): i for i, tensor in enumerate(known)}
    num_values, replayed = len(known), []
    for op in steps:
        arguments = tuple(number[tensor.ref()] for tensor in op.inputs)
        if op.type in _HAND_ON:
            number[op.outputs[0].ref()] = arguments[0]
            continue
        replayed.append(_Step(op.type, arguments, _attributes(op), len(op.outputs)))
        for tensor in op.outputs:
            number[tensor.ref()] = num_values
            num_values += 1
    if not _has_room_for(replayed):
        return None
    with tf.init_scope():
        values = [tf.constant(tf.make_ndarray(op.get_attr("value"))) for op in constants]
    outputs = [number[tensor.ref()] for tensor in graph.outputs]
    return Replay(captured, values, replayed, _packing(concrete, outputs))


def _packing(
    concrete: tf.types.experimental.ConcreteFunction, outputs: list[int]
) -> Callable[[list[tf.Tensor]], Results]:
    """From all values to the results of the function, those of the numbers `outputs`."""
    results = concrete.structured_outputs
    if not all(part is None or isinstance(part, (tf.Tensor, tf.TensorSpec)) for part in results):
        return lambda values: concrete.function_type.pack_output([values[i] for i in outputs])
    make = functools.partial(tuple.__new__, type(results))
    if len(results) == 1:
        return lambda values: make([values[i] for i in outputs])
    remaining = iter(outputs)
    pick = operator.itemgetter(*(-1 if part is None else next(remaining) for part in results))
    return lambda values: make(pick([*values, None]))


def _has_room_for(steps: list[_Step]) -> bool:
    """Whether the kernels of the steps may be kept, as they are from now on."""
    with _lock:
        kernels = _kernels | {hash((step.kind, repr(step.attributes))) for step in steps}
        if len(kernels) > _MOST_KERNELS:
            return False
        _kernels.update(kernels)
        return True


def _needed(graph: tf.Graph) -> list[tf.Operation]:
    """The operations that the outputs depend on, in the order of the graph: inputs first."""
    # Operations that run for what they do, a check for instance, are needed too.
    needed, pending = set(), [*(tensor.op for tensor in graph.outputs), *graph.control_outputs]
    while pending:
        op = pending.pop()
        if op in needed:
            continue
        needed.add(op)
        pending += [*(tensor.op for tensor in op.inputs), *op.control_inputs]
    return [op for op in graph.get_operations() if op in needed]


def _is_plain(op: tf.Operation, graph: tf.Graph) -> bool:
    """Whether an eager call of the operation does all that it does in the graph.

    Control edges need no heed: among operations that change nothing no order matters.
    """
    if op.type == "Placeholder":
        return any(op.outputs[0] is tensor for tensor in graph.inputs)
    if op.type == "Const":
        return True
    definition = op.op_def
    holds = {attribute.type for attribute in definition.attr}
    has_state = definition.is_stateful and op.type != _HARMLESS_STATE
    unlike_eager = holds & {"func", "list(func)", "tensor", "list(tensor)"}
    return not (op.device or unlike_eager or has_state)


def _attributes(op: tf.Operation) -> tuple:
    """Names and values, in turn, as eager execution takes them."""
    attributes: list = []
    for attribute in op.op_def.attr:
        attributes += [attribute.name, _eager_value(op.get_attr(attribute.name))]
    return tuple(attributes)


def _eager_value(value):
    if isinstance(value, tf.DType):
        return value.as_datatype_enum
    if isinstance(value, TensorShapeProto):
        shape = tf.TensorShape(value)
        return None if shape.rank is None else [-1 if n is None else n for n in shape.as_list()]
    if isinstance(value, list):
        return [_eager_value(v) for v in value]
    return value
