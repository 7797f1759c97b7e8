"""What a run measures: the sections and their tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cases import CASES
from task import Task

Size = tuple[int, int]

SIZES = ((1_000, 3), (100_000, 3), (100_000, 8), (20_000, 32), (2_000, 128))
QUICK_SIZES = ((1_000, 3), (20_000, 8))
# The sizes for layouts, traces and gradients: fewer, and not the smallest.
LARGE_SIZES = ((100_000, 8), (20_000, 32), (2_000, 128))
DTYPES = ("float32", "float64")
# The peers of the curves over N and over K, and of dense blocks in float64, by the start of their
# names: the fastest of each framework.
FASTEST = ("tf.fill", "blockhess", "batch_jacobian", "jax", "torch: vmap(hessian)", "numpy")


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; None for what a full or quick run does by itself."""

    quick: bool
    sections: tuple[str, ...] | None = None
    cases: tuple[str, ...] | None = None
    sizes: tuple[Size, ...] | None = None
    dtypes: tuple[str, ...] | None = None
    layouts: tuple[str, ...] | None = None

    def section(self, name: str) -> bool:
        return self.sections is None or name in self.sections


def _dense(wanted: Wanted) -> Iterator[Task]:
    for N, K in wanted.sizes or (QUICK_SIZES if wanted.quick else SIZES):
        full = wanted.quick or (N, K) in LARGE_SIZES
        for dtype in wanted.dtypes or (DTYPES if full else DTYPES[:1]):
            for case in _cases(wanted, tuple(CASES)):
                yield Task("dense", case, N, K, dtype)


def _layouts(wanted: Wanted) -> Iterator[Task]:
    for N, K in wanted.sizes or (QUICK_SIZES[1:] if wanted.quick else LARGE_SIZES[:2]):
        for dtype in wanted.dtypes or DTYPES[:1]:
            for layout in wanted.layouts or ("diag", "packed"):
                for case in _cases(wanted, ("gaussian", "logsumexp", "sine")):
                    yield Task("layouts", case, N, K, dtype, layout=layout)


def _traces(wanted: Wanted) -> Iterator[Task]:
    for N, K in wanted.sizes or (QUICK_SIZES[1:] if wanted.quick else LARGE_SIZES[:2]):
        for dtype in wanted.dtypes or DTYPES:
            for case in _cases(wanted, ("gaussian", "logsumexp", "sine")):
                yield Task("traces", case, N, K, dtype, quantity="trace")


def _gradients(wanted: Wanted) -> Iterator[Task]:
    for N, K in wanted.sizes or (QUICK_SIZES[1:] if wanted.quick else LARGE_SIZES):
        # TensorFlow's own gradients of wide blocks take most of a minute to build.
        for dtype in wanted.dtypes or (DTYPES if K < 32 else DTYPES[:1]):
            for case in _cases(wanted, ("gaussian", "sine")):
                yield Task("gradients", case, N, K, dtype, quantity="vjp")


def _over_rows(wanted: Wanted) -> Iterator[Task]:
    dtype = (wanted.dtypes or DTYPES)[0]
    for case, K, layout, largest in (
        ("sine", 8, "diag", 7),
        ("gaussian", 3, "dense", 7),
        ("gaussian", 8, "dense", 6),
    ):
        if case in _cases(wanted, (case,)):
            for exponent in range(3, (5 if wanted.quick else largest) + 1):
                yield Task("over N", case, 10**exponent, K, dtype, layout=layout)


def _over_columns(wanted: Wanted) -> Iterator[Task]:
    dtype = (wanted.dtypes or DTYPES)[0]
    for case in _cases(wanted, ("gaussian", "sine")):
        for K in (2, 8, 32) if wanted.quick else (2, 4, 8, 16, 32, 64, 128):
            yield Task("over K", case, 2_000, K, dtype)


def _cases(wanted: Wanted, default: tuple[str, ...]) -> tuple[str, ...]:
    """The cases of a section that were asked for."""
    return tuple(case for case in default if wanted.cases is None or case in wanted.cases)


_TASKS = {
    "dense": _dense,
    "layouts": _layouts,
    "traces": _traces,
    "gradients": _gradients,
    "over N": _over_rows,
    "over K": _over_columns,
}
# Sections that are measured otherwise: in child processes, or call by call.
THREADS, ONE_CALL, MEMORY = "threads", "one call", "memory"
SECTIONS = (*_TASKS, THREADS, ONE_CALL, MEMORY)


def tasks(wanted: Wanted) -> list[Task]:
    return [task for name, make in _TASKS.items() if wanted.section(name) for task in make(wanted)]


def peer_names(task: Task) -> tuple[str, ...] | None:
    """The starts of the names of the peers that a task is limited to."""
    is_float64 = task.section == "dense" and task.dtype == "float64"
    return FASTEST if is_float64 or task.section in ("over N", "over K") else None
