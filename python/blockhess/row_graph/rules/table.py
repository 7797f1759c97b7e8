"""All rules: a TensorFlow operation, and how its result depends on its inputs.

A rule is called as `rule(reader, op, inputs)` with the values of the inputs, at least one of them a
`Node`, none of them `Unproven`; it returns the value of the output, or a tuple with one per output.
"""

from blockhess.row_graph.rules import (
    einsum,
    elementwise,
    linear,
    reductions,
    selection,
    shapes,
    softmax,
)

RULES = {
    **elementwise.RULES,
    **einsum.RULES,
    **linear.RULES,
    **reductions.RULES,
    **selection.RULES,
    **shapes.RULES,
    **softmax.RULES,
}
