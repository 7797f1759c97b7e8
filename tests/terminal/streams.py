"""Terminals and pipes in the place of this process's own standard streams."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Opened = tuple[int, int]  # the end that is read, the end that is written


def terminal(columns: int = 80) -> Opened:
    end, written = os.openpty()
    fcntl.ioctl(written, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    settings = termios.tcgetattr(written)
    settings[1] &= ~termios.OPOST  # "\n" stays "\n".
    termios.tcsetattr(written, termios.TCSANOW, settings)
    return end, written


def pipe() -> Opened:
    return os.pipe()


@dataclass
class Printed:
    out: str = ""
    err: str = ""


@contextmanager
def standard_streams(device: Callable[[], Opened]) -> Iterator[Printed]:
    """All three are of that kind; what was printed is there after the block."""
    printed, saved, streams = Printed(), [os.dup(fd) for fd in range(3)], (sys.stdout, sys.stderr)
    (out, written), (err, also_written) = device(), device()
    readers = [_Reader(out), _Reader(err)]
    for fd, target in enumerate((written, written, also_written)):
        os.dup2(target, fd)
    os.close(written), os.close(also_written)
    sys.stdout, sys.stderr = (open(os.dup(fd), "w", encoding="utf-8") for fd in (1, 2))
    try:
        yield printed
    finally:
        sys.stdout.close(), sys.stderr.close()
        sys.stdout, sys.stderr = streams
        for fd, target in enumerate(saved):
            os.dup2(target, fd)
            os.close(target)
        printed.out, printed.err = (reader.text() for reader in readers)


class _Reader(threading.Thread):
    """Reads while the block writes: neither a pipe nor a terminal holds much."""

    def __init__(self, end: int) -> None:
        super().__init__(daemon=True)
        self._end, self._read = end, b""
        self.start()

    def run(self) -> None:
        try:
            while chunk := os.read(self._end, 65536):
                self._read += chunk
        except OSError:  # what a terminal gives when nobody writes to it any more
            pass
        os.close(self._end)

    def text(self) -> str:
        self.join()
        return self._read.decode()
