"""What nvcc makes of the kernels: registers, spills, stores of 128 bits. Needs nvcc, and no GPU.

    python bench/gpu/compiled.py [--arch sm_90] [--output FILE]

Where cuobjdump is found, too, the stores are counted in the machine code, and the instructions that
one takes in the loop round it. Exit code: 0 no kernel spills and each that writes blocks has such a
store, 1 otherwise.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from math import ceil
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYOUT_TABLE = ROOT / "csrc" / "core" / "layouts.def"
sys.path.insert(0, str(ROOT / "bench"))
import committed  # noqa: E402

SOURCES = ("map", "terms", "terms_vjp")
# These write blocks, in vectors of 16 bytes whatever the type.
WRITES_BLOCKS = re.compile(r"terms_kernel<\w+, (dense|diag|packed|none, gamma)>")
LAYOUTS = re.findall(r'^LAYOUT\(\w+, "(\w+)"', LAYOUT_TABLE.read_text(), re.MULTILINE)
_COLUMNS = ("registers", "stack", "spilled", "stores", "loop")


@dataclass(frozen=True)
class Kernel:
    """A kernel, or a function that kernels call, which has no registers of its own (0).

    Attributes:
      stack, spilled: bytes a thread; the stack is what calls keep, `spilled` what registers were
        too few for.
      stores: of 128 bits to the memory of the GPU.
      loop: machine instructions for one such store, with one term, in the loop that takes fewest,
        its branches all taken. Both are None where there is no machine code to count in; loop also
        where there is none.
    """

    name: str
    registers: int
    stack: int
    spilled: int
    stores: int | None = None
    loop: int | None = None


def compile_kernels(arch: str) -> list[Kernel]:
    with tempfile.TemporaryDirectory() as folder:
        builds = [
            subprocess.Popen(
                [
                    *("nvcc", "-std=c++17", "-O3", "-cubin", f"-arch={arch}", "-Xptxas=-v"),
                    *(f"-I{ROOT}", "-o", f"{folder}/{source}", ROOT / "cuda" / f"{source}.cu"),
                ],
                stderr=subprocess.PIPE,
                text=True,
            )
            for source in SOURCES
        ]
        kernels: dict[str, Kernel] = {}
        for source, build in zip(SOURCES, builds, strict=True):
            report = build.communicate()[1]
            if build.returncode != 0:
                raise RuntimeError(f"nvcc cannot compile {source}.cu:\n{report}")
            code = _disassemble(Path(folder, source)) if shutil.which("cuobjdump") else {}
            kernels.update((k.name, k) for k in read_report(report, code))
        return sorted(kernels.values(), key=lambda kernel: kernel.name)


def read_report(report: str, code: dict[str, str]) -> list[Kernel]:
    """From what `ptxas -v` prints, and the machine code by mangled name."""
    found = re.findall(
        r"Function properties for (\w+)\n\s+(\d+) bytes stack frame, (\d+) bytes spill stores, "
        r"(\d+) bytes spill loads\n(?:.*Used (\d+) registers)?",
        report,
    )
    readable = _readable([name for name, *_ in found])
    return [
        Kernel(
            *(readable[name], int(registers or 0), int(stack), max(int(written), int(read))),
            *(count_stores(code[name]) if name in code else (None, None)),
        )
        for name, stack, written, read, registers in found
    ]


def _disassemble(cubin: Path) -> dict[str, str]:
    """The machine code by mangled name."""
    code = subprocess.run(
        ["cuobjdump", "--dump-sass", cubin], capture_output=True, text=True, check=True
    ).stdout
    functions = re.split(r"Function : (\w+)", code)[1:]
    return dict(zip(functions[::2], functions[1::2], strict=True))


def count_stores(code: str) -> tuple[int, int | None]:
    """`Kernel.stores` and `Kernel.loop` of the machine code of a function."""
    steps = [
        (int(place, 16), step)
        for place, step in re.findall(r"^\s+/\*([0-9a-f]{4,})\*/\s+(.*?);", code, re.MULTILINE)
    ]
    stores = [place for place, step in steps if re.search(r"\bSTG\.E(\.\w+)*\.128\b", step)]
    jumps = [
        (int(target[1], 16), place)
        for place, step in steps
        if (target := re.search(r"\bBRA\b.* (0x[0-9a-f]+)", step))
    ]
    loops = [
        ceil(sum(begin <= place <= end for place, _ in steps) / stored)
        for begin, end in jumps
        if (stored := sum(begin <= store <= end for store in stores))
    ]
    return len(stores), min(loops, default=None)


def _readable(mangled: list[str]) -> dict[str, str]:
    """terms_kernel<float, dense> for a terms_kernel<float, (Layout)1, false> in its namespaces."""
    done = subprocess.run(
        ["c++filt"], input="\n".join(mangled), capture_output=True, text=True, check=True
    )
    names = {}
    for name, long in zip(mangled, done.stdout.splitlines(), strict=True):
        short = re.sub(r"\((anonymous namespace|blockhess::Layout)\)", r"\1", long)
        short = re.sub(r"\w+::|anonymous namespace::|\(.*", "", short)
        for number, layout in enumerate(LAYOUTS):
            short = short.replace(f"Layout{number}", layout)
        names[name] = (
            short.replace(", true>", ", gamma>").replace(", false>", ">").split(" ", 1)[-1]
        )
    return names


def source_of(arch: str) -> str:
    """Where the numbers of a table come from that is written now."""
    version = subprocess.run(["nvcc", "--version"], capture_output=True, text=True, check=True)
    release = re.search(r"V([\d.]+)", version.stdout)[1]
    return f"ptxas -v of nvcc {release} for {arch}; stack and spills in bytes"


def write_table(kernels: list[Kernel], source: str) -> str:
    lines = [
        source,
        f"blockhess at commit {committed.commit()}",
        f"{'kernel':44}" + "".join(f"{column:>10}" for column in _COLUMNS),
    ]
    for kernel in kernels:
        values = (getattr(kernel, column) for column in _COLUMNS)
        written = ("-" if value is None else str(value) for value in values)
        lines.append(f"{kernel.name:44}" + "".join(f"{value:>10}" for value in written))
    return "\n".join(lines) + "\n"


def read_table(text: str) -> tuple[str, dict[str, Kernel]]:
    """The first line, which says where the numbers come from, and the kernels by name."""
    source, _, _, *lines = text.splitlines()
    kernels = {}
    for line in lines:
        name, values = line[:44].strip(), line[44:].split()
        kernels[name] = Kernel(name, *(None if v == "-" else int(v) for v in values))
    return source, kernels


def faults(kernels: list[Kernel]) -> list[str]:
    found = [f"{k.name} spills {k.spilled} bytes" for k in kernels if k.spilled]
    for kernel in kernels:
        if WRITES_BLOCKS.fullmatch(kernel.name) and kernel.stores == 0:
            found.append(f"{kernel.name} has no store of 128 bits")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="sm_90")
    parser.add_argument("--output", type=Path, help="write the table there, too")
    arguments = parser.parse_args()
    if arguments.output:
        committed.check(arguments.output)
    kernels = compile_kernels(arguments.arch)
    table = write_table(kernels, source_of(arguments.arch))
    print(table, end="")
    if arguments.output:
        arguments.output.write_text(table)
    wrong = faults(kernels)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
