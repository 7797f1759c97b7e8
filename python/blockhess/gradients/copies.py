"""Copies of operations that belong to others."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess._tensorflow import own_gradient, set_own_gradient
from blockhess.gradients.marks import needs_rules
from blockhess.gradients.paths import Step, between
from blockhess.gradients.rules.moduli import SlopeOfAbs
from blockhess.gradients.shared import share

# Operations of TensorFlow 1's control flow cannot be copied out of their frame.
_OLD_CONTROL_FLOW = frozenset({"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond"})


def copied(y: tf.Tensor, sources: Sequence[tf.Tensor]) -> tf.Tensor:
    """`y`, by copies of its operations where one of them is to get a rule of ours.

    The operations of a graph that somebody else has built keep their gradients. They are ours to
    change only where no copy can be made: where one has an effect or is part of an old loop.
    """
    steps = between(sources, [y])
    return _copy(y, sources, steps) if any(map(needs_rules, steps)) else y


def apart(y: tf.Tensor, sources: Sequence[tf.Tensor]) -> tf.Tensor:
    """`y`, by copies of its operations where it shares a slope of |x| with another result.

    One output of f may be smooth where x is 0, and the next one have the kink of |x| there.
    """
    steps, of_y = between(sources, [y]), frozenset([y.ref()])
    rules = (own_gradient(step.op) for step in steps)
    is_shared = any(isinstance(rule, SlopeOfAbs) and rule.ends != of_y for rule in rules)
    return _copy(y, sources, steps) if is_shared else y


def _copy(y: tf.Tensor, sources: Sequence[tf.Tensor], steps: Sequence[Step]) -> tf.Tensor:
    """`y` by copies of the operations, where copies can be made."""
    inside = {step.op for step in steps}
    if any(op.op_def.is_stateful or op.type in _OLD_CONTROL_FLOW for op in inside):
        return y
    graph_def = tf.compat.v1.GraphDef(versions=y.graph.graph_def_versions)
    input_map: dict[str, tf.Tensor] = {}
    given = {source.ref() for source in sources}
    before: set[tf.Operation] = set()
    for op in inside:
        node = graph_def.node.add()
        node.CopyFrom(op.node_def)
        node.attr.pop("_class", None)
        del node.input[:]
        for tensor in op.inputs:
            if tensor.op in inside and tensor.ref() not in given:
                node.input.append(tensor.name)
            else:
                name = f"outside_{tensor.op.name}:{tensor.value_index}"
                input_map[name] = tensor
                node.input.append(name)
        before.update(c for c in op.control_inputs if c not in inside)
    with y.graph.as_default(), tf.control_dependencies(list(before)):
        (result,) = tf.graph_util.import_graph_def(
            graph_def, input_map=input_map, return_elements=[y.name], name="f"
        )
    for op in inside:
        copy = y.graph.get_operation_by_name(f"{result.op.name[: -len(y.op.name)]}{op.name}")
        if not isinstance(own_gradient(op), SlopeOfAbs):
            set_own_gradient(copy, own_gradient(op))
    share(sources, [result])
    result.set_shape(y.shape)
    return result
