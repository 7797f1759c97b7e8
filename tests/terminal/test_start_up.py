"""TensorFlow's start-up messages: not there unless asked for, and never lost where it fails."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from streams import ESCAPES, standard_streams, terminal

LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# As a CUDA build writes them where there is no GPU, in both forms that absl has had.
MESSAGES = {
    "note": "WARNING: All log messages before absl::InitializeLog() is called",
    "info": "I0000 00:00:1748.1 77 port.cc:153] oneDNN custom operations are on.\nTo turn them off",
    "warning": "2025-01-31 10:00:00.123456: W tensorflow/core/x.cc:38] TF-TRT Warning",
    "error": "E0000 00:00:1748.3 77 cuda_fft.cc:477] Unable to register cuFFT factory",
}
FATAL = "F0000 00:00:1748.4 77 cpu_feature_guard.cc:82] compiled to use AVX instructions"
STAND_IN = f"""
import logging, os, sys
os.write(2, {chr(10).join([*MESSAGES.values(), ""]).encode()!r})
if os.environ["ENDING"] == "ImportError":
    raise ImportError("libcudart.so.12: cannot open shared object file")
if os.environ["ENDING"] == "interrupted":
    raise KeyboardInterrupt
if os.environ["ENDING"] == "killed":
    os.write(2, {FATAL.encode()!r})
    os.kill(os.getpid(), 9)
logging.getLogger("tensorflow").warning("triggered tf.function retracing")
logging.getLogger("tensorflow").error("an error of Python's")
__version__ = "1.2.3"
class config:
    list_logical_devices = list
"""
# TensorFlow's Python warns as it does of retracing.
WARNS = 'tf.get_logger().warning("Tracing is expensive") or tf.reduce_sum(tf.sin(x))'


def typed(*arguments: str, columns: int = 80, **environment: str) -> subprocess.CompletedProcess:
    """In a process of its own whose standard streams are terminals."""
    known = {name: value for name, value in os.environ.items() if name not in (LEVEL, "COLUMNS")}
    command = [sys.executable, "-m", "blockhess", *arguments]
    with standard_streams(lambda: terminal(columns)) as printed:
        done = subprocess.run(command, env={**known, "TERM": "xterm", **environment})
    return subprocess.CompletedProcess(command, done.returncode, printed.out, printed.err)


@pytest.mark.parametrize(
    ("arguments", "level", "ending", "there"),
    [
        ((), None, "", ()),
        ((), "3", "", ()),
        ((), "2", "", ("error",)),
        ((), "1", "", ("warning", "error")),
        ((), "0", "", tuple(MESSAGES)),
        (("--verbose",), None, "", tuple(MESSAGES)),
        ((), None, "ImportError", tuple(MESSAGES)),
        ((), None, "killed", tuple(MESSAGES)),
        ((), None, "interrupted", ()),
    ],
)
def test_what_is_shown_of_a_TensorFlow_that_writes_to_descriptor_2(
    arguments, level, ending, there, tmp_path
):
    (tmp_path / "tensorflow.py").write_text(STAND_IN)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {LEVEL: level} if level else {}
    done = typed("info", *arguments, ENDING=ending, PYTHONPATH=path, **environment)
    assert {name for name, text in MESSAGES.items() if text in done.stderr} == set(there)
    if ending == "ImportError":
        assert done.returncode == 1 and "ImportError: libcudart.so.12: cannot open" in done.stderr
    elif ending == "interrupted":
        assert (done.returncode, ESCAPES.sub("", done.stderr)) == (130, "error: interrupted\n")
    elif ending == "killed":
        assert done.returncode < 0 and FATAL in done.stderr
    else:
        assert done.returncode == 0 and "1.2.3" in done.stdout
        assert "UserWarning: the ops of blockhess are not registered: this build" in done.stderr
        assert "an error of Python's" in done.stderr
        assert ("tf.function retracing" in done.stderr) == ("--verbose" in arguments)


def test_TensorFlow_itself_writes_nothing_before_or_among_ours():
    done = typed("explain", WARNS, "--shape", "1000,8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.removeprefix("\x1b[1m").startswith("route:")
