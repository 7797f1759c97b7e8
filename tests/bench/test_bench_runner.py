"""The benchmark runner on a tiny size, as a user would start it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full
RUNNER = Path(__file__).parents[2] / "bench" / "run.py"
OURS, FILL, JACOBIAN = "blockhess", "tf.fill", "batch_jacobian"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict:
    """The results of a run in which JAX cannot be imported, on a machine that has it or has not."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "jax.py").write_text("raise ImportError('there is no JAX here')\n")
    command = [
        *(sys.executable, str(RUNNER), "--sections", "dense", "gradients", "--sizes", "40x3"),
        *("--dtypes", "float64", "--rounds", "5", "--cases", "gaussian"),
        *("--peers", FILL, JACOBIAN, "jax", "numpy", "the blocks"),
        *("--output", str(folder), "--name", "tiny"),
    ]
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "there is no JAX here" in (folder / "tiny.txt").read_text()
    return json.loads((folder / "tiny.json").read_text())


def of_section(results: dict, section: str) -> dict[str, dict]:
    return {r["peer"]: r for r in results["records"] if r["section"] == section}


def test_every_peer_is_checked_timed_and_compared(results):
    records = of_section(results, "dense")
    assert {OURS, FILL, JACOBIAN, f"{JACOBIAN}, XLA", "numpy: closed form"} <= records.keys()
    for name, record in records.items():
        if name.startswith("jax"):
            continue
        assert record["status"] == "ok", record
        assert record["seconds"]["median"] > 0
        if name != OURS:
            low, high = record["ratio"]["quartiles"]
            assert 0 < low <= record["ratio"]["median"] <= high
            assert record["rounds"] == 5
        if name != FILL and not name.startswith(OURS):
            assert record["error"] < 1e-10


def test_a_peer_that_is_missing_is_named_with_the_reason(results):
    jax = [name for name in of_section(results, "dense") if name.startswith("jax")]
    assert len(jax) == 2
    assert all(of_section(results, "dense")[name]["status"] == "missing" for name in jax)
    assert all(results["missing"][name] == "there is no JAX here" for name in jax)


def test_gradients_of_blocks_are_compared_with_the_blocks_and_with_TensorFlow(results):
    records = of_section(results, "gradients")
    assert records[OURS]["status"] == "ok"
    assert records["blockhess: the blocks"]["status"] == "ok"
    assert records[JACOBIAN]["status"] == "ok" and records[JACOBIAN]["error"] < 1e-8


def test_the_machine_is_described(results):
    assert results["machine"]["processor"] and results["machine"]["cores_used"] >= 1
    assert results["machine"]["blockhess"]["isa"] in ("avx512", "avx2", "generic")
    assert results["machine"]["versions"]["tensorflow"]
