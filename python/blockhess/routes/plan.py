"""The plan: which route a function takes, in which terms, and why."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess.formula.layouts import LAYOUTS

PROVED = "do not interact: proved from the graph"
UNPROVED = {
    "check": "checked by a probe in every run, for lack of a proof",
    "exact": "may interact; the blocks are exact however they do",
    "assume_independent": "assumed not to interact, for lack of a proof",
}


@dataclass(frozen=True)
class PlannedTerm:
    """One term in readable form; None where a part is absent."""

    psi: str
    phi: str | None
    S: str | None
    b: str | None
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        parts = [f"sum_k phi(x_k), phi(x) = {self.phi}" if self.phi else ""]
        parts += [f"1/2 x' S x, S: {self.S}" if self.S else ""]
        parts += [f"b' x, b: {self.b}" if self.b else ""]
        lines = [f"psi(s) = {self.psi}", "s = " + (" + ".join(filter(None, parts)) or "0")]
        lines += [f"{name}: {what}" for name, what in self.parameters]
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """What blockhess does with a function; `str(plan)` is for people.

    Attributes:
      route: "fused" or "autodiff".
      layout: "dense", "diag", "packed" or "trace".
      coupling: how it is known, or found out, whether rows interact.
      terms: the terms of the formula (route fused).
      refused: (route, reason) for each faster route that did not fit.
      bytes_read, bytes_written: what computing the blocks reads and writes, as formulas in N.
      traced_anew: what keeps eager calls from using a trace of f again; empty where nothing does.
    """

    route: str
    layout: str
    coupling: str
    terms: tuple[PlannedTerm, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    bytes_read: str = ""
    bytes_written: str = ""
    traced_anew: str = ""

    def __str__(self) -> str:
        lines = [f"route: {self.route}", f"layout: {self.layout}", f"rows: {self.coupling}"]
        for number, term in enumerate(self.terms, 1):
            text = str(term).split("\n")
            lines += [f"term {number}: {text[0]}", *(f"        {line}" for line in text[1:])]
        lines += [f"not {route}: {reason}" for route, reason in self.refused]
        lines += [f"bytes: reads {self.bytes_read}, writes {self.bytes_written}"]
        if self.traced_anew:
            lines += [f"eager calls: f is traced anew at each, for it reads {self.traced_anew}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class PlanOfOutputs:
    """The plans of the outputs of a function that has several; `str()` says equal ones once."""

    outputs: tuple[Plan, ...]

    def __str__(self) -> str:
        numbers: dict[str, list[str]] = {}
        for number, plan in enumerate(self.outputs):
            numbers.setdefault(str(plan), []).append(str(number))
        return "\n".join(f"output {', '.join(n)}:\n{plan}" for plan, n in numbers.items())


def written(x: tf.Tensor, layout: str) -> str:
    """How many values the blocks have, as a formula in N."""
    return f"N*{LAYOUTS[layout].count_for(x.shape[-1])}"


def bytes_of(x: tf.Tensor, count: str) -> str:
    return f"{x.dtype.size} * ({count})"
