"""The script that measures on a GPU, with stand-ins for GPU, compilers and what they build."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

GPU = Path(__file__).parents[2] / "bench" / "gpu"
TIMING = {
    "what": "timing",
    "case": "squares",
    "type": "float32",
    "N": 2097152,
    "K": 8,
    "pass": "forward",
    "bytes": 536870912,
    "ms": 0.2,
    "limit": "memset",
    "limit_ms": 0.15,
    "share": 0.75,
}
CHECK = {"what": "check", "type": "float32", "results": 9, "wrong": 0, "worst": 1e-7}
PEER = {name: TIMING[name] for name in ("case", "type", "N", "K", "bytes")}
PEER = {"what": "peer", "way": "closed form", **PEER, "ms": 0.5}
STEPS = "configure build check timings memcheck racecheck initcheck jax torch".split()

# Each says what it was called with; the file named as a step decides what becomes of that step.
SAY = """#!/usr/bin/env bash
stubs=$(dirname "$(readlink -f "$0")")
echo "${0##*/} $*" >> "$stubs/calls"
"""
ACT = 'act() { if [ -e "$stubs/$1" ]; then . "$stubs/$1"; fi; }\n'
PROGRAMS = {
    "nvidia-smi": 'if [ -e "$stubs/no_gpu" ]; then echo "No devices were found"; exit 6; fi\n'
    'echo "NVIDIA Test 9000, 580.65, 9.0, 81559 MiB"',
    "timeout": f'exec {shutil.which("timeout")} "$@"',
    "nvcc": 'echo "Cuda compilation tools, release 13.0, V13.0.88"',
    "cmake": 'if [ "$1" != --build ]; then echo "$BLOCKHESS_CUDA_ARCHS"; exit; fi\n'
    'act build; mkdir -p "$2"; ln -s "$stubs/blockhess_gpu" "$2"',
    "blockhess_gpu": 'if [ "$2" != --json ]; then exit; fi\n'
    f"if [ $1 = check ]; then echo '{json.dumps(CHECK | {'allowed': 2e-5})}' >> $3; fi\n"
    f"if [ $1 = time ]; then echo '{json.dumps(TIMING)}' >> $3; fi\n"
    "act $1",
    "compute-sanitizer": 'act $4; while [ "${1##*/}" != blockhess_gpu ]; do shift; done; exec "$@"',
    "python": f'if [ "${{1##*/}}" != peers.py ]; then exec {sys.executable} "$@"; fi\n'
    f'act $2; echo \'{json.dumps(PEER)[:-1]}, "framework": "\'$2\'"}}\' >> "$6"',
}


class Rehearsal:
    def __init__(self, folder: Path):
        self.stubs, self.out = folder / "stubs", folder / "out"
        self.stubs.mkdir()
        for name, script in PROGRAMS.items():
            self.write(name, SAY + ACT + script + "\n")

    def write(self, name: str, script: str) -> None:
        path = self.stubs / name
        path.write_text(script)
        path.chmod(0o755)

    def run(self, **environment: str) -> subprocess.CompletedProcess:
        path = f"{self.stubs}:{os.environ['PATH']}"
        python = str(self.stubs / "python")
        own = {k: v for k, v in os.environ.items() if k not in ("CUDACXX", "CUDA_VISIBLE_DEVICES")}
        return subprocess.run(
            [GPU / "measure.sh", self.out],
            capture_output=True,
            text=True,
            env=own | {"PATH": path, "PYTHON": python} | environment,
        )

    @property
    def found(self) -> dict:
        return json.loads((self.out / "measure.json").read_text())

    @property
    def statuses(self) -> dict[str, str]:
        return {step["name"]: step["status"] for step in self.found["steps"]}


@pytest.fixture
def rehearsal(tmp_path):
    return Rehearsal(tmp_path)


def test_it_builds_for_the_card_checks_times_and_compares_with_the_frameworks_there_are(rehearsal):
    rehearsal.write("jax", "echo 'jax is missing'; exit 3")
    done = rehearsal.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert rehearsal.statuses == dict.fromkeys(STEPS, "done") | {"jax": "missing"}
    assert "jax: missing\njax is missing\n" in done.stdout
    found = rehearsal.found
    assert (found["card"], found["driver"]) == ("NVIDIA Test 9000", "580.65")
    assert (found["CUDA"], found["memory"]) == ("13.0.88", "81559 MiB")
    assert {"commit", "date", "versions", "processor"} <= set(found)
    assert found["timings"] == [{k: v for k, v in TIMING.items() if k != "what"}]
    assert [c["results"] for c in found["check"]] == [9]
    assert [p["framework"] for p in found["peers"]] == ["torch"]
    assert (rehearsal.out / "configure.log").read_text() == "sm_90\n"
    read = (rehearsal.out / "measure.txt").read_text()
    assert done.stdout.endswith(read)
    assert "squares  float32  2097152  8  forward  0.200  memset  0.150   0.75\n" in read
    assert "squares  float32  2097152  8  torch: closed form  0.500  2.50\n" in read
    calls = (rehearsal.stubs / "calls").read_text().splitlines()
    checked = [line.partition(" check ")[2] for line in calls if line.startswith("compute-")]
    assert checked == ["short", "short", "short uninitialized"]
    built = next(line.split()[2] for line in calls if line.startswith("cmake --build"))
    assert not Path(built).exists()
    limits = [line.split()[2] for line in calls if line.startswith("timeout --kill-after=5 ")]
    assert [str(step["limit"]) for step in found["steps"]] == limits


def test_what_fails_or_is_stopped_is_named_and_the_others_go_on(rehearsal):
    rehearsal.write("time", "exit 124  # as timeout does")
    rehearsal.write("check", "echo 'WRONG float32 sine'; exit 1")
    rehearsal.write("racecheck", "echo hazard; exit 9")
    rehearsal.write("torch", "echo Aborted; exit 134")
    build = rehearsal.stubs.parent / "build"
    done = rehearsal.run(BLOCKHESS_GPU_BUILD=str(build))
    assert done.returncode == 1
    failed = {"check": 1, "racecheck": 9, "torch": 134}
    failed = {step: f"failed: exit code {code}" for step, code in failed.items()}
    stopped = {"timings": "stopped after 60 s"}
    assert rehearsal.statuses == dict.fromkeys(STEPS, "done") | failed | stopped
    assert len(rehearsal.found["timings"]) == 1  # what was measured before
    assert "WRONG float32 sine" in done.stdout
    assert [p["framework"] for p in rehearsal.found["peers"]] == ["jax"]
    assert build.exists()


@pytest.mark.full
def test_without_a_build_only_the_peers_are_measured(rehearsal):
    rehearsal.write("build", "echo 'nvcc fatal'; exit 2")
    build = rehearsal.stubs.parent / "build"
    build.mkdir()
    (build / "blockhess_gpu").symlink_to(rehearsal.stubs / "blockhess_gpu")  # an earlier one
    done = rehearsal.run(BLOCKHESS_GPU_BUILD=str(build))
    assert done.returncode == 1
    assert "nvcc fatal" in done.stdout
    expected = dict.fromkeys(STEPS, "left out: not built")
    expected |= {"configure": "done", "build": "failed: exit code 2", "jax": "done"}
    assert rehearsal.statuses == expected | {"torch": "done"}
    assert len(rehearsal.found["peers"]) == 2


def test_what_there_is_no_time_for_is_named(rehearsal):
    done = rehearsal.run(BLOCKHESS_MEASURE_SECONDS="6")
    assert done.returncode == 1
    expected = dict.fromkeys(STEPS, "left out: not built")
    no_time = dict.fromkeys(("configure", "build", "jax", "torch"), "left out: no time")
    assert rehearsal.statuses == expected | no_time


def test_without_a_GPU_it_says_so_before_anything_else(rehearsal):
    rehearsal.write("no_gpu", "")
    done = rehearsal.run()
    assert done.returncode == 2
    assert done.stderr == "there is no GPU here: No devices were found\n"
    called = (rehearsal.stubs / "calls").read_text().splitlines()
    assert [line.split()[0] for line in called] == ["timeout", "nvidia-smi"]
    assert not rehearsal.out.exists()


def test_it_writes_over_no_measurement(rehearsal):
    rehearsal.out.mkdir()
    (rehearsal.out / "measure.json").write_text("{}")
    done = rehearsal.run()
    assert (done.returncode, done.stderr) == (2, f"{rehearsal.out} is not empty\n")


@pytest.fixture(scope="module")
def peers():
    """A module of its own name: bench/ has a package of the same."""
    spec = importlib.util.spec_from_file_location("gpu_peers", GPU / "peers.py")
    module = sys.modules["gpu_peers"] = importlib.util.module_from_spec(spec)
    before = sys.path[:]
    sys.path[:0] = [str(GPU)]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


def test_peers_get_the_problems_that_blockhess_gpu_times(peers):
    columns, num_bytes = peers.timed_sizes()
    assert (columns, num_bytes) == ([8, 32, 128], 512 << 20)
    jobs = peers.jobs(["a way", peers.ZEROS], "float32", num_bytes)
    fields = [tuple(job.fields().values()) for job in jobs]
    assert fields[0] == ("a way", "squares", "float32", TIMING["N"], 8, TIMING["bytes"])
    assert fields[14][:5] == ("a way", "sine", "float32", 8192, 128)
    assert [f[1:5:3] for f in fields[15:]] == [("none", 8), ("none", 32), ("none", 128)]


def test_a_peer_that_is_wrong_or_fails_is_named_and_not_timed(peers):
    (job, *_) = peers.jobs(["a way"], "float32", 1 << 14)
    right = job.task.case.blocks(job.task.x, job.task.A)
    framework = SimpleNamespace(seconds=lambda call, number: 0.25 * number)

    def measured(blocks=None, raised=None):
        def call():
            if raised:
                raise raised
            return blocks

        return peers.measured(framework, job, lambda: call)

    assert measured(right) == {"ms": 250.0, "error": 0.0}
    nearly, last_row = right.copy(), right.copy()
    nearly[0, 0, 1] = 1e-5
    assert measured(nearly) == {"ms": 250.0, "error": pytest.approx(5e-6)}
    last_row[-1, 0, 1] = 0.5
    assert measured(last_row) == {"failed": "wrong: off by 2.5e-01"}
    assert measured(np.full_like(right, np.nan)) == {"failed": "wrong: off by nan"}
    assert measured(right[1:])["failed"].startswith("ValueError: shape")
    assert measured(raised=ValueError("no\n  way")) == {"failed": "ValueError: no way"}
    for memory in (MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating")):
        assert measured(raised=memory) == {"failed": "out of memory"}


@pytest.mark.parametrize("framework", ["jax", "torch"])
def test_a_framework_that_is_missing_or_sees_no_GPU_is_said_to_be_missing(framework):
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, GPU / "peers.py", framework]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | hidden)
    assert done.returncode == 3
    assert done.stdout.startswith(f"{framework} is missing: ")
