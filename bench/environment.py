"""The process to measure in: so many cores, pools that sleep when idle, memory that stays warm.

All of it must stand before the first framework is imported, and the C library reads its part when a
process starts: hence the process starts itself anew.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys

SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # One process holds several frameworks: a pool that spins while it is idle slows the others.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # Warm calls for everyone: freed memory is kept for the next call, not given back and faulted in
    # again page by page. JAX and PyTorch gain by it.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "-1",
}
_MARK = "BLOCKHESS_BENCH_CORES"


def enter(cores: int) -> None:
    """Restarts this program on the first `cores` cores it may use, unless that has been done."""
    if _MARK in os.environ:
        return
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    # Every framework sizes its pools by the cores that it may run on.
    os.sched_setaffinity(0, allowed)
    os.environ.update(SETTINGS, OMP_NUM_THREADS=str(len(allowed)), **{_MARK: str(len(allowed))})
    sys.stdout.flush()
    os.execv(sys.executable, sys.orig_argv)


def release_memory() -> None:
    """Gives back what is free: what one task leaves behind must not add up to the next one's."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)


def cores() -> int:
    return len(os.sched_getaffinity(0))
