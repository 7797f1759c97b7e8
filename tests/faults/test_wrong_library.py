"""An op library that does not match its TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import blockhess as bh

IMPORT = """
import tensorflow as tf
tf.__version__ = {version!r}
try:
    import blockhess
    blockhess.ops
except ImportError as error:
    print(error)
"""
ADVICE = "build blockhess again with `pip install --no-build-isolation .`"


def imported(version: str, path: str = "") -> str:
    """The ImportError of a process with a TensorFlow of that version."""
    environment = {**os.environ, "PYTHONPATH": path} if path else os.environ
    command = [sys.executable, "-c", IMPORT.format(version=version)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_TensorFlow_of_another_minor_version_is_refused():
    built_for = ".".join(bh.build_info()["tensorflow"].split(".")[:2])
    message = imported("2.5.1")
    assert f"is for TensorFlow {built_for}, but TensorFlow 2.5.1 is installed" in message
    assert f"install TensorFlow {built_for}, or {ADVICE}" in message


@pytest.mark.parametrize("size", [0, 1000, 100_000, None])
def test_a_library_that_is_cut_short_or_missing_is_an_ImportError(size, tmp_path):
    package, copy = Path(bh.__file__).parent, tmp_path / "blockhess"
    copy.mkdir()
    for path in package.iterdir():
        if path.name not in ("_tf.so", "__pycache__"):
            (copy / path.name).symlink_to(path)
    if size is not None:
        (copy / "_tf.so").write_bytes((package / "_tf.so").read_bytes()[:size])
    built_for = bh.build_info()["tensorflow"]
    message = imported(built_for, str(tmp_path))
    assert f"TensorFlow {built_for} cannot load the ops of blockhess" in message
    assert f"built for TensorFlow {built_for}" in message and ADVICE in message
    assert str(copy / "_tf.so") in message
