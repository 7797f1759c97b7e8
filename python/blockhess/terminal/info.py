"""How this blockhess was built, and what it runs on."""

from __future__ import annotations

import argparse

import tensorflow as tf
from rich.table import Table

from blockhess.build import build_info
from blockhess.terminal.outcome import Exit, Outcome
from blockhess.terminal.screen import Screen


def run(arguments: argparse.Namespace, screen: Screen) -> Outcome:
    del arguments
    facts = {
        **build_info(),
        "tensorflow_installed": tf.__version__,
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, ", ".join(value) if isinstance(value, list) else str(value))
    screen.console.print(table)
    return Outcome(Exit.GOOD, facts)
