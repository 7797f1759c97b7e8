"""The records of a run, and which of them belong together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

OURS, FILL, FORWARD = "blockhess", "tf.fill", "blockhess: the blocks"

Record = dict[str, Any]


def is_ours(peer: str) -> bool:
    """Whether the peer is blockhess, in whatever way it is called."""
    return peer.startswith(OURS)


def best(records: Iterable[Record]) -> Record | None:
    """The fastest peer of a task, limits aside."""
    able = [
        r for r in records if r["status"] == "ok" and not is_ours(r["peer"]) and r["peer"] != FILL
    ]
    return min(able, key=lambda r: r["ratio"]["median"], default=None)


def curves(records: list[Record], axis: str) -> list[tuple[str, str, int | None]]:
    """The (case, layout, K) of the curves, K where it is not the axis."""
    return distinct((r["case"], r["layout"], r["K"] if axis == "N" else None) for r in records)


def on_curve(r: Record, case: str, layout: str, K: int | None, axis: str) -> bool:
    return (r["case"], r["layout"], r["K"] if axis == "N" else None) == (case, layout, K)


def distinct(values: Iterable) -> list:
    return list(dict.fromkeys(values))
