"""The script that compares the ops on a GPU with those on the CPU, as a user would start it."""

import contextlib
import io
import runpy
import sys
from pathlib import Path

import tensorflow as tf

import blockhess as bh
from processes import in_a_process

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu" / "tensorflow_ops.py"


def run() -> tuple[int, str]:
    """The script's exit code and what it prints."""
    sys.argv, printed = [str(SCRIPT)], io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            return int(end.code or 0), printed.getvalue()
    return 0, printed.getvalue()


def test_the_ops_on_a_GPU_are_those_on_the_CPU_or_it_says_that_there_is_no_GPU():
    code, printed = in_a_process(run)
    if not tf.config.list_physical_devices("GPU"):
        assert (code, printed) == (2, "there is no GPU here that TensorFlow sees\n")
    elif not bh.build_info()["cuda"]:
        assert (code, printed) == (2, "this build of blockhess has no CUDA kernels\n")
    else:
        assert code == 0, printed
