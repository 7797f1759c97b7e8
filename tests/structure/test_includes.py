"""The floors of the C++ sources: a file includes what is on its floor or below, in no circle."""

from __future__ import annotations

import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "csrc").is_dir(), reason="no sources beside the tests")
SUFFIXES = {".h", ".cc", ".cu", ".def"}

#: What the files of a floor may include beside the floor itself.
BELOW = {
    "csrc/core": set(),
    "csrc/cpu": {"csrc/core"},
    "cuda": {"csrc/core"},
    "csrc/python": {"csrc/core", "csrc/cpu"},
    "csrc/tf": {"csrc/core", "csrc/cpu"},
}
#: The files of csrc/tf that name CUDA may include its backend, too.
NAMES_CUDA = re.compile(r"csrc/tf/(\w+_)?cuda(_\w+)?\.(h|cc)")

TENSORFLOW = ("tensorflow/", "xla/", "absl/")
#: What no file of a floor includes of the libraries of others.
FOREIGN = {
    "csrc/core": (*TENSORFLOW, "cuda", "pybind11/"),
    "csrc/cpu": (*TENSORFLOW, "cuda", "pybind11/"),
    "cuda": (*TENSORFLOW, "pybind11/"),
    "csrc/python": (*TENSORFLOW, "cuda"),
    "csrc/tf": ("cuda_", "pybind11/"),
}


def included(root: Path) -> dict[str, list[str]]:
    """What each file of the sources includes, in either kind of quotes."""
    files = [f for folder in ("csrc", "cuda") for f in sorted((root / folder).rglob("*"))]
    return {
        str(file.relative_to(root)): re.findall(r'#\s*include ["<]([^">]+)', file.read_text())
        for file in files
        if file.suffix in SUFFIXES
    }


def floor(file: str) -> str:
    return str(Path(file).parent)


def own(includes: list[str]) -> list[str]:
    return [name for name in includes if name.startswith(("csrc/", "cuda/"))]


def upward_arrows(graph: dict[str, list[str]]) -> list[str]:
    return [
        f"{file} includes {name}"
        for file, includes in graph.items()
        for name in own(includes)
        if floor(name) not in {floor(file), *BELOW[floor(file)]}
        and not (floor(name) == "cuda" and NAMES_CUDA.fullmatch(file))
    ]


def foreign_arrows(graph: dict[str, list[str]]) -> list[str]:
    return [
        f"{file} includes {name}"
        for file, includes in graph.items()
        for name in includes
        if name not in graph and name.startswith(FOREIGN[floor(file)])
    ]


def circle(graph: dict[str, list[str]]) -> list[str]:
    """The files of one, or nothing."""
    try:
        graphlib.TopologicalSorter({file: own(names) for file, names in graph.items()}).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_every_file_stands_on_a_floor_and_what_it_includes_is_there():
    graph = included(ROOT)
    assert len(graph) > 100
    assert {floor(file) for file in graph} == set(BELOW)
    assert [name for names in graph.values() for name in own(names) if name not in graph] == []


def test_no_file_includes_from_a_higher_floor():
    assert upward_arrows(included(ROOT)) == []


def test_no_floor_includes_the_libraries_of_another():
    assert foreign_arrows(included(ROOT)) == []


def test_no_files_include_each_other_in_a_circle():
    assert circle(included(ROOT)) == []


@pytest.mark.parametrize(
    "file, name, finds",
    [
        ("csrc/core/layout.h", "csrc/cpu/pack.h", upward_arrows),
        ("csrc/cpu/pack.h", "cuda/tile.h", upward_arrows),
        ("csrc/tf/run_op.h", "cuda/functions.h", upward_arrows),
        ("cuda/tile.h", "csrc/cpu/pack.h", upward_arrows),
        ("csrc/core/term.h", "absl/status/status.h", foreign_arrows),
        ("csrc/cpu/pack.h", "tensorflow/core/framework/op.h", foreign_arrows),
        ("csrc/core/host_device.h", "csrc/core/formula.h", circle),
    ],
)
def test_an_arrow_that_goes_up_is_found(file, name, finds):
    graph = included(ROOT)
    graph[file] = [*graph[file], name]
    assert finds(graph)
