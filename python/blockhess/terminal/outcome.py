"""What a command returns: its exit code, and the result that `--json` prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes, as `--help` explains them."""

    GOOD = 0
    FAILED = 1
    WRONG_USAGE = 2


@dataclass(frozen=True)
class Outcome:
    exit: Exit
    result: dict[str, Any]


class CommandError(Exception):
    """Ends a command with a message, and its exit code with it."""

    def __init__(self, exit: Exit, message: str) -> None:
        super().__init__(message)
        self.exit = exit
