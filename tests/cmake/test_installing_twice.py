"""Installing again compiles only where something has changed that the libraries depend on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.compiler, pytest.mark.full]
ROOT = Path(__file__).parents[2]
PARTS = ("CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml", "setup.py")
FOLDERS = ("cmake", "csrc", "cuda", "python")

# In place of our sources it compiles nothing, quickly, and writes down which.
COMPILER = """#!/usr/bin/env bash
for word; do
  case $word in
    */csrc/*.cc) echo "$word" >> "$COMPILED"; words+=(-x c++ /dev/null) ;;
    */cmake_pch.hxx.cxx) words+=(/dev/null) ;;
    *) words+=("$word") ;;
  esac
done
exec c++ "${words[@]}"
"""


@pytest.fixture
def other_tensorflow(tmp_path):
    """A folder for PYTHONPATH: the TensorFlow that there is, under another version."""
    found = subprocess.run(
        [sys.executable, ROOT / "cmake/find_tensorflow.py"], capture_output=True, text=True
    )
    version, include, library = found.stdout.strip().split(";")
    folder = tmp_path / "other"
    package = folder / "tensorflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "include").symlink_to(include)
    (package / Path(library).name).symlink_to(library)
    information = folder / f"tensorflow-{version}.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Name: tensorflow\nVersion: {version}.1\n")
    return folder


@pytest.fixture
def tree(tmp_path):
    """A copy of what an installation needs."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in PARTS:
        shutil.copy2(ROOT / name, tree)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.so", "*.pyc"))
    compiler = tmp_path / "compiler"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    return tree


@pytest.fixture
def install(tree, tmp_path):
    """Builds into a fresh folder: (how many sources were compiled, names of the libraries)."""
    inherited = {name: text for name, text in os.environ.items() if "BLOCKHESS" not in name}

    def run(**environment):
        log, target = tmp_path / "compiled", tmp_path / "target"
        log.write_text("")
        shutil.rmtree(target, ignore_errors=True)
        options = {
            "BLOCKHESS_CUDA": "OFF",
            "BLOCKHESS_XLA": "OFF",
            "CXX": str(tmp_path / "compiler"),
            "COMPILED": str(log),
        }
        done = subprocess.run(
            [sys.executable, "setup.py", "-q", "build", f"--build-lib={target}"],
            cwd=tree,
            env={**inherited, **options, **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        libraries = sorted(path.name for path in (target / "blockhess").glob("*.so"))
        return len(log.read_text().splitlines()), libraries

    return run


def test_what_has_not_changed_is_compiled_once(tree, install, other_tensorflow, tmp_path, subtests):
    compiled, libraries = install()
    assert compiled > 20 and {"_tf.so", "_cpu_generic.so"} <= set(libraries)
    assert install() == (0, libraries)

    other = tmp_path / "other compiler"
    other.write_text(COMPILER + "# of another version\n")
    other.chmod(0o755)
    for what, environment in {
        "an option": {"BLOCKHESS_XLA": "ON"},
        "flags": {"CXXFLAGS": "-g0"},
        "the compiler": {"CXX": str(other)},
        "a folder of headers": {"CPATH": str(tmp_path)},
        "TensorFlow": {"PYTHONPATH": str(other_tensorflow)},
    }.items():
        with subtests.test(what):
            assert install(**environment)[0] >= compiled
            assert install(**environment)[0] == 0
    with subtests.test("nothing: what was built first is still there"):
        assert install() == (0, libraries)
    with subtests.test("a source"):
        with open(tree / "csrc/core/layout.h", "a") as header:
            header.write("// Another version.\n")
        assert install()[0] == compiled
    with subtests.test("a module that was removed is not installed from an earlier build"):
        module = tree / "python/blockhess/of_an_earlier_version.py"
        module.touch()
        install()
        module.unlink()
        install()
        assert not list((tmp_path / "target").rglob("of_an_earlier_version.py"))
