"""Derivatives of expressions, by the rules of their instructions."""

from __future__ import annotations

from .equalities import almost_everywhere
from .expression import ONE, ZERO, Call, Expression, Variable, topological
from .instructions import INSTRUCTIONS


def differentiate(expression: Expression, variable: Variable) -> Expression:
    """The derivative of `expression` with respect to `variable`, simplified.

    Derivatives of any order come by repetition; shared subexpressions are differentiated once.
    Raises ValueError where there is none, as of `polygamma` with respect to its order.

    Examples:
      >>> from blockhess.expressions import Variable, differentiate, softplus
      >>> x = Variable("x")
      >>> str(differentiate(softplus(x), x))
      'sigmoid(x)'
    """
    derivatives: dict[Expression, Expression] = {}
    for node in topological([expression]):
        if variable not in node.variables:
            derivatives[node] = ZERO
        elif isinstance(node, Call):
            below = tuple(derivatives[a] for a in node.arguments)
            derivatives[node] = INSTRUCTIONS[node.instruction].derivative(
                node, _arguments(node, variable), below
            )
        else:
            derivatives[node] = ONE
    return derivatives[expression]


def _arguments(call: Call, variable: Variable) -> tuple[Expression, ...]:
    """The arguments of `call`; a `select` never takes a constant at single points alone here, as
    that says nothing of the slope there."""
    if call.instruction != "select" or all(variable in a.variables for a in call.arguments[1:]):
        return call.arguments
    return almost_everywhere(call.arguments[0], variable), *call.arguments[1:]
