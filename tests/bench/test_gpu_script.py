"""The script that compares the ops on a GPU with those on the CPU, as a user would start it."""

import subprocess
import sys
from pathlib import Path

import tensorflow as tf

import blockhess as bh

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu" / "tensorflow_ops.py"


def test_the_ops_on_a_GPU_are_those_on_the_CPU_or_it_says_that_there_is_no_GPU():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    if not tf.config.list_physical_devices("GPU"):
        assert done.returncode == 2
        assert done.stdout == "there is no GPU here that TensorFlow sees\n"
    elif not bh.build_info()["cuda"]:
        assert done.returncode == 2
        assert done.stdout == "this build of blockhess has no CUDA kernels\n"
    else:
        assert done.returncode == 0, done.stdout
