"""Times calls in pairs: ours and a peer's, one right after the other, round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Call = Callable[[], object]

LEAST_ROUNDS = 5
# A call that takes longer than this gets FEW_ROUNDS.
SLOW = 1.0
FEW_ROUNDS = 3
# A shorter call is repeated until so much time has passed: the clock and a cold cache are noise.
LEAST_SECONDS = 1e-3
MOST_REPEATS = 30
# A shorter call is made once more just before it is timed, for the caches and the allocators.
WARMED_SECONDS = 5e-2


@dataclass(frozen=True)
class Spread:
    """Median and quartiles."""

    median: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        if len(values) == 1:
            return cls(values[0], (values[0], values[0]))
        first, median, third = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, (first, third))


@dataclass(frozen=True)
class Pairs:
    """The times of a peer and of ours in the same rounds."""

    peer: list[float]
    ours: list[float]

    @property
    def ratios(self) -> list[float]:
        return [peer / ours for peer, ours in zip(self.peer, self.ours, strict=True)]


def once(call: Call) -> float:
    """Seconds of one call; its result is freed after the clock has stopped."""
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    del result
    return seconds


def repeats_for(seconds: float) -> int:
    return max(1, min(MOST_REPEATS, int(LEAST_SECONDS / seconds)))


def timed(call: Call, repeats: int, warm: bool) -> float:
    """Mean seconds of so many calls; one more goes before them."""
    if warm:
        call()
    if repeats == 1:
        return once(call)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def interleave(
    ours: Call, peers: dict[str, Call], budget: float, most: int
) -> tuple[dict[str, Pairs], dict[str, Exception]]:
    """Pairs of times for each peer, all of them in turn, ours anew beside each.

    Args:
      ours, peers: calls that have been made before.
      budget: seconds for the rounds of one peer; decides how many there are.
      most: rounds.

    Returns:
      The pairs of each peer, and what the peers raised that failed on the way.
    """
    own = _alone(ours)
    alone: dict[str, float] = {}
    failed: dict[str, Exception] = {}
    for name, call in peers.items():
        try:
            alone[name] = _alone(call)
        except Exception as error:  # noqa: BLE001 - the caller reports it
            failed[name] = error
    rounds = {name: _rounds(own, seconds, budget, most) for name, seconds in alone.items()}
    pairs = {name: Pairs([], []) for name in alone}
    for number in range(max(rounds.values(), default=0)):
        for name, seconds in alone.items():
            if number >= rounds[name]:
                continue
            both = [(ours, own, pairs[name].ours), (peers[name], seconds, pairs[name].peer)]
            # Whoever comes first meets the caches of another peer: take turns.
            for what, seconds, times in both[:: 1 if number % 2 else -1]:
                times.append(timed(what, repeats_for(seconds), seconds < WARMED_SECONDS))
    return pairs, failed


def _alone(call: Call) -> float:
    """Seconds of a warm call, to plan with."""
    seconds = once(call)
    return seconds if seconds > SLOW else min(seconds, once(call))


def _rounds(own: float, peer: float, budget: float, most: int) -> int:
    if peer > SLOW:
        return min(most, FEW_ROUNDS)
    cost = sum(
        seconds * (repeats_for(seconds) + (seconds < WARMED_SECONDS)) for seconds in (own, peer)
    )
    return max(min(LEAST_ROUNDS, most), min(most, int(budget / cost)))
