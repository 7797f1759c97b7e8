"""Processes that start with TensorFlow imported and not yet used.

Importing TensorFlow takes seconds. One process does it, which never runs an op, and all others are
forked from it; what such a fork may do is in docs/faults.md.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

SECONDS = 240

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tensorflow", "keras", "pytest"])


class Running:
    """A process that calls a function, of a module that it imports, and lives until stop()."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._connection, other_end = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_call, args=(other_end, function, *arguments))
        self._process.start()
        other_end.close()

    def result(self) -> Any:
        """What the function returns; an AssertionError where it raises or the process dies."""
        assert self._connection.poll(SECONDS), f"not done after {SECONDS} seconds"
        try:
            error, value = self._connection.recv()
        except EOFError:
            self._process.join()
            raise AssertionError(f"the process ended with code {self._process.exitcode}") from None
        assert error is None, error
        return value

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


@contextlib.contextmanager
def at_once(function: Callable[..., Any], *calls: tuple) -> Iterator[list[Running]]:
    """A process for each tuple of arguments; none ends before all have been asked for results."""
    processes = [Running(function, *arguments) for arguments in calls]
    try:
        yield processes
    finally:
        for process in processes:
            process.stop()


def in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns in a process of its own."""
    with at_once(function, arguments) as (process,):
        return process.result()


def _call(connection: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    try:
        connection.send((None, function(*arguments)))
    except BaseException:  # noqa: BLE001 - the other process raises it
        connection.send((traceback.format_exc(), None))
    connection.poll(None)  # until the other end is closed: others may still talk to this process
