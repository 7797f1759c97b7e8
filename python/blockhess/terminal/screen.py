"""Where the commands print: tables and text for people, one JSON document for machines."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table


class Screen:
    """`console` is standard output for people, and silent where a machine reads.

    rich leaves out colours, and wraps at 80 columns or at COLUMNS, where this is no terminal.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(quiet=as_json, highlight=False)
        self._errors = Console(stderr=True, highlight=False)

    def result(self, result: dict[str, Any]) -> None:
        if self.as_json:
            json.dump(result, sys.stdout, indent=2, allow_nan=False)
            print()

    def error(self, message: str) -> None:
        if self.as_json:
            self.result({"error": message})
        else:
            self._errors.print(f"[red]error:[/red] {_escaped(message)}")

    def progress(self) -> Progress:
        """A line that says what is going on, on a terminal alone; gone when it is over."""
        columns = (SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        hidden = not self._errors.is_terminal
        return Progress(*columns, console=self._errors, transient=True, disable=hidden)


def table(*columns: str, title: str | None = None) -> Table:
    """A table without borders; where the screen is narrow, cells go on in the next line."""
    found = Table(
        box=SIMPLE_HEAD,
        title=title,
        title_justify="left",
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )
    for column in columns:
        found.add_column(column, overflow="fold")
    return found


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")
