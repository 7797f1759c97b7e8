"""Expressions as people write them: infix, with as few parentheses as the meaning allows."""

from __future__ import annotations

from .expression import Call, Constant, Expression, Variable, print_by, topological

# Binding strengths: an operand that binds less than its place asks for needs parentheses.
_COMPARISON, _SUM, _PRODUCT, _POWER, _ATOM = range(5)

_INFIX = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
}

#: A shared subexpression is written out at every use; beyond this many characters it is not.
_LONGEST = 2000


def to_text(expression: Expression) -> str:
    """`expression` in infix notation; very long subexpressions are shown as `...`."""
    texts: dict[Expression, tuple[str, int]] = {}
    for node in topological([expression]):
        text, strength = _render(node, texts)
        texts[node] = (text, strength) if len(text) <= _LONGEST else ("...", _ATOM)
    return texts[expression][0]


_Texts = dict[Expression, tuple[str, int]]


def _render(node: Expression, texts: _Texts) -> tuple[str, int]:
    if isinstance(node, Constant):
        return _number(node.value), _ATOM if node.value >= 0 else _PRODUCT
    if isinstance(node, Variable):
        return node.name, _ATOM
    assert isinstance(node, Call)
    power = _power(node)
    if power is not None:
        base, exponent = power
        return f"{_at_least(base, _ATOM, texts)}**{exponent}", _POWER
    first = node.arguments[0]
    match node.instruction:
        case "add" | "sub":
            return _sum(node, texts), _SUM
        case "neg":
            return f"-{_at_least(first, _PRODUCT, texts)}", _PRODUCT
        case "mul":
            return _product(node, texts), _PRODUCT
        case "div" | "reciprocal":
            above = first if node.instruction == "div" else Constant(1.0)
            return _quotient(above, node.arguments[-1], texts), _PRODUCT
        case "pow":
            exponent = _at_least(node.arguments[1], _POWER, texts)
            return f"{_at_least(first, _ATOM, texts)}**{exponent}", _POWER
        case name if name in _INFIX:
            left, right = node.arguments
            if name in ("equal", "not_equal") and isinstance(left, Constant):
                left, right = right, left
            sides = (_at_least(a, _SUM, texts) for a in (left, right))
            return f" {_INFIX[name]} ".join(sides), _COMPARISON
        case name:
            return f"{name}({', '.join(texts[a][0] for a in node.arguments)})", _ATOM


def _sum(node: Call, texts: _Texts) -> str:
    left, right = node.arguments
    if node.instruction == "sub":
        return f"{texts[left][0]} - {_at_least(right, _PRODUCT, texts)}"
    if isinstance(right, Constant) and right.value < 0:
        return f"{texts[left][0]} - {_number(-right.value)}"
    return f"{texts[left][0]} + {texts[right][0]}"


def _product(node: Call, texts: _Texts) -> str:
    left, right = node.arguments
    if isinstance(left, Constant):
        inverse = _readable_inverse(left.value)
        if inverse is not None:
            return f"{_at_least(right, _PRODUCT, texts)} / {inverse}"
    for above, below in ((left, right), (right, left)):
        if isinstance(below, Call) and below.instruction == "reciprocal":
            return _quotient(above, below.arguments[0], texts)
    return f"{_at_least(left, _PRODUCT, texts)} * {_at_least(right, _PRODUCT, texts)}"


def _quotient(above: Expression, below: Expression, texts: _Texts) -> str:
    top = _number(above.value) if isinstance(above, Constant) else _at_least(above, _PRODUCT, texts)
    return f"{top} / {_at_least(below, _POWER, texts)}"


def _power(node: Call) -> tuple[Expression, int] | None:
    """The base and exponent of the products that stand for small powers."""
    first, last = node.arguments[0], node.arguments[-1]
    if node.instruction == "square":
        inner = _power(first) if isinstance(first, Call) else None
        return (inner[0], 2 * inner[1]) if inner else (first, 2)
    if node.instruction == "mul":
        below = _power(last) if isinstance(last, Call) else None
        return (first, below[1] + 1) if below and below[0] is first else None
    return None


def _at_least(node: Expression, strength: int, texts: _Texts) -> str:
    text, own = texts[node]
    return text if own >= strength else f"({text})"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _readable_inverse(value: float) -> str | None:
    """`3` for a third: where the number itself takes many digits and its inverse does not."""
    if len(repr(value)) <= 6 or not 1e-6 < value < 1e6:
        return None
    inverse = round(1.0 / value, 9)
    return _number(inverse) if 1.0 / inverse == value and len(_number(inverse)) <= 6 else None


print_by(to_text)
