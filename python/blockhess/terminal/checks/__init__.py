"""What `python -m blockhess check` checks, each subject in a room of its own."""

from __future__ import annotations

from blockhess.terminal.checks import devices, instruction_sets, routes
from blockhess.terminal.checks.check import Check


def all_checks() -> list[Check]:
    return [*instruction_sets.checks(), *devices.checks(), *routes.checks()]
