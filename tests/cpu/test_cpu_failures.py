"""Failures in threads of the CPU backend end in a result, and never the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from native_builds import build, run, shared_folder

pytestmark = pytest.mark.compiler


@pytest.fixture(scope="session")
def failures(tmp_path_factory, worker_id):
    folder = shared_folder(tmp_path_factory, worker_id, "failures")
    build(Path(__file__).parent, folder)
    return folder / "failures"


@pytest.mark.parametrize(
    "case", ["threads_without_memory", "exceptions_in_threads", "counts_without_memory"]
)
def test_a_failure_is_a_result(failures, case):
    result = run(failures, case)
    assert result.returncode == 0, result.stderr
