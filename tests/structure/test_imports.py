"""The imports of modules lead down: no circle, no way back up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from draw_floors import PICTURE, svg
from import_walk import circles, imports_of, modules_of

import blockhess

PACKAGE = Path(blockhess.__file__).parent
ROOT = Path(__file__).parents[2]
IMPORTS = [i for i in imports_of(modules_of(PACKAGE, "blockhess")) if not i.names_only]

# What each floor may use beside itself, `_core`, `_tensorflow` and `build`.
USES = {
    "expressions": set(),
    "formula": {"expressions"},
    "ops": {"formula", "expressions"},
    "row_graph": {"expressions"},
    "gradients": {"row_graph"},
    "linalg": set(),
    "routes": {"gradients", "row_graph", "ops", "formula", "expressions", "linalg"},
    "eager": {"row_graph"},
    "api": {"eager", "routes", "gradients", "row_graph", "ops", "formula", "expressions"},
    "numpy": {"formula", "expressions"},
    "terminal": {"blockhess", "formula"},
    "blockhess": {"api", "ops", "routes"},
    "__main__": {"terminal"},
}
GROUND = {"_core", "_tensorflow", "build"}
# A rule of gradients that takes the place of another looks that up when it is used.
LOOKED_UP_LATER = ("blockhess.gradients.rules.choices", "blockhess.gradients.rules")


def floor_of(module: str) -> str:
    return (module.split(".") + ["blockhess"])[1] if "." in module else "blockhess"


def test_no_modules_import_each_other_in_a_circle():
    assert circles([i for i in IMPORTS if (i.source, i.target) != LOOKED_UP_LATER]) == []


def test_no_floor_imports_from_one_above_it():
    upward = [
        f"{i.source}:{i.line} imports {i.target}"
        for i in IMPORTS
        if floor_of(i.target) not in USES.get(floor_of(i.source), set()) | GROUND
        and floor_of(i.source) != floor_of(i.target)
    ]
    assert upward == []


def test_no_import_stands_inside_a_function():
    inside = [(i.source, i.target) for i in IMPORTS if i.inside]
    assert inside == [LOOKED_UP_LATER]


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="no benchmarks beside the tests")
def test_the_benchmarks_do_not_import_each_other_in_a_circle():
    assert circles(imports_of(modules_of(ROOT / "bench"))) == []


@pytest.mark.skipif(not PICTURE.exists(), reason="no documentation beside the tests")
def test_the_picture_of_the_floors_shows_the_imports():
    described = re.search("<desc>.*</desc>", PICTURE.read_text())
    assert described
    assert described[0] in svg(), "python tests/structure/draw_floors.py draws it anew"
