"""The CUDA kernels run on the CPU, beside the CPU backend and under the sanitizers."""

from __future__ import annotations

from pathlib import Path

import pytest

from blockhess import _core
from native_builds import build, run, shared_folder

pytestmark = pytest.mark.compiler

TYPES = ["float", "double", "half", "bfloat16"]
FUNCTIONS = ["terms", "terms_vjp", "map", "large"]


@pytest.fixture(scope="session")
def driver(tmp_path_factory, worker_id):
    """Builds a variant where no other worker has, and gives what runs it."""
    folder = shared_folder(tmp_path_factory, worker_id, "emulated")
    libraries = f"-DCPU_LIBRARIES={Path(_core.__file__).parent}"

    def run_driver(variant, *words):
        build(Path(__file__).parent, folder, libraries, target=variant)
        options = {"TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0"}
        return run(folder / variant, *words, **options)

    return run_driver


@pytest.mark.parametrize(
    "variant",
    ["plain", *(pytest.param(name, marks=pytest.mark.full) for name in ("address", "thread"))],
)
def test_the_kernels_compute_what_the_cpu_backend_does(driver, variant, subtests):
    for function in FUNCTIONS:
        for type in TYPES:
            with subtests.test(function=function, type=type):
                result = driver(variant, function, type)
                assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


# Which barriers a row as wide as these meets does not depend on the type.
@pytest.mark.full
@pytest.mark.parametrize(
    "variant, types", [("plain", TYPES), ("address", TYPES), ("thread", TYPES[:1])]
)
def test_the_widest_rows_are_those_of_the_cpu_backend(driver, variant, types, subtests):
    for type in types:
        with subtests.test(type=type):
            result = driver(variant, "wide", type)
            assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_the_conversions_of_16_bit_numbers_round_to_nearest_even(driver):
    result = driver("plain", "half")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


# Those of a kernel's first tile after the two that start it.
BARRIERS = range(3, 9)


def test_a_missing_barrier_changes_results(driver, subtests):
    for number in BARRIERS:
        with subtests.test(number=number):
            result = driver("plain", "terms", "float", "missing_barrier", str(number))
            assert result.returncode != 0
            assert "FAILED" in result.stdout


@pytest.mark.full
def test_a_missing_barrier_is_found(driver, subtests):
    for number in BARRIERS:
        with subtests.test(number=number):
            result = driver("thread", "terms", "float", "missing_barrier", str(number))
            assert result.returncode != 0
            assert "data race" in result.stderr


@pytest.mark.full
def test_a_store_past_the_end_is_found(driver):
    result = driver("address", "terms", "float", "short_hessians")
    assert result.returncode != 0
    assert "heap-buffer-overflow" in result.stderr
