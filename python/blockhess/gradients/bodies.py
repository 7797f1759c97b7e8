"""The functions that an operation calls, as graphs: loops, branches and calls."""

from __future__ import annotations

import tensorflow as tf

from blockhess._tensorflow import cond_v2, loop_graph
from blockhess.row_graph.inlining import CALLS, function_def, functions_of

LOOPS = frozenset({"While", "StatelessWhile"})
BRANCHES = frozenset({"If", "StatelessIf", "Case", "StatelessCase"})


def calls_functions(op: tf.Operation) -> bool:
    return op.type in LOOPS or op.type in BRANCHES or op.type in CALLS


def operation_types(op: tf.Operation) -> set[str]:
    """The types of all operations that a call, a loop or a branch may run."""
    found: set[str] = set()
    pending, seen = list(functions_of(op.node_def)), set()
    while pending:
        name = pending.pop()
        definition = None if name in seen else function_def(op.graph, name)
        seen.add(name)
        if definition is not None:
            for node in definition.node_def:
                found.add(node.op)
                pending.extend(functions_of(node))
    return found


def body_of_loop(op: tf.Operation) -> tf.Graph:
    """The graph of the loop's body, kept at the op for TensorFlow's gradients."""
    loop_graph(op, "cond")
    return loop_graph(op, "body")


def branches(op: tf.Operation) -> list[tf.Graph]:
    """The graphs of the branches, kept at the op as TensorFlow keeps those that it makes."""
    graphs = list(cond_v2.get_func_graphs(op))
    names = (
        ("_true_graph", "_false_graph")
        if op.type in ("If", "StatelessIf")
        else [f"_branch_graph_{i}" for i in range(len(graphs))]
    )
    for name, graph in zip(names, graphs, strict=True):
        setattr(op, name, graph)
    return graphs
