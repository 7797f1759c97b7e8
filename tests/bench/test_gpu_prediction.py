"""What is said of the CUDA kernels without a GPU: by the compiler, and by the prediction."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf

import blockhess as bh
from blockhess.formula.term_programs import Parts
from blockhess.ops.terms import programs_of

sys.path.insert(0, str(Path(__file__).parents[2] / "bench" / "gpu"))

import compiled
import predict

SAXPY = """
        /*0000*/                   LDC R1, c[0x0][0x28] ;     /* 0x00 */
                                                              /* 0x01 */
        /*0010*/                   LDG.E.128 R4, [R2.64] ;    /* 0x02 */
        /*0020*/              @!P0 STG.E.128.STRONG.GPU desc[UR4][R6.64], R4 ; /* 0x03 */
        /*0030*/                   STG.E.128 desc[UR4][R6.64+0x40], R4 ; /* 0x04 */
        /*0040*/                   STG.E.128 desc[UR4][R6.64+0x80], R4 ; /* 0x05 */
        /*0050*/              @!P1 BRA 0x10 ;                 /* 0x06 */
        /*0060*/                   STG.E desc[UR4][R6.64], R4 ; /* 0x07 */
        /*0070*/                   BRA 0x0 ;                  /* 0x08 */
"""


@pytest.fixture(scope="module")
def kernels():
    if shutil.which("nvcc") is None:
        pytest.skip("there is no nvcc to compile the kernels")
    return compiled.compile_kernels("sm_90")


@pytest.mark.full
def test_no_kernel_of_sm_90_spills(kernels):
    names = {kernel.name for kernel in kernels}
    assert {"terms_kernel<float, dense>", "vjp_kernel<float>", "map_kernel<Half>"} <= names
    assert compiled.faults(kernels) == []


@pytest.mark.full
@pytest.mark.skipif(shutil.which("cuobjdump") is None, reason="there is no cuobjdump")
def test_kernels_of_sm_90_write_blocks_in_vectors(kernels):
    writing = [kernel for kernel in kernels if compiled.WRITES_BLOCKS.fullmatch(kernel.name)]
    assert len(writing) == 4 * 4  # types; layouts, and the kernel for gamma functions
    assert all(kernel.stores > 0 for kernel in writing)


@pytest.mark.full
def test_the_table_that_the_prediction_reads_is_of_these_kernels(kernels):
    source, table = compiled.read_table(predict.KERNELS.read_text())
    if source != compiled.source_of("sm_90"):
        pytest.skip("the table was written with another nvcc")
    if shutil.which("cuobjdump") is None:
        table = {k.name: replace(k, stores=None, loop=None) for k in table.values()}
    assert {kernel.name: kernel for kernel in kernels} == table


def test_spills_and_missing_vectors_are_faults():
    bad = [compiled.Kernel("map_kernel<float>", 40, 0, 8, 0)]
    bad.append(compiled.Kernel("terms_kernel<float, dense>", 40, 0, 0, 0))
    assert compiled.faults(bad) == [
        "map_kernel<float> spills 8 bytes",
        "terms_kernel<float, dense> has no store of 128 bits",
    ]


def test_stores_are_counted_and_the_instructions_of_a_loop_for_each():
    assert compiled.count_stores(SAXPY) == (3, 2)  # the loop of five has three of them


def test_a_table_of_kernels_is_read_as_it_was_written():
    kernels = [compiled.Kernel("a<float, dense>", 62, 32, 0, 2, 201), compiled.Kernel("b", 0, 0, 0)]
    source, read = compiled.read_table(compiled.write_table(kernels, "where from"))
    assert source == "where from" and list(read.values()) == kernels


def test_the_forward_programs_timed_on_a_GPU_are_those_that_the_functions_give():
    x, s, m = bh.expressions.Variable("x"), bh.expressions.Variable("s"), bh.expressions
    A = tf.eye(3)
    terms = {
        "squares": bh.ops.Term(x * x, (), None, None, s, ()),
        "quadratic": bh.ops.Term(None, (), A, None, s, ()),
        "gaussian": bh.ops.Term(None, (), A, None, m.exp(-s), ()),
        "logsumexp": bh.ops.Term(m.exp(x), (), None, None, m.log(s), ()),
        "sine": bh.ops.Term(m.sin(x) * m.exp(-x * x) + m.softplus(x), (), None, None, s, ()),
    }
    written = {
        name: predict.Term.read(programs_of(term, Parts(True, True, True)).text)
        for name, term in terms.items()
    }
    assert written == {name: forward for name, (forward, _) in predict.read_cases().items()}


def test_bytes_and_operations_of_squares_are_those_worked_out_by_hand():
    term, _ = predict.read_cases()["squares"]
    call = predict.forward(term, 100_000, 8)
    assert call.read == 100_000 * 8 * 4  # x
    assert call.written == 100_000 * 64 * 4  # the blocks
    # Each value takes what s sums and u 3, the sum 1, the diagonal 3; phi'' is a constant.
    assert call.operations == 100_000 * 8 * 7
    assert call.seconds(0, 4.8e12, 67e12) == pytest.approx(28.8e6 / 4.8e12)
    # A vector takes an instruction more than there is time for.
    assert (
        call.writing_seconds(113, 67e12) > call.written / 4.8e12 > call.writing_seconds(111, 67e12)
    )


@pytest.mark.compiler
def test_tiles_of_the_prediction_are_those_of_the_kernels(tmp_path):
    program = tmp_path / "tile_shapes"
    root = Path(__file__).parents[2]
    source = root / "tests" / "cuda" / "tile_shapes.cc"
    command = ["g++", "-std=c++17", f"-I{root}", source, "-o", program]
    subprocess.run(command, check=True)
    sizes = [
        (N, K, slots, arrays, row_arrays)
        for N in (1, 3, 999, 2_000, 20_000, 100_000, 10**9)
        for K in (1, 8, 12, 31, 32, 33, 128, 513, 4096)
        for slots, arrays, row_arrays in ((2, 5, 4), (20, 6, 9), (300, 30, 40))
    ]
    text = "\n".join(" ".join(map(str, size)) for size in sizes)
    told = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    shapes = [predict.tile_shape(*size) for size in sizes]
    assert told.stdout.split("\n")[:-1] == [
        f"{s.rows} {s.num_tiles} {s.shared_bytes} {s.strips(size[1] ** 2 * predict.SIZE)}"
        for s, size in zip(shapes, sizes, strict=True)
    ]


def test_dense_float32_is_predicted_within_a_tenth_of_writing_the_blocks_once():
    _, kernels = compiled.read_table(predict.KERNELS.read_text())
    loop = kernels["terms_kernel<float, dense>"].loop
    for name in ("squares", "quadratic", "gaussian", "logsumexp"):  # of eight instructions at most
        term, _ = predict.read_cases()[name]
        for N, K in predict.SIZES:
            call, once = predict.forward(term, N, K), N * K * K * 4 / 4.8e12
            # At K = 8 reading x takes an eighth of the time that the blocks do.
            most = 1.1 if K > 8 else 1.126
            assert call.seconds(loop, 4.8e12, 67e12) <= most * once


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
