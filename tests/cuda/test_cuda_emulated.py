"""The CUDA kernels run on the CPU, beside the CPU backend and under the sanitizers."""

import os
import subprocess
from pathlib import Path

import pytest

from native_builds import build, shared_folder

pytestmark = pytest.mark.compiler
HERE = Path(__file__).parent

TYPES = ["float", "double", "half", "bfloat16"]
FUNCTIONS = ["terms", "terms_vjp", "map", "wide", "large"]


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory, worker_id):
    return shared_folder(tmp_path_factory, worker_id, "emulated")


@pytest.fixture
def driver(build_folder):
    """Builds a variant where no other worker has, and gives what runs it."""

    def run(variant, *words):
        build(HERE, build_folder, target=variant)
        environment = {"TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run(
            [build_folder / variant, *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("variant", ["plain", "address", "thread"])
def test_the_kernels_compute_what_the_cpu_backend_does(driver, variant, function, type):
    result = driver(variant, function, type)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_the_conversions_of_16_bit_numbers_round_to_nearest_even(driver):
    result = driver("plain", "half")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_a_missing_barrier_is_found(driver):
    result = driver("broken_barrier", "terms", "float")
    assert result.returncode != 0
    assert "data race" in result.stderr


def test_a_tail_that_goes_one_too_far_is_found(driver):
    result = driver("broken_tail", "terms", "float")
    assert result.returncode != 0
    assert "heap-buffer-overflow" in result.stderr
