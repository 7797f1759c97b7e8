"""Facts about this build, and the check of the TensorFlow that its ops meet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from blockhess import _core

_FACTS = {**_core.build_facts(), "library": str(Path(__file__).with_name("_tf.so"))}
__version__: str = _FACTS["version"]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def check_tensorflow(installed: str, built_for: str) -> None:
    """Raises ImportError where a build meets a TensorFlow of another minor version.

    TensorFlow's C++ interface changes with each: an undefined symbol would follow, or worse.
    """
    if _minor(installed) != _minor(built_for):
        raise ImportError(
            f"this build of blockhess {__version__} is for TensorFlow {_minor(built_for)}, but "
            f"TensorFlow {installed} is installed: {_what_to_do(built_for)}"
        )


def library_does_not_load(installed: str, reason: str) -> ImportError:
    """The error to raise where TensorFlow cannot load the library with the ops."""
    built_for = _FACTS["tensorflow"]
    return ImportError(
        f"TensorFlow {installed} cannot load the ops of blockhess {__version__}, which were built "
        f"for TensorFlow {built_for}: {reason}. To mend it, {_what_to_do(built_for)}"
    )


def _what_to_do(built_for: str) -> str:
    return (
        f"install TensorFlow {_minor(built_for)}, or build blockhess again with "
        "`pip install --no-build-isolation .`"
    )


def build_info() -> Mapping[str, Any]:
    """How this blockhess was built.

    Returns:
      A read-only mapping: "version" of blockhess; "tensorflow", the version it was built against;
      "cuda", whether GPU kernels are in it; "cuda_archs", for which architectures, "sm_90" being
      machine code and "compute_75" PTX, which drivers translate for that or any later one; "nvcc",
      the version of the CUDA compiler that was found, or None; "isa", the instruction set that the
      CPU kernels run with here; "isas", those that could be asked for by the environment variable
      BLOCKHESS_ISA; "xla", whether XLA kernels are in it; "compiler"; "library", the path of the
      shared library with the ops, which a program in C++ loads.

    Examples:
      >>> blockhess.build_info()["isa"] in ("avx512", "avx2", "generic")
      True
    """
    return MappingProxyType(dict(_FACTS))
