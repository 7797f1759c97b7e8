"""The arrangement of the modules: each has a name of its own, and none stands loose on top."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from import_walk import modules_of

import blockhess

PACKAGE = Path(blockhess.__file__).parent
MODULES = {
    module: path
    for module, path in modules_of(PACKAGE, "blockhess").items()
    if path.suffix == ".py"
}

# One name, one meaning: the function, its op and its command.
SHARED_NAMES = {
    "explain": ["blockhess.api.explain", "blockhess.terminal.explain"],
    "hvp": ["blockhess.api.hvp", "blockhess.ops.hvp"],
    "rules": ["blockhess.gradients.rules", "blockhess.row_graph.rules"],
}
# The lazy names of the package, and a table that is made of many rooms.
WITH_LOGIC = {"blockhess", "blockhess.gradients.rules"}


def test_nothing_stands_loose_on_top():
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "__main__", "_tensorflow", "build"}


def test_a_public_function_is_found_by_its_name():
    functions = [n for n in blockhess.__all__ if n[0].islower() and n not in ("build_info", "ops")]
    assert functions
    for name in functions:
        assert (PACKAGE / f"api/{name}.py").is_file(), name


def test_no_two_modules_of_one_name_mean_different_things():
    named = defaultdict(list)
    for module in MODULES:
        named[module.rpartition(".")[2]].append(module)
    assert {name: sorted(m) for name, m in named.items() if len(m) > 1} == SHARED_NAMES


def test_an_init_imports_and_does_nothing_else():
    for module, path in MODULES.items():
        if path.name == "__init__.py" and module not in WITH_LOGIC:
            for statement in ast.parse(path.read_text()).body:
                text = ast.unparse(statement)
                is_import = isinstance(statement, ast.Import | ast.ImportFrom)
                is_text = isinstance(statement, ast.Expr) and isinstance(
                    statement.value, ast.Constant
                )
                assert is_import or is_text or text.startswith("__all__ = "), f"{module}: {text}"


def test_private_names_of_TensorFlow_stand_in_one_file():
    private = re.compile(r"^\s*(from|import) tensorflow\.(python|core)\b", re.M)
    users = {module for module, path in MODULES.items() if private.search(path.read_text())}
    assert users == {"blockhess._tensorflow"}
