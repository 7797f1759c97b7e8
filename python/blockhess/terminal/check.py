"""Whether this installation computes what it should."""

from __future__ import annotations

import argparse
import dataclasses

from rich.table import Table

from blockhess.terminal.checks.all_checks import all_checks
from blockhess.terminal.checks.comparison import Check
from blockhess.terminal.function_text import described
from blockhess.terminal.outcome import Exit, Outcome
from blockhess.terminal.screen import Screen, table


@dataclasses.dataclass(frozen=True)
class Finding:
    """The outcome of a check: its largest error, or why it failed."""

    subject: str
    where: str
    passed: bool
    error: float | None
    message: str


def run(arguments: argparse.Namespace, screen: Screen) -> Outcome:
    del arguments
    findings = _findings(all_checks(), screen)
    failed = [finding for finding in findings if not finding.passed]
    screen.console.print(_table(findings))
    for finding in failed:
        where = f"{finding.subject} on {finding.where}"
        screen.console.print(f"failed: {where}: {finding.message}", markup=False)
    screen.console.print(f"{len(findings) - len(failed)} of {len(findings)} checks passed")
    result = {
        "passed": not failed,
        "checks": [dataclasses.asdict(finding) for finding in findings],
    }
    return Outcome(Exit.FAILED if failed else Exit.GOOD, result)


def _findings(checks: list[Check], screen: Screen) -> list[Finding]:
    found = []
    with screen.progress() as progress:
        task = progress.add_task("", total=len(checks))
        for check in checks:
            progress.update(task, description=f"{check.subject} on {check.where}")
            found.append(_finding(check))
            progress.advance(task)
    return found


def _finding(check: Check) -> Finding:
    try:
        return Finding(check.subject, check.where, True, check.run(), "")
    except Exception as error:  # whatever it is, the other checks go on
        return Finding(check.subject, check.where, False, None, described(error))


def _table(findings: list[Finding]) -> Table:
    shown = table("checked", "on", "", "largest error")
    for finding in findings:
        mark = "[green]good[/green]" if finding.passed else "[red]FAILED[/red]"
        error = "" if finding.error is None else f"{finding.error:.0e}"
        shown.add_row(finding.subject, finding.where, mark, error)
    return shown
