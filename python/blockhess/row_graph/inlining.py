"""Function calls inside f: their bodies are read as if they had been written in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import tensorflow as tf

from blockhess._tensorflow import (
    add_function,
    function_def_to_graph_def,
    function_of,
    op_def_registry,
    ops,
)
from blockhess.row_graph.closures import contents

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_HARMLESS = frozenset({"ReadVariableOp", *CALLS})
# Custom gradients of TensorFlow that are just the true derivatives, kept to save memory. In a
# graph TensorFlow itself takes no second derivative of recompute_grad.
_TRUE_GRADIENTS = frozenset(
    {
        ("tensorflow.python.ops.nn_impl", "swish.<locals>.swish_impl.<locals>.grad"),
        (
            "tensorflow.python.ops.custom_gradient",
            "recompute_grad.<locals>.inner.<locals>.grad_wrapper",
        ),
    }
)


def describe(op: tf.Operation) -> str:
    """The operation as a person finds it: its type and its name."""
    return f"{op.type} ('{op.name}')"


def is_call(op: tf.Operation) -> bool:
    return op.type in CALLS


def has_custom_gradient(op: tf.Operation) -> bool:
    """Whether a gradient other than the operation's own has been put in its place."""
    try:
        name = op.get_attr("_gradient_op_type")
    except ValueError:
        return False
    try:
        function = ops.gradient_registry.lookup(name.decode())
    except LookupError:
        return True
    return not any(_name(f) in _TRUE_GRADIENTS for f in _enclosed(function))


def _name(function: object) -> tuple[str, str]:
    return getattr(function, "__module__", None) or "", getattr(function, "__qualname__", "")


def _enclosed(function: object) -> list[object]:
    """A function and what its closure holds, and theirs: the gradient as its author wrote it."""
    found, pending = [], [function]
    while pending and len(found) < 16:
        found.append(pending.pop())
        cells = getattr(found[-1], "__closure__", None) or ()
        pending += filter(callable, map(contents, cells))
    return found


def _function(graph: tf.Graph, name: str):
    while graph is not None:
        found = function_of(graph, name)
        if found is not None:
            return found
        graph = getattr(graph, "outer_graph", None)
    return None


def function_def(graph: tf.Graph, name: str):
    """The definition of a function that the graph, or one around it, holds; else None."""
    function = _function(graph, name)
    return None if function is None else function.cached_definition


def functions_of(node: tf.compat.v1.NodeDef) -> Iterator[str]:
    """The names of the functions that a node calls."""
    for attribute in node.attr.values():
        if attribute.HasField("func"):
            yield attribute.func.name
        yield from (function.name for function in attribute.list.func)


def obstacle(call: tf.Operation, harmless: Set[str] = frozenset()) -> str | None:
    """Why a call cannot be read: a body that is not found, or that does more than compute.

    `harmless` are further types of operations, whose effects may happen twice.
    """
    pending, seen = list(functions_of(call.node_def)), set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        definition = function_def(call.graph, name)
        if definition is None:
            return f"the function '{name}' is not found"
        for node in definition.node_def:
            if node.op in CALLS or node.op in harmless:
                pending.extend(functions_of(node))
            elif node.op not in _HARMLESS and _is_stateful(node.op):
                return f"the function it calls has an effect, {node.op} ('{node.name}')"
    return None


def _is_stateful(op_type: str) -> bool:
    op_def = op_def_registry.get(op_type)
    return op_def is None or op_def.is_stateful


def inline(call: tf.Operation, inputs: Sequence[tf.Tensor] | None = None) -> Sequence[tf.Tensor]:
    """The outputs of the call, computed by a copy of the function's body in the caller's graph.

    `inputs` stand for those of the call, where they are given.
    """
    inputs = call.inputs if inputs is None else inputs
    definition = function_def(call.graph, call.get_attr("f").name)
    shapes = [tensor.shape for tensor in inputs]
    graph = inputs[0].graph
    for name in {name for node in definition.node_def for name in functions_of(node)}:
        add_function(graph, _function(call.graph, name))
    with graph.as_default():
        graph_def, names = function_def_to_graph_def(definition, shapes)
        arguments = [argument.name for argument in definition.signature.input_arg]
        given = {f"{a}:0": tensor for a, tensor in zip(arguments, inputs, strict=True)}
        results = [names[definition.ret[result.name]] for result in definition.signature.output_arg]
        computed = dict.fromkeys(result for result in results if result not in given)
        body = _without(graph_def, {*arguments})
        used = {_tensor_name(name) for node in body.node for name in node.input}
        found = tf.graph_util.import_graph_def(
            body,
            input_map={name: tensor for name, tensor in given.items() if name in used},
            return_elements=list(computed),
            name=f"{call.name}/inlined",
        )
        values = given | dict(zip(computed, found or (), strict=True))
        return [values[result] for result in results]


def _without(graph_def: tf.compat.v1.GraphDef, names: Set[str]) -> tf.compat.v1.GraphDef:
    """The nodes but those of these names: XLA compiles no placeholder, not even an unused one. They
    are not colocated with other nodes, which may not be imported."""
    result = tf.compat.v1.GraphDef(library=graph_def.library, versions=graph_def.versions)
    for node in graph_def.node:
        if node.name not in names:
            kept = result.node.add()
            kept.CopyFrom(node)
            kept.attr.pop("_class", None)
            inputs = [
                name for name in node.input if name.removeprefix("^") not in names or name[0] != "^"
            ]
            del kept.input[:]
            kept.input.extend(inputs)
    return result


def _tensor_name(name: str) -> str:
    """The name of a node's input, with the number of the output, which a node may leave out."""
    return name if ":" in name else f"{name}:0"
