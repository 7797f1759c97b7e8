"""Sums of exponentials under a logarithm, in the form that cannot overflow:

    log(sum_k w_k exp(g_k)) = a + log(sum_k w_k exp(g_k - a)),    a = max_k g_k

which does not vary with a, so that a counts as a parameter.
"""

from __future__ import annotations

from typing import NamedTuple

from blockhess import expressions as e
from blockhess.expressions import ZERO, Call, Expression, Variable, topological


class Shifted(NamedTuple):
    """function and link with the parameter `shift`, the largest of `exponent` in the row."""

    function: Expression
    link: Expression
    exponent: Expression
    shift: Variable


def shifted(
    function: Expression, x: Variable, link: Expression, s: Variable, shift: Variable
) -> Shifted | None:
    """link(sum of function(x)) in that form, where it is a function of such a logarithm; or None.

    >>> x, s, a = Variable("x"), Variable("s"), Variable("a")
    >>> form = shifted(2.0 * e.exp(-x), x, e.square(e.log(3.0 * s)), s, a)
    >>> str(form.function), str(form.link), str(form.exponent)
    ('2 * exp(-(a + x))', '(a + log(3 * s))**2', '-x')
    """
    exponential = _factor(function, x)
    logarithms = [node for node in topological([link]) if _is_of_multiple(node, s)]
    left = e.substitute(link, dict.fromkeys(logarithms, shift))
    if exponential is None or not logarithms or s in left.variables:
        return None
    exponent = exponential.arguments[0]
    return Shifted(
        e.substitute(function, {exponential: e.call("exp", exponent - shift)}),
        e.substitute(link, {log: log + shift for log in logarithms}),
        exponent,
        shift,
    )


def _factor(function: Expression, x: Variable) -> Call | None:
    """The exponential that `function` is, or is a multiple of."""
    if not isinstance(function, Call) or x not in function.variables:
        return None
    if function.instruction == "exp":
        return function
    if function.instruction in ("mul", "div", "neg"):
        factors = function.arguments[:1] if function.instruction == "div" else function.arguments
        return next((f for f in (_factor(a, x) for a in factors) if f is not None), None)
    return None


def _is_of_multiple(node: Expression, s: Variable) -> bool:
    """Whether this is a logarithm of a multiple of s."""
    if not isinstance(node, Call) or node.instruction != "log" or s not in node.variables:
        return False
    read = e.affine(node.arguments[0], [s])
    return read is not None and read[1] is ZERO
