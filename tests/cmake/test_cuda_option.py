"""The CUDA backend is built where there is a CUDA compiler, for the architectures asked for."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiler
CMAKE = Path(__file__).parents[2] / "cmake"
HAS_NVCC = shutil.which(os.environ.get("CUDACXX", "nvcc")) is not None
INHERITED = {name: os.environ[name] for name in os.environ if not name.startswith("BLOCKHESS")}


@pytest.fixture
def configure(tmp_path):
    """Includes cmake/cuda.cmake alone: (exit code, what CMake said, what the file defined)."""
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\n"
        "project(alone LANGUAGES CXX)\n"
        f"include({CMAKE}/cuda.cmake)\n"
        'message("cuda ${BLOCKHESS_HAS_CUDA}, for [${BLOCKHESS_CUDA_ARCHS}]")\n'
        'message("code [${CMAKE_CUDA_ARCHITECTURES}]")\n'
    )

    def run(*options, **environment):
        done = subprocess.run(
            ["cmake", "-S", tmp_path, "-B", tmp_path / "build", *options],
            env={**INHERITED, **environment},
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        return done.returncode, said, re.findall(r"^(?:cuda|code) .*", said, re.MULTILINE)

    return run


def test_the_backend_can_be_left_out(configure):
    code, _, defined = configure(BLOCKHESS_CUDA="OFF")
    assert code == 0 and defined[0] == "cuda false, for []"


def test_without_a_CUDA_compiler_it_is_left_out(configure):
    code, said, defined = configure("-DCMAKE_CUDA_COMPILER=NOTFOUND")
    assert code == 0, said
    assert defined[0] == "cuda false, for []"


@pytest.mark.full
def test_the_environment_narrows_the_architectures(configure):
    code, said, defined = configure(BLOCKHESS_CUDA_ARCHS="sm_90 sm_80 sm_1000")
    assert code == 0, said
    if HAS_NVCC:
        assert defined == ["cuda true, for [sm_80 sm_90]", "code [80-real;90-real;90-virtual]"]
    else:
        assert defined[0] == "cuda false, for []"


def test_an_option_goes_before_the_environment(configure):
    _, said, defined = configure("-DBLOCKHESS_CUDA=OFF", BLOCKHESS_CUDA="ON")
    assert defined[0] == "cuda false, for []", said


@pytest.mark.full
def test_architectures_that_no_compiler_knows_are_an_error_that_names_them(configure):
    code, said, _ = configure(BLOCKHESS_CUDA_ARCHS="sm_1000")
    assert (code != 0) == HAS_NVCC
    assert ("BLOCKHESS_CUDA_ARCHS is 'sm_1000'" in said) == HAS_NVCC
