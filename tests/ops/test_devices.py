"""The devices that the ops have kernels for."""

import pytest
import tensorflow as tf
from tensorflow.python.framework.kernels import get_registered_kernels_for_op

import blockhess as bh

OPS = ["BlockhessTerms", "BlockhessTermsGrad", "BlockhessMap"]


def types_on(device: str, op: str) -> set[tf.DType]:
    """Of the values that the op computes with on a device."""
    return {
        tf.as_dtype(constraint.allowed_values.list.type[0])
        for kernel in get_registered_kernels_for_op(op).kernel
        if kernel.device_type == device
        for constraint in kernel.constraint
        if constraint.name == "T"
    }


@pytest.mark.parametrize("op", OPS)
def test_every_op_runs_on_the_CPU(op):
    assert types_on("CPU", op) == {tf.float32, tf.float64}


@pytest.mark.parametrize("op", OPS)
def test_every_op_runs_on_a_GPU_exactly_where_the_build_has_CUDA(op):
    on_gpu = {tf.float16, tf.bfloat16, tf.float32, tf.float64} if bh.build_info()["cuda"] else set()
    assert types_on("GPU", op) == on_gpu


def test_the_build_names_the_GPUs_that_it_has_code_for():
    info = bh.build_info()
    assert bool(info["cuda_archs"]) == info["cuda"]
    assert all(arch.startswith("sm_") for arch in info["cuda_archs"])
    assert not info["cuda"] or info["nvcc"]
