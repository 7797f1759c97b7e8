"""TensorFlow's start-up messages: shown where they are asked for, or where TensorFlow fails."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
SEVERITIES = b"IWEF"  # of level 0, 1, 2 and 3
# Messages have two forms: "E0000 00:00:17...] text" and "2025-01-31 10:00:00.123456: E text".
MESSAGE = re.compile(rb"(?:\d{4}-\d\d-\d\d \S+ )?([IWEF])(?:\d{4})? ")
OVER, FAILED = b"\0over", b"\0failed"


@contextmanager
def quiet(verbose: bool) -> Iterator[None]:
    """The block in which TensorFlow is imported; sets its log level for what follows, too.

    TensorFlow's C++ writes to file descriptor 2 as it is imported, whatever the level: a child
    process keeps that, and shows it if the import raises or ends this process. What Python writes
    to standard error, warnings among it, is shown as it comes.
    """
    level = os.environ.setdefault(LEVEL, "0" if verbose else "3")
    if verbose or "tensorflow" in sys.modules or sys.stderr is None:
        yield
        return
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    terminal, python = os.dup(2), sys.stderr
    end, pipe = os.pipe()
    python.flush()
    keeper = os.fork()
    if keeper == 0:
        os.close(pipe)
        _keep(end, terminal, int(level) if level.isdecimal() else 0)
    os.close(end)
    os.dup2(pipe, 2)
    sys.stderr = os.fdopen(os.dup(terminal), "w", 1, python.encoding, python.errors)
    ending = FAILED
    try:
        yield
        ending = OVER
    except KeyboardInterrupt:
        ending = OVER
        raise
    finally:
        sys.stderr = python
        os.dup2(terminal, 2)
        os.write(pipe, ending)
        os.close(pipe)
        os.close(terminal)
        os.waitpid(keeper, 0)


def _keep(end: int, terminal: int, level: int) -> None:
    """The child process: reads until the import is over or the parent is gone."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        text = b""
        while not text.endswith((OVER, FAILED)) and (chunk := os.read(end, 65536)):
            text += chunk
        if text.endswith(OVER):
            text = of_level(text.removesuffix(OVER), level)
        os.write(terminal, text.removesuffix(FAILED))
    finally:
        os._exit(0)


def of_level(text: bytes, level: int) -> bytes:
    """The messages of that level and above; a line that starts none goes on with the one before."""
    shown, severity = [], 0
    for line in text.splitlines(keepends=True):
        if message := MESSAGE.match(line):
            severity = SEVERITIES.index(message[1])
        if severity >= level:
            shown.append(line)
    return b"".join(shown)
