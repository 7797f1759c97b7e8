"""The op library, loaded once."""

from __future__ import annotations

import struct
from pathlib import Path

import tensorflow as tf

from ..build import build_info, check_tensorflow, library_does_not_load

# A 64-bit ELF header says where the section table starts, and the size and number of its entries.
_SECTIONS = struct.Struct("<40xQ10xHH2x")


def _cut_short(path: Path) -> bool:
    """Whether the end of the file is missing, where the dynamic linker would end the process."""
    with path.open("rb") as file:
        header = file.read(_SECTIONS.size)
    if len(header) < _SECTIONS.size or not header.startswith(b"\x7fELF"):
        return False  # The dynamic linker's error says what is wrong with it.
    start, size, number = _SECTIONS.unpack(header)
    return path.stat().st_size < start + size * number


def _load(path: str) -> object:
    try:
        if _cut_short(Path(path)):
            raise library_does_not_load(tf.__version__, f"the end of {path} is missing")
        return tf.load_op_library(path)
    except (OSError, tf.errors.OpError) as error:
        raise library_does_not_load(tf.__version__, str(error)) from error


check_tensorflow(tf.__version__, build_info()["tensorflow"])
library = _load(build_info()["library"])
