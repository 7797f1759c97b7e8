"""What a process decides for all its graphs: auto-clustering, and the number of threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh

pytestmark = pytest.mark.skipif(not bh.build_info()["xla"], reason="this build has no XLA kernels")


def blocks_and_gradient(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        blocks = bh.hessian(lambda x: tf.exp(-0.01 * tf.reduce_sum(x * x, 1)), 2 * x + 1)
        total = tf.reduce_sum(tf.sin(blocks) ** 2)
    return blocks, tape.gradient(total, x)


def points() -> tf.Tensor:
    """Enough for several threads."""
    return tf.constant(np.random.default_rng(3).normal(size=(2000, 24)))


@pytest.fixture(scope="module")
def another_process(tmp_path_factory):
    """One thread, and auto-clustering of a tf.function that does not ask for XLA."""
    folder: Path = tmp_path_factory.mktemp("dump")
    flags = {
        "TF_XLA_FLAGS": "--tf_xla_cpu_global_jit",
        "XLA_FLAGS": f"--xla_dump_to={folder} --xla_dump_hlo_as_text",
    }
    command = [sys.executable, __file__, folder / "results.npz"]
    subprocess.run(command, check=True, env={**os.environ, **flags})
    compiled = "".join(path.read_text() for path in folder.glob("*after_optimizations.txt"))
    return compiled, np.load(folder / "results.npz")


def main(file: str) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.optimizer.set_jit("autoclustering")
    call = tf.function(blocks_and_gradient, autograph=False)
    blocks, gradient = call(points())
    np.savez(file, blocks=blocks, gradient=gradient)


def test_auto_clustering_takes_the_ops(another_process):
    compiled, _ = another_process
    for op in ("BlockhessTerms", "BlockhessTermsGrad"):
        assert f'custom_call_target="{op}"' in compiled


def test_one_thread_gives_the_bits_that_several_give(another_process):
    _, results = another_process
    blocks, gradient = tf.function(blocks_and_gradient, autograph=False, jit_compile=True)(points())
    assert np.array_equal(results["blocks"], blocks)
    assert np.array_equal(results["gradient"], gradient)


if __name__ == "__main__":
    main(sys.argv[1])
