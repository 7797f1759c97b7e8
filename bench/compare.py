"""One task: every peer built, its answer checked against ours, then all of them timed in pairs."""

from __future__ import annotations

import dataclasses
import gc
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from measure import Pairs, Spread, interleave
from peers import OURS, Peer
from peers.limit import FILL, FORWARD
from task import TOLERANCES, Task

# Peers whose answers are not compared: one writes anything, the other is a step on the way.
LIMITS = (FILL, FORWARD)
_LONGEST_REASON = 200

# Warnings stay off the screen: failures are in the results, and every function is meant to be new.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
logging.getLogger("torch").setLevel(logging.CRITICAL)

Record = dict[str, Any]


def record(task: Task, peer: str, status: str, **facts: Any) -> Record:
    """One line of the results: a peer in a task.

    `status` is "ok", "wrong" (its answer differs from ours, or ours from the closed form),
    "failed", "left out" or "missing"; where it is not "ok" `why` says more. "seconds" is the time
    of one call, "ratio" that time to ours, in the same round.
    """
    names = [field.name for field in dataclasses.fields(task)]
    about = {name: getattr(task, name) for name in names}
    about["case"] = about.pop("case_name")
    return {**about, "peer": peer, "status": status, **facts}


def compare(
    task: Task,
    peers: Sequence[Peer],
    budget: float,
    rounds: int,
    missing: dict[str, str],
    say: Callable[[str], None],
) -> list[Record]:
    """The records of a task, ours first.

    Args:
      budget: seconds for the rounds of one peer.
      rounds: at most so many.
      missing: peers that cannot be imported, and why.
      say: is told what is being done.
    """
    say(OURS.name)
    calls = {}
    start = time.perf_counter()
    try:
        calls[OURS.name] = OURS.build(task)
        answer = np.asarray(calls[OURS.name]())
        first_call = time.perf_counter() - start
        error = task.error_of_ours(answer)
    except Exception as reason:  # noqa: BLE001 - whatever it is, it goes into the results
        return [record(task, OURS.name, "failed", why=_short(reason))]
    facts = {"error": error, "first_call_seconds": first_call}
    if not error <= task.tolerance_of_ours():
        why = f"differs from the closed form by {error:.1e}"
        return [record(task, OURS.name, "wrong", why=why, **facts)]
    records = {OURS.name: record(task, OURS.name, "ok", **facts)}
    for peer in peers:
        say(peer.name)
        why = peer.left_out(task)
        if peer.name in missing:
            records[peer.name] = record(task, peer.name, "missing", why=missing[peer.name])
        elif why:
            records[peer.name] = record(task, peer.name, "left out", why=why)
        else:
            records[peer.name], call = _checked(task, peer, answer)
            if call:
                calls[peer.name] = call
    del answer
    gc.collect()
    say("rounds")
    _time(calls, records, budget, rounds)
    return list(records.values())


def _checked(
    task: Task, peer: Peer, expected: np.ndarray
) -> tuple[Record, Callable[[], object] | None]:
    """A peer's record so far, and its call if the answer is right."""
    start = time.perf_counter()
    try:
        call = peer.build(task)
        actual = np.asarray(call())
        facts = {"first_call_seconds": time.perf_counter() - start}
        if peer not in LIMITS:
            facts["error"] = task.error(actual, expected)
    except Exception as reason:  # noqa: BLE001 - whatever it is, it goes into the results
        return record(task, peer.name, "failed", why=_short(reason)), None
    if "error" in facts and not facts["error"] <= TOLERANCES[task.dtype]:
        why = f"differs from ours by {facts['error']:.1e}"
        return record(task, peer.name, "wrong", why=why, **facts), None
    return record(task, peer.name, "ok", **facts), call


def _time(calls: dict, records: dict[str, Record], budget: float, rounds: int) -> None:
    ours = calls.pop(OURS.name)
    # Without peers ours is timed beside itself: a ratio off 1 is the noise of the machine.
    pairs, failed = interleave(ours, calls or {OURS.name: ours}, budget, rounds)
    for name, reason in failed.items():
        records[name].update(status="failed", why=_short(reason))
    for name, pair in pairs.items():
        records[name].update(timing(pair))
    every = [seconds for pair in pairs.values() for seconds in pair.ours]
    records[OURS.name].update(seconds=dataclasses.asdict(Spread.of(every)), rounds=len(every))


def timing(pair: Pairs) -> Record:
    return {
        "seconds": dataclasses.asdict(Spread.of(pair.peer)),
        "ratio": dataclasses.asdict(Spread.of(pair.ratios)),
        "rounds": len(pair.peer),
        "ours_seconds": statistics.median(pair.ours),
    }


def _short(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".strip()
    return " ".join(text.split())[:_LONGEST_REASON]
