"""The program reader, the checks of the ops and the CPU backend run under the sanitizers.

Each variant is built once a run, with the compiler that there is, and runs the corpus of the fuzzer
and inputs that are the same every time. As the emulated CUDA kernels this is a test and no step of
its own in .ci/run: whoever runs the tests runs it, its name says what broke, and its builds share
the cores with the other tests.
"""

from __future__ import annotations

import pytest

from native_builds import ROOT, build, eigen_include, run, shared_folder

pytestmark = [pytest.mark.compiler, pytest.mark.full]
FUZZ = ROOT / "tests/fuzz"

# What every processor has, with the fewest versions of each function: the compiler's time is dear.
OPTIONS = ["-DISAS=generic", "-DFIXED_SIZES=2,3"]


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory, worker_id):
    return shared_folder(tmp_path_factory, worker_id, "sanitizers")


@pytest.fixture
def replay(build_folder):
    """Builds a variant where no other worker has, and gives what runs it."""

    def run_replay(sanitizer, *words):
        folder = build_folder / sanitizer
        include = f"-DEIGEN_INCLUDE={eigen_include()}"
        build(FUZZ, folder, *OPTIONS, f"-DSANITIZER={sanitizer}", include)
        options = {
            "ASAN_OPTIONS": "detect_leaks=1",
            "TSAN_OPTIONS": "halt_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1",
        }
        return run(folder / "replay", *words, cwd=folder, **options)

    return run_replay


@pytest.mark.parametrize(
    "sanitizer, words",
    [
        ("address", ["--generated", "1000"]),
        ("thread", ["--generated", "400", "--threads", "8"]),
    ],
)
def test_the_corpus_and_generated_inputs_run_without_a_finding(replay, sanitizer, words):
    result = replay(sanitizer, *words, "corpus")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[:8000]
    print(result.stdout)


@pytest.mark.parametrize(
    "sanitizer, mistake, finding",
    [
        ("address", "overrun", "heap-buffer-overflow"),
        ("address", "overflow", "signed integer overflow"),
        ("thread", "race", "data race"),
    ],
)
def test_a_planted_mistake_is_found(replay, sanitizer, mistake, finding):
    result = replay(sanitizer, "--plant", mistake)
    assert result.returncode != 0
    assert finding in result.stderr
