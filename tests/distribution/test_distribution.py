"""Training steps that need blocks, spread over devices and over processes, and on one device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "training.py"
SECONDS = 120


def start(mode: str, file: Path, **environment: str) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, mode, file]
    return subprocess.Popen(command, env={**os.environ, **environment})


def finished(processes: list[subprocess.Popen]) -> None:
    """Waits for all of them, and leaves none behind."""
    try:
        codes = [process.wait(SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert codes == [0] * len(processes)


def free_ports(count: int) -> list[int]:
    """That nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def one_device(tmp_path_factory):
    file = tmp_path_factory.mktemp("one") / "results.npz"
    finished([start("one", file)])
    results = np.load(file)
    assert not np.allclose(results["weights"], np.eye(3), atol=0.01)
    return results


def assert_same(file: Path, one_device) -> None:
    results = np.load(file)
    for name in ("blocks", "weights"):
        np.testing.assert_allclose(results[name], one_device[name], rtol=1e-12, atol=1e-13)


def test_two_logical_devices_train_as_one_does(one_device, tmp_path):
    file = tmp_path / "results.npz"
    finished([start("mirrored", file)])
    assert_same(file, one_device)


def test_two_worker_processes_train_as_one_device_does(one_device, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    files = [tmp_path / f"worker{i}.npz" for i in range(2)]
    config = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}})
        for i in range(2)
    ]
    finished([start("workers", file, TF_CONFIG=c) for file, c in zip(files, config, strict=True)])
    for file in files:
        assert_same(file, one_device)
