"""Floating-point operations of the ops, for TensorFlow's profiler of graphs.

An instruction counts as one, whichever it is, and so does an addition or a multiplication of the
formula; what TensorFlow counts for its own operations is as coarse.
"""

from __future__ import annotations

import re

import tensorflow as tf

from .._tensorflow import ops
from ..formula.term_programs import parse_terms


@ops.RegisterStatistics("BlockhessTerms", "flops")
def _terms_flops(graph: tf.Graph, node: tf.compat.v1.NodeDef) -> ops.OpStats:
    """Counts programs; S x and b'x; every computed entry of a block, with and without S."""
    N, K = _shape(graph, node)
    entries = {"none": 0, "dense": K * K, "diag": K, "packed": K * (K + 1) // 2, "trace": K}
    block = entries[tf.compat.as_text(node.attr["layout"].s)]
    total = 0
    for term, line in _terms(node):
        total += _programs(line, K) + 2 * K * K * term.quadratic + 2 * K * term.linear
        total += 2 * block * (1 + term.quadratic)
    return ops.OpStats("flops", N * total)


@ops.RegisterStatistics("BlockhessTermsGrad", "flops")
def _terms_grad_flops(graph: tf.Graph, node: tf.compat.v1.NodeDef) -> ops.OpStats:
    """Counts programs; M u; S x, S u_bar, <M, S> and the two parts of S_bar; b'x and b_bar."""
    N, K = _shape(graph, node)
    total = 0
    for term, line in _terms(node):
        products = 1 + 5 * term.quadratic
        total += _programs(line, K) + 2 * K * K * products + 4 * K * term.linear
    return ops.OpStats("flops", N * total)


@ops.RegisterStatistics("BlockhessMap", "flops")
def _map_flops(graph: tf.Graph, node: tf.compat.v1.NodeDef) -> ops.OpStats:
    output = graph.get_operation_by_name(node.name).outputs[0]
    output.shape.assert_is_fully_defined()
    program = tf.compat.as_text(node.attr["program"].s)
    return ops.OpStats("flops", output.shape.num_elements() * _instructions(program))


def _shape(graph: tf.Graph, node: tf.compat.v1.NodeDef) -> list[int]:
    x = graph.get_operation_by_name(node.name).inputs[0]
    x.shape.assert_is_fully_defined()  # The profiler leaves out operations that raise ValueError.
    return x.shape.as_list()


def _terms(node: tf.compat.v1.NodeDef) -> list:
    text = tf.compat.as_text(node.attr["terms"].s)
    return list(zip(parse_terms(text), text.split("\n"), strict=True))


def _programs(line: str, K: int) -> int:
    """Instructions of phi in every column, of psi once a row."""
    phi, _, psi = line.rpartition(" | psi ")
    return K * _instructions(phi) + _instructions(psi)


def _instructions(text: str) -> int:
    return len(re.findall(r"= (?!constant)", text))
