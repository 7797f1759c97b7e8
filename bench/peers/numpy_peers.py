"""The closed forms in NumPy."""

from __future__ import annotations

from task import Task

from .peer import Call, Peer


def _build(task: Task) -> Call:
    blocks, x, A = task.case.blocks, task.x, task.A
    return lambda: blocks(x, A)


PEERS = [Peer("numpy: closed form", "numpy", _build)]
