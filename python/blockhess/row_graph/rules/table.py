"""All rules: a TensorFlow operation, and how its result depends on its inputs."""

from blockhess.row_graph.builder import Rule
from blockhess.row_graph.rules import (
    einsum,
    elementwise,
    linear,
    reductions,
    selection,
    shapes,
    softmax,
)

RULES: dict[str, Rule] = {
    **elementwise.RULES,
    **einsum.RULES,
    **linear.RULES,
    **reductions.RULES,
    **selection.RULES,
    **shapes.RULES,
    **softmax.RULES,
}
