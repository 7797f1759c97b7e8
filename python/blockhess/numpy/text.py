"""Reading text in NumPy's spelling as an expression."""

from __future__ import annotations

import ast
import difflib
import functools
from typing import NamedTuple

from blockhess import expressions as e
from blockhess.expressions import Constant, Expression, Variable
from blockhess.numpy.names import CONSTANTS, FUNCTIONS, MODULES

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}


class Read(NamedTuple):
    """The expression of a text, and the names in the text: simplified, it may read fewer."""

    expression: Expression
    names: frozenset[str]


@functools.lru_cache(maxsize=512)
def read(text: str, argument: str, parameters: frozenset[str]) -> Read:
    """The function of `argument` and of `parameters` that `text` is.

    Raises ValueError that names the text, the position and what was expected.

    >>> str(read("np.sin(x) * exp(-x**2) + c", "x", frozenset("c")).expression)
    'c + sin(x) * exp(-x**2)'
    """
    flat = text.replace("\n", " ")
    stripped = flat.lstrip()
    reader = _Reader(text, len(flat) - len(stripped), stripped, argument, parameters)
    try:
        root = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        # Python gives no position where the text ends too early.
        position = error.offset - 1 if error.offset else len(stripped)
        raise reader.error(error.msg, position) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise reader.error(str(error) or "too deep") from None
    try:
        expression = reader.expression(root)
    except RecursionError:
        raise reader.error("too deep; write it with fewer operations within one another") from None
    return Read(expression, frozenset(n.id for n in ast.walk(root) if isinstance(n, ast.Name)))


class _Reader:
    """Reads one text, with a method for each kind of node of Python's syntax tree."""

    def __init__(
        self, text: str, start: int, parsed: str, argument: str, parameters: frozenset[str]
    ) -> None:
        self.text = text
        self.start = start  # of what is parsed, in the text
        self.parsed = parsed
        self.argument = argument
        self.parameters = parameters

    def error(self, problem: str, position: int | None = None) -> ValueError:
        where = "" if position is None else f" at position {self.start + position}"
        return ValueError(f"in {self.text!r}{where}: {problem}")

    def error_at(self, node: ast.expr, problem: str) -> ValueError:
        # Python counts columns in bytes of UTF-8.
        before = self.parsed.encode()[: node.col_offset]
        return self.error(problem, len(before.decode()))

    def source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.parsed, node) or ""

    def expression(self, node: ast.expr) -> Expression:
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.Attribute():
                return self.constant(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return e.call("neg", self.expression(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expression(operand)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self.binary(operator, left, right)
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if (
                type(operator) in _OPERATORS
            ):
                return self.binary(operator, left, right)
            case ast.Call():
                return self.call(node)
        raise self.error_at(
            node,
            f"{self.source(node)!r} is not understood; expected a number, a name, a call such as "
            "sin(x), one of + - * / **, or one of < <= > >= == != between two values",
        )

    def number(self, node: ast.Constant) -> Expression:
        if type(node.value) not in (int, float):
            raise self.error_at(node, f"{self.source(node)!r}; expected a real number")
        try:
            return Constant(float(node.value))
        except OverflowError:
            raise self.error_at(node, "a number beyond float64's range") from None

    def name(self, node: ast.expr, name: str) -> Expression:
        if name == self.argument or name in self.parameters:
            return Variable(name)
        if name in CONSTANTS:
            return Constant(CONSTANTS[name])
        known = ", ".join([self.argument, *sorted(self.parameters)])
        raise self.error_at(
            node, f"unknown name {name!r}; expected one of {known}, or a parameter given by keyword"
        )

    def constant(self, node: ast.Attribute) -> Expression:
        module, _, name = self.source(node).rpartition(".")
        if module not in MODULES or name not in CONSTANTS:
            raise self.error_at(node, f"unknown name {self.source(node)!r}")
        return Constant(CONSTANTS[name])

    def binary(self, operator: ast.AST, left: ast.expr, right: ast.expr) -> Expression:
        return e.call(_OPERATORS[type(operator)], self.expression(left), self.expression(right))

    def call(self, node: ast.Call) -> Expression:
        written = self.source(node.func)
        module, _, name = written.rpartition(".")
        function = FUNCTIONS.get(name) if module in ("", *MODULES) else None
        if function is None:
            close = difflib.get_close_matches(name, FUNCTIONS)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise self.error_at(node, f"unknown function {written!r}{hint}")
        count = len(node.args) + len(node.keywords)
        if node.keywords or count != function.num_arguments:
            expected = f"{function.num_arguments} argument{'s' * (function.num_arguments > 1)}"
            given = f"{count}, some by keyword" if node.keywords else str(count)
            raise self.error_at(node, f"{written} takes {expected}; got {given}")
        return function.build(*map(self.expression, node.args))
