"""All that was asked for, measured, with a progress bar."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import endurance
import environment
import machine
import one_call
import plan
import threads
from compare import compare
from peers import PEERS, Peer
from task import Task


def measured(
    wanted: plan.Wanted, peers: Sequence[str] | None, rounds: int, budget: float
) -> dict[str, Any]:
    """The results of a run.

    Args:
      peers: texts of which the name of a peer must hold one.
      rounds: of a pair at most.
      budget: seconds for the rounds of a pair.
    """
    tasks = plan.tasks(wanted)
    chosen = [
        peer
        for peer in PEERS
        if (not peers or any(text in peer.name for text in peers))
        and any(_meant(peer, task) for task in tasks)
    ]
    missing = {peer.name: why for peer in chosen if (why := peer.missing())}
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.description(environment.SETTINGS),
        "settings": {"rounds": rounds, "budget_seconds": budget, "quick": wanted.quick},
        "missing": missing,
        "records": [],
    }
    others = [name for name in (plan.THREADS, plan.ONE_CALL, plan.MEMORY) if wanted.section(name)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(tasks) + len(others))
        for task in tasks:

            def say(what: str, task: Task = task) -> None:
                size = f"N {task.N:,} K {task.K} {task.dtype}"
                text = f"{task.section}: {task.case_name} {size} {task.layout}: {what}"
                progress.update(bar, description=text)

            able = [peer for peer in chosen if _meant(peer, task)]
            results["records"] += compare(task, able, budget, rounds, missing, say)
            environment.release_memory()
            progress.advance(bar)
        for name in others:
            progress.update(bar, description=name)
            if name == plan.THREADS:
                results["records"] += threads.compared(rounds, wanted.quick)
            elif name == plan.ONE_CALL:
                results["records"] += one_call.compared(rounds)
            else:
                results["memory"] = endurance.in_a_child(wanted.quick)
            progress.advance(bar)
    return results


def _meant(peer: Peer, task: Task) -> bool:
    starts = plan.peer_names(task)
    return peer.serves(task) and (starts is None or peer.name.startswith(starts))
