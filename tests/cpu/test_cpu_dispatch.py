"""Which instruction set runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blockhess import _core

# _core alone, so that a subprocess need not load TensorFlow.
LOAD = """
import importlib.util
spec = importlib.util.spec_from_file_location("_core", {path!r})
_core = importlib.util.module_from_spec(spec)
spec.loader.exec_module(_core)
"""
RUN = """
_core.map("blockhess 1 | map 0: r0 = constant 2.0; return r0", [])
libraries = {line.split("/")[-1].strip() for line in open("/proc/self/maps") if "_cpu_" in line}
print(_core.build_facts()["isa"], *libraries)
"""


def run(isa):
    path = str(Path(_core.__file__).resolve())
    return subprocess.run(
        [sys.executable, "-c", LOAD.format(path=path) + RUN],
        env={**os.environ, "BLOCKHESS_ISA": isa},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("isa", _core.build_facts()["isas"])
def test_the_environment_forces_an_instruction_set_and_loads_no_other(isa):
    result = run(isa)
    assert result.stdout.split() == [isa, f"_cpu_{isa}.so"], result.stderr


def test_without_it_the_best_runs():
    best = _core.build_facts()["isas"][0]
    assert run("").stdout.split() == [best, f"_cpu_{best}.so"]


def test_one_that_is_not_available_is_refused():
    message = "BLOCKHESS_ISA asks for the instruction set 'mmx', which is not available here"
    assert message in run("mmx").stderr
