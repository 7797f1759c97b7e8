"""All peers, in the order in which the tables show them."""

from __future__ import annotations

from . import folx_peers, jax_peers, limit, numpy_peers, tensorflow_peers, torch_peers
from .ours import OURS, VARIANTS
from .peer import Peer

PEERS: list[Peer] = [
    *limit.PEERS,
    *VARIANTS,
    *tensorflow_peers.PEERS,
    *jax_peers.PEERS,
    *torch_peers.PEERS,
    *folx_peers.PEERS,
    *numpy_peers.PEERS,
]

__all__ = ["OURS", "PEERS", "Peer"]
