"""Putting expressions in the place of variables."""

from __future__ import annotations

from collections.abc import Mapping

from .expression import Call, Expression, ExpressionLike, as_expression, call, topological


def substitute(
    expression: Expression, replacements: Mapping[Expression, ExpressionLike]
) -> Expression:
    """`expression` with every node in `replacements` replaced, all at once, and simplified.

    The nodes are variables as a rule, but any subexpression will do.

    Examples:
      >>> from blockhess.expressions import Variable, exp, substitute
      >>> x, y = Variable("x"), Variable("y")
      >>> str(substitute(exp(x) * y, {x: y + 1, y: 2.0}))
      '2 * exp(y + 1)'
    """
    done: dict[Expression, Expression] = {
        node: as_expression(value) for node, value in replacements.items()
    }
    for node in topological([expression]):
        if node in done:
            continue
        if isinstance(node, Call) and any(done[a] is not a for a in node.arguments):
            done[node] = call(node.instruction, *(done[a] for a in node.arguments))
        else:
            done[node] = node
    return done[expression]
