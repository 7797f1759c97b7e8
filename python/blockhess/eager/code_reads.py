"""What the code of a function reads, as far as its instructions say."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace

# What gives the static shape of a tensor, with None for an axis that is not known, beside `shape`.
_STATIC_SHAPES = frozenset(
    "_shape _shape_tuple get_shape get_static_value int_shape static_shape".split()
)
_READS_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_READS_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_READS_FREE = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
_READS_LOCAL = frozenset({"LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_FAST_CHECK"})
_SUBSCRIPTS = frozenset({"BINARY_SUBSCR", "BINARY_SLICE"})
_CALLS = frozenset({"PRECALL", "CALL", "CALL_FUNCTION"})
# Instructions that do nothing to the values of others.
_SILENT = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "PUSH_NULL", "RESUME"})


@dataclass(frozen=True)
class CodeReads:
    """What code reads, with that of the functions and classes inside it.

    Attributes:
      globals: the names of globals and builtins.
      names: of attributes; all names of the code, for an attribute's may be among any.
      chains: (the name of a global or of a captured variable, an attribute read of it or of an
        attribute of its), and ("", an attribute read of anything else).
      imports: (the name of a module, how many packages up it is looked for).
      axes: those of the static shape of an argument whose size is read.
      whole_shapes: whether a static shape is read in any other way.
      by_pattern: whether attributes are read whose names stand in a pattern of a class.
    """

    globals: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    chains: frozenset[tuple[str, str]] = frozenset()
    imports: frozenset[tuple[str, int]] = frozenset()
    axes: frozenset[int] = frozenset()
    whole_shapes: bool = False
    by_pattern: bool = False

    def of_a_helper(self) -> CodeReads:
        """The same of a function whose arguments need not be those of f."""
        whole = self.whole_shapes or bool(self.axes)
        return replace(self, axes=frozenset(), whole_shapes=whole)

    def __or__(self, other: CodeReads) -> CodeReads:
        return CodeReads(
            self.globals | other.globals,
            self.names | other.names,
            self.chains | other.chains,
            self.imports | other.imports,
            self.axes | other.axes,
            self.whole_shapes or other.whole_shapes,
            self.by_pattern or other.by_pattern,
        )


@functools.lru_cache(maxsize=4096)
def reads_of(code: types.CodeType) -> CodeReads:
    """What a function with this code reads when it is called."""
    return _reads(code, frozenset(code.co_freevars))


def _reads(code: types.CodeType, captured: frozenset[str]) -> CodeReads:
    """The same of code whose `captured` names are values from outside of the function."""
    instructions = [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    stored: set[str] = set()
    for instruction in instructions:
        if "STORE_FAST" in instruction.opname:  # Some store two at once.
            names = instruction.argval
            stored.update(names if isinstance(names, tuple) else (names,))
    number = code.co_argcount + code.co_kwonlyargcount
    found = _of_instructions(instructions, captured, frozenset(code.co_varnames[:number]) - stored)
    texts = [c for c in code.co_consts if isinstance(c, str)]
    formats = {"format"} if any(i.opname.startswith("FORMAT_") for i in instructions) else set()
    if "format" in code.co_names:  # Its text may name attributes.
        formats = {"format", "getattr"}
    found = replace(
        found,
        names=frozenset(code.co_names) | formats,
        whole_shapes=found.whole_shapes
        or bool(_STATIC_SHAPES & set(code.co_names))
        or any(text.endswith("shape") for text in texts),
    )
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _reads(constant, captured - set(code.co_cellvars)).of_a_helper()
    return found


def _of_instructions(
    instructions: list[dis.Instruction], captured: frozenset[str], arguments: frozenset[str]
) -> CodeReads:
    found: dict[str, set] = {"globals": set(), "chains": set(), "imports": set(), "axes": set()}
    whole_shapes = by_pattern = False
    root: str | None = None  # The name from outside that the value of the last instruction is from.
    for i, instruction in enumerate(instructions):
        kind, name = instruction.opname, instruction.argval
        by_pattern |= kind == "MATCH_CLASS"
        if kind == "IMPORT_NAME":
            found["imports"].add((name, instructions[i - 2].argval))
        if kind in _READS_GLOBAL:
            found["globals"].add(name)
        if kind in _READS_GLOBAL or (kind in _READS_FREE and name in captured):
            root = name
        elif kind not in _READS_ATTRIBUTE:
            root = None
        else:
            found["chains"].add((root or "", name))
        if kind == "IMPORT_FROM":
            found["chains"].add(("", name))
        is_shape = kind in _READS_ATTRIBUTE and name == "shape" and root is None
        if is_shape and not _reads_rank(instructions, i):
            before = instructions[i - 1]
            axis = _axis(instructions[i + 1 : i + 4])
            if before.opname not in _READS_LOCAL or before.argval not in arguments:
                axis = None
            whole_shapes |= axis is None
            found["axes"] |= {axis} - {None}
    return CodeReads(
        **{kind: frozenset(values) for kind, values in found.items()},
        whole_shapes=whole_shapes,
        by_pattern=by_pattern,
    )


def _reads_rank(instructions: list[dis.Instruction], i: int) -> bool:
    """Whether of the shape that instruction `i` reads nothing is read but its rank."""
    following = instructions[i + 1] if i + 1 < len(instructions) else None
    if following is None:
        return False
    if following.opname in _READS_ATTRIBUTE:
        return following.argval in ("rank", "ndims")
    before = instructions[max(i - 2, 0)]
    calls_one = following.opname in _CALLS and following.arg == 1
    return calls_one and before.opname in _READS_GLOBAL and before.argval == "len"


def _axis(following: list[dis.Instruction]) -> int | None:
    """The first axis whose size is read: `k` of `shape[k]` and `shape[k:]`, None of others."""
    kinds: Iterator[str] = (i.opname for i in following)
    number = following[0].argval if following else None
    if next(kinds, "") not in ("LOAD_CONST", "LOAD_SMALL_INT") or type(number) is not int:
        return None
    kind = next(kinds, "")
    if kind in _SUBSCRIPTS:
        return number
    to_the_end = kind == "LOAD_CONST" and following[1].argval is None and number >= 0
    return number if to_the_end and next(kinds, "") in ("BUILD_SLICE", "BINARY_SLICE") else None
