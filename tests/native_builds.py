"""Programs in C++ that a run of the tests builds once, whatever worker asks first."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "cmake"))


def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str, name: str) -> Path:
    """One folder for all workers of this run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / name
    folder.mkdir(exist_ok=True)
    return folder


def build(source: Path, folder: Path, *options: str, target: str = "all") -> None:
    """Builds `target` of the CMake project `source`, where no other worker has."""
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "CMakeCache.txt").exists():
            command = ["cmake", "-S", source, "-B", folder, *options]
            subprocess.run(command, check=True, capture_output=True)
        command = ["cmake", "--build", folder, "-j", "2", "--target", target]
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]


def run(
    program: Path, *words: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def eigen_include() -> str:
    """TensorFlow's include folder."""
    import find_tensorflow

    found = subprocess.run(
        [sys.executable, find_tensorflow.__file__], capture_output=True, text=True, check=True
    )
    return found.stdout.split(";")[1]
