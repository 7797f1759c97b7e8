"""The machine and the versions that results come from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from committed import commit

PACKAGES = ("tensorflow", "jax", "jaxlib", "torch", "folx", "numpy", "matplotlib")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def caches() -> dict[str, str]:
    """The caches of the first core, by level and kind."""
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        found[f"L{level} {kind.lower()}"] = size
    return found


def memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def description(settings: dict[str, str]) -> dict[str, Any]:
    """Everything about the machine that a reader of timings wants to know."""
    import blockhess

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "caches": caches(),
        "memory_GiB": round(memory_bytes() / 2**30, 1),
        "system": platform.platform(),
        "libc": " ".join(platform.libc_ver()),
        "versions": versions(),
        "blockhess": dict(blockhess.build_info()),
        "commit": commit(),
        "environment": settings,
    }
