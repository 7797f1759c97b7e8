"""Training steps that need blocks, spread over devices and over processes, and on one device."""

from __future__ import annotations

import json
import socket

import numpy as np
import pytest
import training

from processes import at_once, in_a_process


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
def one_device():
    results = training.train("one")
    assert not np.allclose(results["weights"], np.eye(3), atol=0.01)
    return results


def assert_same(results, one_device) -> None:
    for name in ("blocks", "weights"):
        np.testing.assert_allclose(results[name], one_device[name], rtol=1e-12, atol=1e-13)


def test_two_logical_devices_train_as_one_does(one_device):
    assert_same(in_a_process(training.train, "mirrored"), one_device)


@pytest.mark.full
def test_two_worker_processes_train_as_one_device_does(one_device):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    config = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}})
        for i in range(2)
    ]
    with at_once(training.train, *[("workers", c) for c in config]) as workers:
        for worker in workers:
            assert_same(worker.result(), one_device)
