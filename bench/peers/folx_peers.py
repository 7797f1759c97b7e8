"""folx: traces of the blocks by its forward Laplacian."""

from __future__ import annotations

from task import Task

from .jax_peers import compiled, row_function
from .peer import Call, Peer


def _laplacian(task: Task) -> Call:
    import folx

    laplacian = folx.forward_laplacian(row_function(task))
    return compiled(lambda row: laplacian(row).laplacian, task)


PEERS = [Peer("folx: forward_laplacian", "folx", _laplacian, frozenset({("trace", "dense")}))]
