"""What a process decides for all its graphs: auto-clustering, and the number of threads."""

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from processes import in_a_process

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
    results = in_a_process(clustered, flags)
    compiled = "".join(path.read_text() for path in folder.glob("*after_optimizations.txt"))
    return compiled, results


def clustered(flags: dict[str, str]) -> list[np.ndarray]:
    os.environ.update(flags)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.optimizer.set_jit("autoclustering")
    call = tf.function(blocks_and_gradient, autograph=False)
    return [result.numpy() for result in call(points())]


def test_auto_clustering_takes_the_ops(another_process):
    compiled, _ = another_process
    for op in ("BlockhessTerms", "BlockhessTermsGrad"):
        assert f'custom_call_target="{op}"' in compiled


def test_one_thread_gives_the_bits_that_several_give(another_process):
    _, results = another_process
    here = tf.function(blocks_and_gradient, autograph=False, jit_compile=True)(points())
    for one_thread, several in zip(results, here, strict=True):
        assert np.array_equal(one_thread, several)
