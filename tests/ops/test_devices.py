"""The devices that the ops have kernels for."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.python.framework.kernels import get_registered_kernels_for_op

import blockhess as bh

GPU_OPS = ["BlockhessTerms", "BlockhessTermsGrad", "BlockhessMap"]
CPU_OPS = ["BlockhessNewton", "BlockhessNewtonSolve"]
OPS = [*GPU_OPS, *CPU_OPS]
TYPES = {tf.float16, tf.bfloat16, tf.float32, tf.float64}


def types_on(device: str, op: str) -> set[tf.DType]:
    """The types of the values that the op computes with on a device."""
    return {
        tf.as_dtype(dtype)
        for kernel in get_registered_kernels_for_op(op).kernel
        if kernel.device_type == device
        for constraint in kernel.constraint
        if constraint.name == "T"
        for dtype in constraint.allowed_values.list.type
    }


def test_every_op_runs_on_the_CPU(subtests):
    for op in OPS:
        with subtests.test(op=op):
            assert types_on("CPU", op) == TYPES


def test_an_op_for_GPUs_runs_there_exactly_where_the_build_has_CUDA(subtests):
    for op in OPS:
        with subtests.test(op=op):
            has_kernels = bh.build_info()["cuda"] and op in GPU_OPS
            assert types_on("GPU", op) == (TYPES if has_kernels else set())


def test_every_op_compiles_exactly_where_the_build_has_XLA(subtests):
    tf.function(lambda: tf.ones([]), jit_compile=True)()  # Then TensorFlow registers such kernels.
    for op in OPS:
        for device in ("CPU", "GPU"):
            with subtests.test(op=op, device=device):
                expected = types_on(device, op) if bh.build_info()["xla"] else set()
                assert types_on(f"XLA_{device}_JIT", op) == expected


@pytest.mark.compiler  # and its nm
def test_the_CUDA_runtime_is_inside_and_hidden():
    """TensorFlow's own library has functions of the same names, perhaps of another CUDA version."""
    library = Path(bh.__file__).parent / "_tf.so"
    table = subprocess.run(["nm", "-D", library], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in table.splitlines()]
    assert any("tensorflow" in name for name in names)
    assert not [name for name in names if name.startswith(("cuda", "__cuda"))]


def test_the_build_names_the_GPUs_that_it_has_code_for():
    info = bh.build_info()
    assert bool(info["cuda_archs"]) == info["cuda"]
    assert all(re.fullmatch(r"(sm|compute)_\d+", arch) for arch in info["cuda_archs"])
    assert not info["cuda"] or info["nvcc"]


@pytest.mark.skipif(
    shutil.which("cuobjdump") is None or not bh.build_info()["cuda"],
    reason="there is no cuobjdump, or no CUDA in this build",
)
def test_the_library_has_that_code():
    library, archs = Path(bh.__file__).parent / "_tf.so", bh.build_info()["cuda_archs"]

    def listed(what):
        command = ["cuobjdump", what, library]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return Counter(re.findall(r"\.(sm_\d+)\.(?:cubin|ptx)", text))

    files = 3  # of cuda/
    machine_code = [arch for arch in archs if arch.startswith("sm_")]
    ptx = [arch.replace("compute_", "sm_") for arch in archs if arch not in machine_code]
    assert listed("--list-elf") == dict.fromkeys(machine_code, files)
    assert listed("--list-ptx") == dict.fromkeys(ptx, files)
