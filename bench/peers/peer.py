"""A peer: one way to a task's answer."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from task import Task

# Past so much output a peer's temporaries may not fit into memory.
MOST_OUTPUT_BYTES = 1 << 29

Call = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """One way to compute a task's answer.

    Attributes:
      name: unique.
      framework: the module that must be there; `build` imports it, so that the peers that are
        missing can be named.
      build: gives a call without arguments for a task, with the data in the framework's own array;
        the call returns the answer when it is computed, as something np.asarray takes.
      computes: the pairs (quantity, layout) that it is for.
      probe: says why the peer cannot work here although its framework is there, or None.
      most_columns, most_cells: of K and of N K, past which it is left out.
    """

    name: str
    framework: str
    build: Callable[[Task], Call]
    computes: frozenset[tuple[str, str]] = frozenset({("hessian", "dense")})
    probe: Callable[[], str | None] = lambda: None
    most_columns: int | None = None
    most_cells: int | None = None
    most_output_bytes: int | None = MOST_OUTPUT_BYTES

    def missing(self) -> str | None:
        """Why the peer cannot run here at all."""
        try:
            importlib.import_module(self.framework)
        except ImportError as error:
            return str(error)
        return self.probe()

    def serves(self, task: Task) -> bool:
        return (task.quantity, task.layout) in self.computes

    def left_out(self, task: Task) -> str | None:
        """Why the peer is not run for a task that it serves."""
        if self.most_columns and task.K > self.most_columns:
            return f"K > {self.most_columns}"
        if self.most_cells and task.N * task.K > self.most_cells:
            return f"N K > {self.most_cells}"
        if self.most_output_bytes and task.output_bytes > self.most_output_bytes:
            return f"output > {self.most_output_bytes >> 20} MiB"
        return None
