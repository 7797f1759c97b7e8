"""What is said of the CUDA kernels without a GPU: by the compiler, and by the prediction."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench" / "gpu"))

import compiled
import predict

SAXPY = """
        /*0000*/                   LDC R1, c[0x0][0x28] ;     /* 0x00 */
                                                              /* 0x01 */
        /*0010*/                   LDG.E.128 R4, [R2.64] ;    /* 0x02 */
        /*0020*/              @!P0 STG.E.128.STRONG.GPU desc[UR4][R6.64], R4 ; /* 0x03 */
        /*0030*/              @!P1 BRA 0x10 ;                 /* 0x04 */
        /*0040*/                   STG.E desc[UR4][R6.64], R4 ; /* 0x05 */
        /*0050*/                   BRA 0x0 ;                  /* 0x06 */
"""


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="there is no nvcc to compile the kernels")
def test_no_kernel_of_sm_90_spills_and_blocks_are_written_in_vectors():
    kernels = compiled.compile_kernels("sm_90")
    names = {kernel.name for kernel in kernels}
    assert {"terms_kernel<float, dense>", "vjp_kernel<float>", "map_kernel<Half>"} <= names
    assert compiled.faults(kernels) == []


def test_spills_and_missing_vectors_are_faults():
    bad = [compiled.Kernel("map_kernel<float>", 40, 0, 8, 0)]
    bad.append(compiled.Kernel("terms_kernel<float, dense>", 40, 0, 0, 0))
    assert compiled.faults(bad) == [
        "map_kernel<float> spills 8 bytes",
        "terms_kernel<float, dense> has no store of 128 bits",
    ]


def test_stores_are_counted_and_the_shortest_loop_round_one():
    assert compiled.count_stores(SAXPY) == (1, 3)


def test_a_table_of_kernels_is_read_as_it_was_written():
    kernels = [compiled.Kernel("a<float, dense>", 62, 32, 0, 2, 201), compiled.Kernel("b", 0, 0, 0)]
    source, read = compiled.read_table(compiled.write_table(kernels, "where from"))
    assert source == "where from" and list(read.values()) == kernels


def test_bytes_and_operations_of_squares_are_those_worked_out_by_hand():
    term, _ = predict.read_cases()["squares"]
    call = predict.forward(term, 100_000, 8)
    assert call.read == 100_000 * 8 * 4  # x
    assert call.written == 100_000 * 64 * 4  # the blocks
    # Of each value: what s sums and u 3, the sum 1, the diagonal 3; phi'' is a constant.
    assert call.operations == 100_000 * 8 * 7
    assert call.seconds(4.8e12, 67e12) == pytest.approx(28.8e6 / 4.8e12)


def test_a_shared_matrix_and_strips_are_in_the_bytes():
    term, _ = predict.read_cases()["quadratic"]
    call = predict.forward(term, 2_000, 128)
    x, S = 2_000 * 128 * 4, 128 * 128 * 4
    # 1000 tiles of two rows, each in two strips, so that S x is worked out beforehand.
    assert call.shape.rows == 2 and call.thread_blocks == 2_000
    assert call.read == 2 * x + 2 * S + (x + 2 * x)
    assert call.written == 2_000 * 128 * 128 * 4 + S + x


def test_registers_and_threads_limit_how_many_thread_blocks_go_together():
    term, _ = predict.read_cases()["squares"]
    call = predict.forward(term, 100_000, 8)
    assert call.thread_blocks_together(registers=62) == 4  # 64 x 256 x 4 are all 65536
    assert call.thread_blocks_together(registers=78) == 3
    assert call.thread_blocks_together(registers=20) == 8  # 2048 threads


def test_the_report_says_that_nothing_in_it_is_measured():
    text = predict.report(4.8e12, 67e12, predict.KERNELS)
    assert text.startswith("predicted, not measured")
    assert len([line for line in text.splitlines() if " blocks " in line]) == 5 * 3 + 1
