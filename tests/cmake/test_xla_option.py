"""XLA kernels are built where TensorFlow comes with what they need, unless they are unwanted."""

import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiler
CMAKE = Path(__file__).parents[2] / "cmake"
NEEDED = (
    "include/tensorflow/compiler/tf2xla/xla_op_kernel.h",
    "include/xla/ffi/api/ffi.h",
    "include/external/highwayhash/any.h",
    "include/external/farmhash_archive/src/any.h",
    "libtensorflow_cc.so.2",
)


@pytest.fixture
def configure(tmp_path):
    """Includes cmake/xla.cmake alone, with a TensorFlow of the files given: what CMake said."""
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\n"
        "project(alone LANGUAGES NONE)\n"
        f"set(TENSORFLOW_INCLUDE {tmp_path}/tensorflow/include)\n"
        f"set(TENSORFLOW_LIBRARY {tmp_path}/tensorflow/libtensorflow_framework.so.2)\n"
        f"include({CMAKE}/xla.cmake)\n"
        'message("xla ${BLOCKHESS_HAS_XLA}")\n'
    )

    def run(files, *options):
        for file in files:
            path = tmp_path / "tensorflow" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        done = subprocess.run(
            ["cmake", "-S", tmp_path, "-B", tmp_path / "build", *options],
            capture_output=True,
            text=True,
            check=True,
        )
        said = done.stdout + done.stderr
        return said, re.search(r"^xla (.*)", said, re.MULTILINE)[1]

    return run


def test_they_are_built_where_all_is_there(configure):
    assert configure(NEEDED)[1] == "true"


@pytest.mark.parametrize("missing", [NEEDED[0], NEEDED[-1]])
def test_what_is_missing_is_named(configure, missing):
    said, has_xla = configure([file for file in NEEDED if file != missing])
    assert has_xla == "false" and f"tensorflow/{missing}" in said


def test_they_can_be_left_out(configure):
    assert configure(NEEDED, "-DBLOCKHESS_XLA=OFF")[1] == "false"
