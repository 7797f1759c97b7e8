"""All rules: a TensorFlow operation, and how its result depends on its inputs."""

from __future__ import annotations

from blockhess._tensorflow import op_def_registry
from blockhess.row_graph.builder import Rule
from blockhess.row_graph.inlining import CALLS
from blockhess.row_graph.locally_constant import LOCALLY_CONSTANT
from blockhess.row_graph.rules import (
    einsum,
    elementwise,
    linear,
    reductions,
    selection,
    shapes,
    softmax,
)

RULES: dict[str, Rule] = {}


def register(op_type: str, rule: Rule) -> None:
    """Adds the rule of an operation type.

    Raises:
      ValueError: the type has one, or TensorFlow has no operation of that type.
    """
    if op_type in RULES or op_type in LOCALLY_CONSTANT or op_type in CALLS:
        raise ValueError(
            f"blockhess knows the operation {op_type!r} already; a rule is not replaced, as other "
            "functions may rely on it"
        )
    if op_def_registry.get(op_type) is None:
        raise ValueError(
            f"TensorFlow knows no operation {op_type!r}; expected the type of one, as op.type says "
            "it, of a library that has been loaded"
        )
    RULES[op_type] = rule


for _module in (elementwise, einsum, linear, reductions, selection, shapes, softmax):
    for _op_type, _rule in _module.RULES.items():
        register(_op_type, _rule)
