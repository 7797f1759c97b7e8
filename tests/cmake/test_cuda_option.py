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


@pytest.fixture
def nvidia_smi(tmp_path_factory):
    """A PATH that begins with an nvidia-smi that prints so and ends with this code."""

    def path(text, code=0):
        program = tmp_path_factory.mktemp("bin") / "nvidia-smi"
        program.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {code}\n")
        program.chmod(0o755)
        return f"{program.parent}:{os.environ['PATH']}"

    return path


@pytest.mark.full
def test_what_is_asked_for_is_built(configure, subtests):
    for asked, archs, code in (
        ("sm_90 sm_80 sm_1000", "sm_80 sm_90", "80-real;90-real"),
        ("sm_90 compute_90", "compute_90 sm_90", "90-virtual;90-real"),
        ("all", "sm_75 sm_80 sm_90.* compute_.*", "75-real;80-real;90-real.*-virtual"),
    ):
        with subtests.test(asked):
            exit_code, said, defined = configure(BLOCKHESS_CUDA_ARCHS=asked)
            assert exit_code == 0, said
            if HAS_NVCC:
                assert re.fullmatch(rf"cuda true, for \[{archs}\]", defined[0])
                assert re.fullmatch(rf"code \[{code}\]", defined[1])
            else:
                assert defined[0] == "cuda false, for []"


@pytest.mark.full
@pytest.mark.skipif(not HAS_NVCC, reason="there is no nvcc")
def test_by_default_it_is_for_the_GPU_that_is_seen_or_PTX_of_the_oldest(
    configure, nvidia_smi, subtests
):
    oldest = "cuda true, for [compute_75]"
    for what, path, expected in (
        ("two GPUs of a kind", nvidia_smi("9.0\\n9.0\\n"), "cuda true, for [sm_90]"),
        ("two kinds", nvidia_smi("9.0\\n8.6\\n"), "cuda true, for [sm_86 sm_90]"),
        ("one too new for this nvcc", nvidia_smi("99.0\\n"), oldest),
        ("no GPU", nvidia_smi("No devices were found\\n", 6), oldest),
    ):
        with subtests.test(what):
            exit_code, said, defined = configure(PATH=path)
            assert exit_code == 0, said
            assert defined[0] == expected


def test_an_option_goes_before_the_environment(configure):
    _, said, defined = configure("-DBLOCKHESS_CUDA=OFF", BLOCKHESS_CUDA="ON")
    assert defined[0] == "cuda false, for []", said


@pytest.mark.full
def test_architectures_that_no_compiler_knows_are_an_error_that_names_them(configure):
    code, said, _ = configure(BLOCKHESS_CUDA_ARCHS="sm_1000")
    assert (code != 0) == HAS_NVCC
    assert ("BLOCKHESS_CUDA_ARCHS is 'sm_1000'" in said) == HAS_NVCC
