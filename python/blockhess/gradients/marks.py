"""Operations on the paths of derivatives get the gradient functions of `rules`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from blockhess._tensorflow import function_def_to_graph, ops, own_gradient, set_own_gradient
from blockhess.gradients import bodies
from blockhess.gradients.ends import known
from blockhess.gradients.paths import Step, between, reaches
from blockhess.gradients.rules import GRADIENTS, PATTERNS, REFUSED, REFUSED_INPUTS
from blockhess.gradients.shared import share
from blockhess.row_graph import describe, inlining
from blockhess.row_graph.locally_constant import LOCALLY_CONSTANT

GradientFunction = Callable[..., object]
# Operations whose effects a copy of a function may have once more; loops and branches have those of
# what they run.
_MAY_HAPPEN_TWICE = frozenset({"Assert", "PrintV2", *bodies.LOOPS, *bodies.BRANCHES})


def prepare(sources: Iterable[tf.Tensor], ends: Sequence[tf.Tensor]) -> None:
    """Gives the operations between the sources and the ends gradient functions that are right, or
    that raise.

    Args:
      sources: tensors of one graph that count as x.
      ends: the results that will be differentiated, tensors of the same graph.
    """
    with known(ends):
        for step in between(sources, ends):
            function = gradient_function(step)
            if function is not None:
                set_own_gradient(step.op, function)


def prepared_on_demand(sources: Sequence[tf.Tensor], end: tf.Tensor) -> tf.Tensor:
    """`end`, prepared as soon as it is differentiated, by the sources or by what f captured."""
    result = tf.identity(end)

    def hand_on(op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
        prepare([*sources, *getattr(op.graph, "inputs", ())], [op.inputs[0]])
        return cotangent

    set_own_gradient(result.op, hand_on)
    return result


def gradient_function(step: Step) -> GradientFunction | None:
    """The gradient function to put into the operation; None where TensorFlow's own serves."""
    op = step.op
    if bodies.calls_functions(op):
        return _of_functions(step)
    if own_gradient(op) is not None or inlining.has_custom_gradient(op):
        return None
    if _is_overridden(op):
        return lambda _, *cotangents: cotangents  # The operations before it are differentiated.
    for pattern in PATTERNS.get(op.type, ()):
        function = pattern(op)
        if function is not None:
            return function
    refused = _refusal(step)
    if refused is not None:
        return _refusing(refused)
    return GRADIENTS.get(op.type)


def _is_overridden(op: tf.Operation) -> bool:
    return "_gradient_op_type" in op.node_def.attr


def _refusal(step: Step) -> str | None:
    """Why no derivative can be had of the operation by the inputs that x reaches."""
    op, described = step.op, describe(step.op)
    if op.type in REFUSED:
        return f"{described} {REFUSED[op.type]}"
    for number, reason in REFUSED_INPUTS.get(op.type, {}).items():
        if number in step.reached and op.inputs[number].dtype.is_floating:
            return f"{described} {reason}"
    if op.type not in GRADIENTS and _is_declared_not_differentiable(op.type):
        return (
            f"{described} is declared not differentiable by TensorFlow, which would drop what "
            "depends on x by way of it; tf.stop_gradient before it says that this is meant"
        )
    return None


def _is_declared_not_differentiable(op_type: str) -> bool:
    try:
        return ops.gradient_registry.lookup(op_type) is None
    except LookupError:
        return False


def _refusing(reason: str) -> GradientFunction:
    def refuse(*_: object) -> None:
        raise LookupError(reason)

    return refuse


def _of_functions(step: Step) -> GradientFunction | None:
    """Prepares the bodies of loops and branches; a call may get the gradient of a copy."""
    op, reached = step
    if not bodies.operation_types(op) & _concerned():
        return None
    if op.type in bodies.LOOPS:
        _prepare_loop(op, reached)
    elif op.type in bodies.BRANCHES:
        for graph in bodies.branches(op):
            prepare([graph.inputs[i - 1] for i in reached if i], graph.outputs)
    else:
        return _of_call(op, reached)
    return None


def _concerned() -> set[str]:
    """The types of the operations to which a rule may apply."""
    return _concerned_of(len(ops.gradient_registry.list()))


@functools.lru_cache(1)
def _concerned_of(registered: int) -> set[str]:
    """`_concerned` for a registry of gradients of that length: its entries never change."""
    declared = {
        name for name in ops.gradient_registry.list() if _is_declared_not_differentiable(name)
    }
    own = {*GRADIENTS, *PATTERNS, *REFUSED, *REFUSED_INPUTS, "StopGradient", "IdentityN"}
    return own | (declared - LOCALLY_CONSTANT)


def _prepare_loop(op: tf.Operation, reached: frozenset[int]) -> None:
    body = bodies.body_of_loop(op)
    while True:
        inputs = [body.inputs[i] for i in sorted(reached)]
        after = reached | {i for i, r in enumerate(reaches(inputs, body.outputs)) if r}
        if after == reached:
            break
        reached = frozenset(after)
    prepare(inputs, body.outputs)


class _GradientOfCall:
    """The gradient of a call, by a copy of the function's body.

    Attributes:
      reached: the numbers of the inputs that depend on x.
    """

    def __init__(self) -> None:
        self.reached: frozenset[int] = frozenset()

    def __call__(self, op: tf.Operation, *cotangents: tf.Tensor | None):
        arguments = [tf.identity(source) for source in op.inputs]
        outputs = inlining.inline(op, arguments)
        pairs = zip(outputs, cotangents, strict=True)
        known = [(output, cotangent) for output, cotangent in pairs if cotangent is not None]
        results = [output for output, _ in known]
        sources = [arguments[i] for i in sorted(self.reached)]
        share(sources, results)
        prepare(sources, results)
        return tf.gradients(results, arguments, grad_ys=[cotangent for _, cotangent in known])


def _of_call(op: tf.Operation, reached: frozenset[int]) -> GradientFunction | None:
    """The gradient of a copy of the function's body, if it needs rules of ours."""
    function = own_gradient(op)
    if not isinstance(function, _GradientOfCall):
        if function is not None and not _body_needs_rules(op, reached):
            return None
        reason = inlining.obstacle(op, _MAY_HAPPEN_TWICE)
        if reason is not None:
            return _refusing(f"{describe(op)} cannot be differentiated rightly: {reason}")
        function = _GradientOfCall()
    function.reached |= reached
    return function


def needs_rules(step: Step) -> bool:
    """Whether the operation, or one in a function that it calls, is to get a rule of ours."""
    if bodies.calls_functions(step.op):
        return bool(bodies.operation_types(step.op) & _concerned())
    return gradient_function(step) is not None


def _body_needs_rules(op: tf.Operation, reached: frozenset[int]) -> bool:
    definition = inlining.function_def(op.graph, op.get_attr("f").name)
    with op.graph.as_default():
        body = function_def_to_graph(definition, [source.shape for source in op.inputs])
    steps = between([body.inputs[i] for i in sorted(reached)], body.outputs)
    return any(map(needs_rules, steps))
