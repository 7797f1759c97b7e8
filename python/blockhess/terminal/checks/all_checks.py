"""All checks, in the order in which they run."""

from __future__ import annotations

from blockhess.terminal.checks import devices, every_route, instruction_sets
from blockhess.terminal.checks.comparison import Check


def all_checks() -> list[Check]:
    return [*instruction_sets.checks(), *devices.checks(), *every_route.checks()]
