"""The imports of a tree of Python modules: who imports whom, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One module names another; both are names with dots, as `expressions.printing`.

    Attributes:
      inside: whether the import stands inside a function.
      names_only: whether it stands under TYPE_CHECKING, and so imports nothing.
    """

    source: str
    target: str
    line: int
    inside: bool
    names_only: bool


def modules_of(root: Path, package: str = "") -> dict[str, Path]:
    """The files below `root` by the names of their modules, native ones, too; a package's is its
    `__init__`."""
    found = {}
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.so")]):
        parts = list(path.relative_to(root).parts)
        parts[-1] = parts[-1].split(".")[0]
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join([*([package] if package else []), *parts])] = path
    return found


def imports_of(modules: Mapping[str, Path]) -> list[Import]:
    """All imports of one of the modules by another."""
    return [
        found
        for source, path in modules.items()
        for found in _of_module(source, path, modules)
        if found.target != source
    ]


def _of_module(source: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    if path.suffix != ".py":
        return
    package = source if path.name == "__init__.py" else source.rpartition(".")[0]
    pending: list[tuple[ast.AST, bool, bool]] = [(ast.parse(path.read_text()), False, False)]
    while pending:
        node, inside, names_only = pending.pop()
        for target in sorted(_targets(node, package, modules)):
            yield Import(source, target, node.lineno, inside, names_only)
        inside |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        names_only |= isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        pending += [(child, inside, names_only) for child in ast.iter_child_nodes(node)]


def _targets(node: ast.AST, package: str, modules: Mapping[str, Path]) -> set[str]:
    """The modules that an import statement names: `from a import b` is of a.b where that is one."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & modules.keys()
    if not isinstance(node, ast.ImportFrom):
        return set()
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *([base] if base else [])])
    named = {f"{base}.{alias.name}" if base else alias.name for alias in node.names}
    found = named & modules.keys()
    if len(found) < len(named) and base in modules:
        found.add(base)
    return found


def circles(imports: list[Import]) -> list[list[str]]:
    """The sets of modules that import each other all round, each sorted."""
    below: dict[str, set[str]] = {}
    for found in imports:
        below.setdefault(found.source, set()).add(found.target)
        below.setdefault(found.target, set())
    reached = {module: _reached(module, below) for module in below}
    groups = {
        tuple(sorted({m for m in reached[module] if module in reached[m]}))
        for module in below
        if module in reached[module]
    }
    return sorted(map(list, groups))


def _reached(start: str, below: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = list(below[start])
    while pending:
        module = pending.pop()
        if module not in found:
            found.add(module)
            pending += below[module]
    return found
