"""What a call of the CUDA backend moves and computes, and the time that this takes at a bandwidth.

    python bench/gpu/predict.py [--bandwidth 4.8] [--arithmetic 67] [--kernels FILE]

Float32, dense blocks, and the gradient to x of <M, blocks>. Nothing here is measured: bytes,
operations and shared memory follow from the sizes as cuda/ works with them, registers and the
machine instructions that write 16 bytes come from the compiler (bench/gpu/compiled.py), rates from
the command line. The predicted time is the longest of moving the bytes, doing the arithmetic and
issuing the instructions that write the blocks. It leaves out what a GPU adds: launches, the last
wave of thread blocks, finding and decoding the instructions of programs, and it takes every byte to
come from the memory once, and S, which the caches hold, to cost no more after that.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from compiled import read_table

HERE = Path(__file__).parent
KERNELS = HERE.parent / "results" / "gpu_kernels.txt"
SIZES = ((100_000, 8), (20_000, 32), (2_000, 128))
SIZE = 4  # bytes of a value, stored or computed with
LANES = 4  # values in 16 bytes
SECTOR = 32  # bytes, the least that the memory gives

# A multiprocessor of sm_90, and how many an H200 has.
REGISTERS, REGISTER_UNIT = 65536, 8
SHARED_BYTES, SHARED_OF_SYSTEM = 228 << 10, 1 << 10
MOST_THREADS, WARP = 2048, 32
MULTIPROCESSORS = 132


def _constants(source: str) -> dict[str, int]:
    """Those of a file in cuda/, of the build for GPUs."""
    text = (HERE.parents[1] / "cuda" / source).read_text()
    text = text.partition("\n#else")[2].partition("#endif")[0] or text
    found = re.findall(r"\bk(\w+) = ([\d <]+)[,;]", text)
    return {name: eval(value, {"__builtins__": {}}) for name, value in found}


DEVICE = _constants("sizes.h")
STATE_BYTES = _constants("tile_shape.h")["StateBytes"]
FORWARD, VJP = _constants("terms.cu"), _constants("vjp_tile.h")


@dataclass(frozen=True)
class Program:
    """A program of a term, as in bench/gpu/cases.h.

    Attributes:
      steps: (out, function, arguments) of each instruction but `constant`.
      outputs: registers, or "zero" or "none".
    """

    num_inputs: int
    steps: tuple[tuple[str, str, tuple[str, ...]], ...]
    outputs: tuple[str, ...]

    @staticmethod
    def read(text: str) -> Program:
        inputs, _, body = text.partition(":")
        *steps, last = (step.split() for step in body.split(";"))
        computed = [(s[0], s[2], tuple(s[3:])) for s in steps if s[2] != "constant"]
        return Program(int(inputs), tuple(computed), tuple(last[1:]))

    def has(self, output: int) -> bool:
        return self.outputs[output] not in ("zero", "none")

    @property
    def num_slots(self) -> int:
        return self.num_inputs + len({out for out, _, _ in self.steps})

    def operations(self, needed: set[int]) -> int:
        """Instructions that those outputs need."""
        live = {self.outputs[output] for output in needed}
        count = 0
        for out, _, arguments in reversed(self.steps):
            if out in live:
                live = live - {out} | set(arguments)
                count += 1
        return count


@dataclass(frozen=True)
class Term:
    phi: Program | None
    psi: Program
    has_S: bool

    @staticmethod
    def read(text: str) -> Term:
        parts = [part.strip() for part in text.split("|")[1:]]
        programs = {part[:3]: Program.read(part[3:]) for part in parts if part != "quadratic"}
        return Term(programs.get("phi"), programs["psi"], "quadratic" in parts)

    @property
    def num_slots(self) -> int:
        return max(program.num_slots for program in (self.phi, self.psi) if program)

    @property
    def is_linear(self) -> bool:
        """Whether psi'' is zero: then s does not matter to the blocks."""
        return not self.psi.has(2)


def read_cases() -> dict[str, tuple[Term, Term]]:
    """The terms of the forward pass and of its VJP, of each case that is timed."""
    text = (HERE / "cases.h").read_text()
    strings = r'((?:"[^"]*"\s*)+)'
    pattern = rf'\{{"(\w+)",\s*{strings},\s*{strings},\s*\{{[^}}]*\}},\s*true\}}'
    return {
        name: tuple(Term.read("".join(re.findall('"([^"]*)"', part))) for part in parts)
        for name, *parts in re.findall(pattern, text)
    }


@dataclass(frozen=True)
class Shape:
    """How cuda/tile_shape.h cuts a call into tiles of so many bytes; `shared_bytes` is what a
    thread block has."""

    rows: int
    num_tiles: int
    tile_bytes: int
    shared_bytes: int

    def strips(self, block_bytes: int) -> int:
        least = max(DEVICE["LeastStrip"], 2 * self.tile_bytes)
        most = max(1, self.rows * block_bytes // least)
        return min(most, ceil(DEVICE["ManyBlocks"] / self.num_tiles))


def tile_shape(N: int, K: int, num_slots: int, arrays: int, row_arrays: int) -> Shape:
    def slot_bytes(width: int) -> int:
        return num_slots * width * LANES * SIZE

    most = DEVICE["MostSharedBytes"]
    width = min(DEVICE["Threads"], ceil(DEVICE["TileValues"] / LANES))
    while width > 1 and slot_bytes(width) > most // 2:
        width //= 2
    rows = max(1, min(DEVICE["TileValues"] // K, ceil(N / DEVICE["ManyBlocks"])))

    def fixed_bytes() -> int:
        state, sums = STATE_BYTES, max(DEVICE["Threads"], rows * (1 if K < 32 else 32)) * 8
        return slot_bytes(width) + state + ceil(sums / 16) * 16

    def tile_bytes() -> int:
        return ceil((arrays * K + row_arrays) * rows * SIZE / 16) * 16

    while rows > 1 and fixed_bytes() + tile_bytes() > most:
        rows //= 2
    in_workspace = fixed_bytes() + tile_bytes() > most
    shared_bytes = fixed_bytes() + (0 if in_workspace else tile_bytes())
    return Shape(rows, ceil(N / rows), tile_bytes(), shared_bytes)


@dataclass(frozen=True)
class Call:
    """What one call does. `read` and `written` count bytes, `operations` those on numbers."""

    kernel: str
    shape: Shape
    thread_blocks: int
    vectors: int  # of 16 bytes that the blocks are written in
    read: int
    written: int
    operations: int

    def thread_blocks_together(self, registers: int) -> int:
        """On a multiprocessor."""
        threads = DEVICE["Threads"]
        rounded = ceil(registers / REGISTER_UNIT) * REGISTER_UNIT
        return min(
            REGISTERS // (rounded * threads),
            SHARED_BYTES // (self.shape.shared_bytes + SHARED_OF_SYSTEM),
            MOST_THREADS // threads,
        )

    def writing_seconds(self, loop: int, arithmetic: float) -> float:
        """For `loop` machine instructions a vector: one goes where two operations might."""
        return self.vectors * loop / (arithmetic / 2)

    def seconds(self, loop: int, bandwidth: float, arithmetic: float) -> float:
        return max(
            (self.read + self.written) / bandwidth,
            self.operations / arithmetic,
            self.writing_seconds(loop, arithmetic),
        )


def forward(term: Term, N: int, K: int) -> Call:
    """Dense blocks alone."""
    values, square = N * K, K * K
    arrays, row_arrays = FORWARD["Arrays"] + 1, FORWARD["RowArrays"] + 2
    shape = tile_shape(N, K, term.num_slots, arrays, row_arrays)
    strips = shape.strips(square * SIZE)
    has_D = term.phi is not None and term.phi.has(2)
    read, written = strips * values * SIZE, N * square * SIZE
    operations = strips * values * 3  # x (S x / 2 + b), and u
    operations += strips * values  # s
    if term.phi:
        needed = {2} if term.is_linear else {0, 1, 2}
        operations += strips * values * term.phi.operations({o for o in needed if term.phi.has(o)})
    psi_needed = {o for o in (1, 2) if term.psi.has(o)}
    operations += strips * N * term.psi.operations(psi_needed)
    if term.has_S:
        # The symmetric part of S is written and read; so is S x, where there are strips.
        read += 2 * square * SIZE
        written += square * SIZE
        operations += 2 * square + 2 * N * square
        if strips > 1:
            read += (1 + strips) * values * SIZE
            written += values * SIZE
    operations += N * square * ((2 if term.has_S else 0) + (0 if term.is_linear else 3))
    operations += 3 * values if has_D else 0
    thread_blocks = min(shape.num_tiles, DEVICE["MostBlocks"]) * strips
    return Call(
        "terms_kernel<float, dense>",
        shape,
        thread_blocks,
        N * square // LANES,
        read,
        written,
        operations,
    )


def vjp(term: Term, N: int, K: int) -> Call:
    """x_bar from the cotangent of dense blocks."""
    values, square = N * K, K * K
    shape = tile_shape(N, K, term.num_slots, VJP["Arrays"], VJP["RowArrays"])
    reads_M = not term.is_linear
    # Only the diagonal of M counts where the link is linear.
    M_bytes = N * (square * SIZE if reads_M else min(square * SIZE, K * SECTOR))
    read, written = values * SIZE + M_bytes, values * SIZE
    operations = values * (3 + 4 + 4 + 9)  # u, sums of rows, u_bar, x_bar
    if term.phi:  # twice
        needed = {0, 1, 2, 3} if reads_M else {3}
        operations += 2 * values * term.phi.operations({o for o in needed if term.phi.has(o)})
    operations += N * term.psi.operations({o for o in (1, 2, 3) if term.psi.has(o)})
    if term.has_S:
        read += 2 * square * SIZE
        written += square * SIZE
        operations += 2 * square + 2 * N * square  # S x
    if reads_M:
        # The symmetric part, M u, <M, S>; S u_bar.
        operations += N * square * (2 + 2 + (2 + 2 if term.has_S else 0))
    tiles_of_one = ceil(shape.num_tiles / DEVICE["MostShards"])
    thread_blocks = ceil(shape.num_tiles / tiles_of_one)
    return Call("vjp_kernel<float>", shape, thread_blocks, 0, read, written, operations)


def report(bandwidth: float, arithmetic: float, kernels_file: Path) -> str:
    source, kernels = read_table(kernels_file.read_text())
    lines = [
        f"predicted, not measured: float32 at {bandwidth / 1e12:g} TB/s and "
        f"{arithmetic / 1e12:g} TFLOP/s",
        f"registers: {source}",
        f"{'':10}{'':8}{'N':>7}{'K':>5}{'MB moved':>10}{'MFLOP':>9}{'regs':>6}{'shared':>8}"
        f"{'occup.':>8}{'waves':>7}{'us':>8}{'/ output':>10}{'writing':>9}",
    ]
    for name, (forward_term, vjp_term) in read_cases().items():
        for N, K in SIZES:
            blocks_seconds = N * K * K * SIZE / bandwidth
            for what, call in (
                ("blocks", forward(forward_term, N, K)),
                ("vjp", vjp(vjp_term, N, K)),
            ):
                registers, loop = kernels[call.kernel].registers, kernels[call.kernel].loop or 0
                together = call.thread_blocks_together(registers)
                seconds = call.seconds(loop, bandwidth, arithmetic)
                lines.append(
                    f"{name:10}{what:8}{N:7}{K:5}{(call.read + call.written) / 1e6:10.2f}"
                    f"{call.operations / 1e6:9.1f}{registers:6}{call.shape.shared_bytes:8}"
                    f"{together * DEVICE['Threads'] / MOST_THREADS:8.0%}"
                    f"{call.thread_blocks / (together * MULTIPROCESSORS):7.2f}"
                    f"{seconds * 1e6:8.2f}{seconds / blocks_seconds:10.3f}"
                    + f"{call.writing_seconds(loop, arithmetic) / blocks_seconds:9.3f}"
                )
    lines += [
        "shared: bytes of a thread block; occup.: threads of a multiprocessor that has room for",
        f"them; waves: of thread blocks, on {MULTIPROCESSORS} multiprocessors; / output: to",
        "writing, or for the VJP reading, the blocks once; writing: the same of the machine",
        "instructions that write them.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--bandwidth", type=float, default=4.8, help="TB/s; 4.8 is the H200's data-sheet figure"
    )
    parser.add_argument(
        "--arithmetic", type=float, default=67, help="TFLOP/s; 67 is the H200's data-sheet figure"
    )
    parser.add_argument("--kernels", type=Path, default=KERNELS, help="written by compiled.py")
    arguments = parser.parse_args()
    print(report(arguments.bandwidth * 1e12, arguments.arithmetic * 1e12, arguments.kernels))


if __name__ == "__main__":
    main()
