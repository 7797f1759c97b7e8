"""Programs: expressions as straight-line text that the kernels read.

    program     := "<inputs>: " ( instruction "; " )* "return" ( " " output )+
    instruction := "r<d> = <name> r<a> [r<b> [r<c>]]" | "r<d> = constant <number>"
    output      := "r<k>" | "zero" | "none"

Registers r0, r1, ... hold the inputs first, and inputs are never overwritten. `zero` is an output
that vanishes everywhere, `none` one that nobody asked for.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from .expression import (
    ARITY,
    ZERO,
    Call,
    Constant,
    Expression,
    Variable,
    call,
    operands,
    topological,
)

MAX_INSTRUCTIONS = 256
MAX_REGISTERS = 256
MAX_INPUTS = 64


class ProgramTooLong(ValueError):
    """The expressions need more instructions, registers or inputs than a program may have."""


def compile_program(outputs: Sequence[Expression | None], inputs: Sequence[Variable]) -> str:
    """The program text that computes `outputs` from `inputs`, shared subexpressions once.

    An output of None becomes `none`, the constant 0 becomes `zero`. Raises ProgramTooLong beyond
    the limits, and ValueError where an output reads a variable that is not among the inputs.

    Examples:
      >>> from blockhess.expressions import Variable, compile_program, exp
      >>> x = Variable("x")
      >>> compile_program([exp(x), None, exp(x) * x], [x])
      '1: r1 = exp r0; r2 = mul r0 r1; return r1 none r2'
    """
    _check_inputs(outputs, inputs)
    needed = [o for o in outputs if o is not None and o is not ZERO]
    nodes = _paired([n for n in topological(needed) if not isinstance(n, Variable)])
    if len(nodes) > MAX_INSTRUCTIONS:
        raise ProgramTooLong(
            f"the program needs {len(nodes)} instructions; at most {MAX_INSTRUCTIONS} fit"
        )
    registers: dict[Expression, int] = {variable: i for i, variable in enumerate(inputs)}
    lines = _lines(nodes, needed, registers)
    returned = [
        "none" if o is None else "zero" if o is ZERO else f"r{registers[o]}" for o in outputs
    ]
    return f"{len(inputs)}: " + "; ".join([*lines, f"return {' '.join(returned)}"])


def check_length(outputs: Sequence[Expression | None], inputs: Sequence[Variable]) -> None:
    """Raises what `compile_program` would raise, at next to no cost where the program is short."""
    if len(topological([o for o in outputs if o is not None])) + len(inputs) > MAX_REGISTERS:
        compile_program(outputs, inputs)
    else:
        _check_inputs(outputs, inputs)


def _check_inputs(outputs: Sequence[Expression | None], inputs: Sequence[Variable]) -> None:
    if len(inputs) > MAX_INPUTS:
        raise ProgramTooLong(f"the program needs {len(inputs)} inputs; at most {MAX_INPUTS} fit")
    if len(set(inputs)) != len(inputs):
        raise ValueError(f"inputs repeat: {', '.join(v.name for v in inputs)}")
    read = frozenset().union(*(o.variables for o in outputs if o is not None))
    unknown = sorted(v.name for v in read.difference(inputs))
    if unknown:
        raise ValueError(f"not among the program's inputs: {', '.join(unknown)}")
    if not outputs:
        raise ValueError("a program has at least one output")


def _paired(nodes: Sequence[Expression]) -> list[Expression]:
    """The nodes, the sine and the cosine of one argument side by side: kernels share their work."""
    partner = {"sin": "cos", "cos": "sin"}
    waiting = {
        (n.instruction, n.arguments): n
        for n in nodes
        if isinstance(n, Call) and n.instruction in partner
    }
    ordered: dict[Expression, None] = {}
    for node in nodes:
        ordered.setdefault(node)
        if isinstance(node, Call) and node.instruction in partner:
            other = waiting.get((partner[node.instruction], node.arguments))
            if other is not None:
                ordered.setdefault(other)
    return list(ordered)


def _lines(
    nodes: Sequence[Expression], kept: Sequence[Expression], registers: dict[Expression, int]
) -> list[str]:
    """One instruction a node, each in the lowest register that nobody reads any more.

    Fills `registers`. Low registers keep the evaluator's scratch in cache.
    """
    inputs = len(registers)
    readers = Counter(a for n in nodes for a in set(operands(n)))
    readers.update(kept)
    free = list(range(inputs, MAX_REGISTERS))
    lines = []
    for node in nodes:
        sources = [registers[a] for a in operands(node)]
        for argument in set(operands(node)):
            readers[argument] -= 1
            if not readers[argument] and registers[argument] >= inputs:
                heapq.heappush(free, registers[argument])
        if not free:
            raise ProgramTooLong(f"the program needs more than {MAX_REGISTERS} registers")
        registers[node] = heapq.heappop(free)
        lines.append(_line(node, registers[node], sources))
    return lines


def _line(node: Expression, target: int, sources: Sequence[int]) -> str:
    if isinstance(node, Constant):
        return f"r{target} = constant {node.value!r}"
    assert isinstance(node, Call)
    return " ".join([f"r{target} = {node.instruction}", *(f"r{s}" for s in sources)])


def parse_program(
    text: str,
) -> tuple[tuple[Variable, ...], tuple[Expression | None, ...]]:
    """Inputs r0, r1, ... and outputs of a program, the outputs simplified again; None for `none`.

    Raises ValueError naming the instruction and its position where the text is no program.

    Examples:
      >>> from blockhess.expressions import parse_program
      >>> _, outputs = parse_program("2: r2 = mul r0 r1; r2 = exp r2; return r2 zero none")
      >>> [str(output) for output in outputs]
      ['exp(r0 * r1)', '0', 'None']
    """
    count, colon, body = text.partition(": ")
    if not colon or not count.isdecimal():
        raise ValueError(f"a program starts with '<inputs>: '; got {text[:20]!r}")
    inputs = tuple(Variable(f"r{i}") for i in range(int(count)))
    *instructions, last = body.split("; ")
    registers: dict[str, Expression] = {v.name: v for v in inputs}
    for position, instruction in enumerate(instructions):
        target, value = _parsed_instruction(position, instruction, registers)
        if target in {v.name for v in inputs}:
            raise ValueError(f"instruction {position} ({instruction!r}): overwrites an input")
        registers[target] = value
    return inputs, _parsed_outputs(last, registers)


def _parsed_instruction(
    position: int, instruction: str, registers: dict[str, Expression]
) -> tuple[str, Expression]:
    def error(what: str) -> ValueError:
        return ValueError(f"instruction {position} ({instruction!r}): {what}")

    target, equals, value = instruction.partition(" = ")
    name, *arguments = value.split(" ")
    if not equals or not target.startswith("r") or not target[1:].isdecimal():
        raise error("expected 'r<d> = <name> ...'")
    if name == "constant":
        try:
            (number,) = arguments
            return target, Constant(float(number))
        except ValueError:
            raise error("expected one number") from None
    if name not in ARITY:
        raise error("unknown")
    if len(arguments) != ARITY[name]:
        raise error(f"takes {ARITY[name]} arguments; got {len(arguments)}")
    for argument in arguments:
        if argument not in registers:
            raise error(f"{argument} was never written")
    return target, call(name, *(registers[a] for a in arguments))


def _parsed_outputs(last: str, registers: dict[str, Expression]) -> tuple[Expression | None, ...]:
    keyword, *names = last.split(" ")
    if keyword != "return" or not names:
        raise ValueError(f"a program ends with 'return' and its outputs; got {last!r}")
    known: dict[str, Expression | None] = {**registers, "zero": ZERO, "none": None}
    for name in names:
        if name not in known:
            raise ValueError(f"return: {name} was never written")
    return tuple(known[name] for name in names)
