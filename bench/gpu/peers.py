"""JAX's and PyTorch's ways to the blocks that blockhess_gpu times, on the same card.

    python bench/gpu/peers.py jax [--json FILE] [--seconds 100]
    python bench/gpu/peers.py torch [--device cpu --mib 1]

The functions, N and K are those of cases.h, in float32 and float64, at the full precision of the
type. A way is checked against the closed form in float64 on a few rows, then timed: warm calls back
to back until the device has computed the last, by CUDA events in PyTorch and by the clock in JAX;
the way "zeros" writes as many bytes, timed the same. What runs out of memory or fails is named.

Exit code: 0 all was measured or named, 3 the framework or its GPU is missing.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import gc
import importlib
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from predict import read_cases

from task import TOLERANCES, Task

MISSING = 3
ZEROS = "zeros"  # The way that computes nothing.
ROUNDS, FEW_ROUNDS = 11, 3
# A round is calls back to back for about so long, so that starting and ending it costs nothing.
ROUND_SECONDS, MOST_CALLS = 0.02, 20
CHECKED_ROWS = 64
LONGEST_REASON = 160

Call = Callable[[], Any]


def timed_sizes() -> tuple[list[int], int]:
    """The Ks, and the bytes of all blocks, of cases.h."""
    text = (Path(__file__).parent / "cases.h").read_text()
    (columns,) = re.findall(r"kTimedColumns\[\] = \{([\d, ]+)\};", text)
    ((factor, shift),) = re.findall(r"kTimedBytes = int64_t\{(\d+)\} << (\d+);", text)
    return [int(K) for K in columns.split(",")], int(factor) << int(shift)


@dataclass(frozen=True)
class Job:
    way: str
    task: Task

    def fields(self) -> dict[str, Any]:
        task = self.task
        case = "none" if self.way == ZEROS else task.case_name
        fields = {"way": self.way, "case": case, "type": task.dtype}
        return fields | {"N": task.N, "K": task.K, "bytes": task.output_bytes}


def jobs(ways: list[str], dtype: str, num_bytes: int) -> list[Job]:
    """Way by way, so that all cases have the first ways when time runs out."""
    rows = num_bytes // np.dtype(dtype).itemsize
    tasks = [
        Task("gpu", case, max(1, rows // K**2), K, dtype)
        for K in timed_sizes()[0]
        for case in read_cases()
    ]
    one_of_K = {task.K: task for task in tasks}
    return [
        Job(way, task) for way in ways for task in (one_of_K.values() if way == ZEROS else tasks)
    ]


class Jax:
    """Everything is compiled ahead, in as many threads as there are cores."""

    # jax.hessian is jacfwd(jacrev).
    STAGES = ((ZEROS, "jit(vmap(hessian))", "jit(vmap(jacrev(grad)))", "jit(closed form)"),)

    def __init__(self, device: str):
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax
        self.device = jax.devices({"cuda": "gpu", "cpu": "cpu"}[device])[0]
        self.name = self.device.device_kind

    def function(self, job: Job) -> Callable[[Any, Any], Any]:
        jax, case = self.jax, job.task.case

        def derived(way: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
            return lambda x, A: jax.vmap(way(lambda row: case.jax(jax, row, A)))(x)

        return {
            ZEROS: lambda x, A: jax.numpy.zeros((*x.shape, x.shape[1]), x.dtype),
            "jit(vmap(hessian))": derived(jax.hessian),
            "jit(vmap(jacrev(grad)))": derived(lambda f: jax.jacrev(jax.grad(f))),
            "jit(closed form)": lambda x, A: jax_closed_form(jax, case.name, x, A),
        }[job.way]

    def compile(self, job: Job) -> Any:
        task = job.task
        with self.jax.default_device(self.device):
            shapes = [
                self.jax.ShapeDtypeStruct(shape, task.dtype)
                for shape in ((task.N, task.K), (task.K, task.K))
            ]
            return self.jax.jit(self.function(job)).lower(*shapes).compile()

    def builds(self, wanted: list[Job]) -> dict[Job, Callable[[], Call]]:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            compiled = {job: pool.submit(self.compile, job) for job in wanted}
        return {job: functools.partial(self.call, job, compiled[job]) for job in wanted}

    def call(self, job: Job, compiled: concurrent.futures.Future) -> Call:
        x, A = (self.jax.device_put(a, self.device) for a in (job.task.x, job.task.A))
        return functools.partial(compiled.result(), x, A)

    def seconds(self, call: Call, number: int) -> float:
        start = time.perf_counter()
        for _ in range(number):
            result = call()
        result.block_until_ready()
        return time.perf_counter() - start

    def release(self) -> None:
        gc.collect()


def jax_closed_form(jax: Any, case: str, x: Any, A: Any) -> Any:
    jnp, eye = jax.numpy, jax.numpy.eye(x.shape[1], dtype=x.dtype)
    if case == "squares":
        return jnp.broadcast_to(2 * eye, (len(x), *A.shape))
    if case == "quadratic":
        return jnp.broadcast_to(A, (len(x), *A.shape))
    if case == "gaussian":
        Ax = x @ A
        f = jnp.exp(-0.5 * jnp.sum(x * Ax, 1))
        return f[:, None, None] * (Ax[:, :, None] * Ax[:, None, :] - A)
    if case == "logsumexp":
        p = jax.nn.softmax(x, 1)
        return p[:, :, None] * (eye - p[:, None, :])
    assert case == "sine"
    bell = jnp.exp(-x * x) * ((4 * x * x - 3) * jnp.sin(x) - 4 * x * jnp.cos(x))
    sigmoid = jax.nn.sigmoid(x)
    return (bell + sigmoid * (1 - sigmoid))[:, :, None] * eye


class Torch:
    """What is compiled comes last: it takes longest, and torch.func is unusable where it fails."""

    # torch.compile fails on vmap(hessian).
    STAGES = (
        (ZEROS, "vmap(hessian)", "vmap(jacrev(grad))", "closed form"),
        ("compile(closed form)",),
        ("compile(vmap(jacrev(grad)))",),
    )

    def __init__(self, device: str):
        import torch

        torch.set_float32_matmul_precision("highest")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self.torch, self.device = torch, torch.device(device)
        if device == "cuda" and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no GPU")
        self.name = torch.cuda.get_device_name() if device == "cuda" else device

    def builds(self, wanted: list[Job]) -> dict[Job, Callable[[], Call]]:
        return {job: functools.partial(self.call, job) for job in wanted}

    def call(self, job: Job) -> Call:
        torch, case = self.torch, job.task.case
        x, A = (torch.from_numpy(a).to(self.device) for a in (job.task.x, job.task.A))
        if job.way == ZEROS:
            return lambda: torch.zeros((*x.shape, x.shape[1]), dtype=x.dtype, device=x.device)

        def f(row: Any) -> Any:
            return case.torch(torch, row, A)

        way = job.way.removeprefix("compile(")
        if way.startswith("closed form"):
            function = functools.partial(torch_closed_form, torch, case.name, A=A)
        elif way.startswith("vmap(hessian)"):
            function = torch.func.vmap(torch.func.hessian(f))
        else:
            assert way.startswith("vmap(jacrev(grad))")
            function = torch.func.vmap(torch.func.jacrev(torch.func.grad(f)))
        if way != job.way:
            torch.compiler.reset()
            function = torch.compile(function, dynamic=False)
        return lambda: function(x)

    def seconds(self, call: Call, number: int) -> float:
        if self.device.type == "cpu":
            start = time.perf_counter()
            for _ in range(number):
                call()
            return time.perf_counter() - start
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(number):
            call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    def release(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            self.torch.cuda.empty_cache()


def torch_closed_form(torch: Any, case: str, x: Any, A: Any) -> Any:
    """In as few passes over the blocks as there are without a compiler."""
    if case == "squares":
        return torch.diag_embed(torch.full_like(x, 2))
    if case == "quadratic":
        return A.repeat(len(x), 1, 1)
    if case == "gaussian":
        Ax = x @ A
        f = torch.exp(-0.5 * torch.sum(x * Ax, 1))[:, None]
        blocks = (f * Ax)[:, :, None] * Ax[:, None, :]
        return blocks.addcmul_(f[:, :, None], A, value=-1)
    if case == "logsumexp":
        p = torch.softmax(x, 1)
        blocks = p[:, :, None] * -p[:, None, :]
        blocks.diagonal(dim1=1, dim2=2).add_(p)
        return blocks
    assert case == "sine"
    bell = torch.exp(-x * x) * ((4 * x * x - 3) * torch.sin(x) - 4 * x * torch.cos(x))
    sigmoid = torch.sigmoid(x)
    return torch.diag_embed(bell + sigmoid * (1 - sigmoid))


def error(task: Task, blocks: Any) -> float:
    """The largest of a few rows, relative to the largest entry; NaN where there is one."""
    if tuple(blocks.shape) != task.output_shape:
        raise ValueError(f"shape {tuple(blocks.shape)}; expected {task.output_shape}")
    rows = np.unique(np.linspace(0, task.N - 1, CHECKED_ROWS).astype(int))
    few = blocks[rows]
    actual = np.asarray(few.cpu() if hasattr(few, "cpu") else few, np.float64)
    expected = task.case.blocks(task.x[rows].astype(np.float64), task.A.astype(np.float64))
    return task.error(actual, expected)


def milliseconds(framework: Jax | Torch, call: Call) -> float:
    framework.seconds(call, 1)
    one = framework.seconds(call, 1)
    number = max(1, min(MOST_CALLS, int(ROUND_SECONDS / max(one, 1e-9))))
    rounds = ROUNDS if one < 10 * ROUND_SECONDS else FEW_ROUNDS
    return 1e3 * statistics.median(framework.seconds(call, number) / number for _ in range(rounds))


def measured(framework: Jax | Torch, job: Job, build: Callable[[], Call]) -> dict[str, Any]:
    try:
        call = build()
        found = {}
        if job.way != ZEROS:
            found["error"] = error(job.task, call())
            if not found["error"] <= TOLERANCES[job.task.dtype]:
                return {"failed": f"wrong: off by {found['error']:.1e}"}
        return {"ms": milliseconds(framework, call), **found}
    except Exception as problem:  # It is named, and the others go on.
        return {"failed": reason(problem)}


def reason(problem: Exception) -> str:
    said = " ".join(f"{type(problem).__name__}: {problem}".split())
    memory = ("RESOURCE_EXHAUSTED", "OutOfMemory", "MemoryError", "out of memory")
    return "out of memory" if any(m in said for m in memory) else said[:LONGEST_REASON]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("framework", choices=("jax", "torch"))
    parser.add_argument("--json", type=Path, help="adds a line for each measurement to this file")
    parser.add_argument("--seconds", type=float, default=600, help="starts nothing after so long")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--mib", type=int, default=timed_sizes()[1] >> 20, help="of the blocks")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    end = time.monotonic() + options.seconds
    try:
        framework = {"jax": Jax, "torch": Torch}[options.framework](options.device)
    except (ImportError, RuntimeError) as problem:
        print(f"{options.framework} is missing: {problem}")
        return MISSING
    common = {"what": "peer", "framework": options.framework}
    common |= {"version": importlib.import_module(options.framework).__version__}
    print(f"{options.framework} {common['version']} on {framework.name}")

    def record(job: Job, found: dict[str, Any]) -> None:
        if options.json:
            with options.json.open("a") as lines:
                lines.write(json.dumps(common | job.fields() | found) + "\n")
        says = f"{found['ms']:.3f} ms" if "ms" in found else found["failed"]
        fields = job.fields()
        where = f"{fields['case']} {fields['type']} N={fields['N']} K={fields['K']}"
        print(f"{job.way:28} {where:44} {says}", flush=True)

    late, is_late = {"failed": "left out: no time"}, False
    for stage in framework.STAGES:
        for dtype in TOLERANCES:
            wanted = jobs(list(stage), dtype, options.mib << 20)
            builds = framework.builds(wanted) if time.monotonic() < end else {}
            for job in wanted:
                on_time = job in builds and time.monotonic() < end
                is_late = is_late or not on_time
                record(job, measured(framework, job, builds[job]) if on_time else late)
                framework.release()
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
