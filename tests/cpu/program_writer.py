"""Writes programs for the tests: a Python function of NumPy arrays, traced into program text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Value = Any  # an array, a number or a Traced


class Traced:
    """A register of a program that is being written."""

    def __init__(self, register: int, lines: list[str], num_inputs: int) -> None:
        self.register, self.lines, self.num_inputs = register, lines, num_inputs

    def emit(self, instruction: str, *arguments: Value) -> Traced:
        registers = [f"r{self.lift(argument).register}" for argument in arguments]
        return self._write(" ".join([instruction, *registers]))

    def lift(self, value: Value) -> Traced:
        return value if isinstance(value, Traced) else self._write(f"constant {float(value)!r}")

    def _write(self, call: str) -> Traced:
        register = self.num_inputs + len(self.lines)
        self.lines.append(f"r{register} = {call}; ")
        return Traced(register, self.lines, self.num_inputs)

    def __add__(self, other: Value) -> Traced:
        return self.emit("add", self, other)

    def __radd__(self, other: Value) -> Traced:
        return self.emit("add", other, self)

    def __sub__(self, other: Value) -> Traced:
        return self.emit("sub", self, other)

    def __mul__(self, other: Value) -> Traced:
        return self.emit("mul", self, other)

    def __rmul__(self, other: Value) -> Traced:
        return self.emit("mul", other, self)

    def __neg__(self) -> Traced:
        return self.emit("neg", self)


def sin(a: Value) -> Value:
    return a.emit("sin", a) if isinstance(a, Traced) else np.sin(a)


def cos(a: Value) -> Value:
    return a.emit("cos", a) if isinstance(a, Traced) else np.cos(a)


def exp(a: Value) -> Value:
    return a.emit("exp", a) if isinstance(a, Traced) else np.exp(a)


def program(function: Callable[..., Sequence[Value]], num_inputs: int) -> str:
    """The program that computes what `function` returns; a literal 0 becomes `zero`."""
    lines: list[str] = []
    inputs = [Traced(i, lines, num_inputs) for i in range(num_inputs)]
    outputs = []
    for output in function(*inputs):
        is_zero = not isinstance(output, Traced) and output == 0
        outputs.append("zero" if is_zero else f"r{inputs[0].lift(output).register}")
    return f"{num_inputs}: {''.join(lines)}return {' '.join(outputs)}"
