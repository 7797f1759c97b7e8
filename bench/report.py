"""The results as JSON, as tables on the screen and in a text file, and as plots."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from records import FILL, FORWARD, OURS, Record, best, curves, distinct, on_curve

# Fewer rounds than this are marked.
_ENOUGH_ROUNDS = 5


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False)


def files(name: str) -> tuple[str, ...]:
    """What a run writes for people to read."""
    return tuple(f"{name}{end}" for end in (".txt", "_over_N.png", "_over_K.png", "_ratios.png"))


def write(results: dict[str, Any], folder: Path, name: str) -> None:
    """NAME.json, NAME.txt and NAME_*.png; what could not be drawn is said in the JSON, too."""
    try:
        import plots

        results["plots"] = {"status": "ok", "files": plots.draw(results, folder, name)}
    except ImportError as error:
        results["plots"] = {"status": "missing", "why": str(error)}
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    console = Console(record=True, width=150, highlight=False)
    show(results, console)
    lines = (line.rstrip() for line in console.export_text().splitlines())
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def show(results: dict[str, Any], console: Console) -> None:
    about = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    console.print(f"$ {results['command']}")
    console.print(f"blockhess at commit {about['commit']}")
    console.print(f"{about['processor']}, {about['cores_used']} cores, {about['caches']}")
    console.print(f"isa {about['blockhess']['isa']}; {versions}; {results['seconds']:.0f} s in all")
    console.print(
        "Times of blockhess are medians (quartiles). Everything else is a median of ratios: a "
        "peer's time / ours right beside it; above 1 blockhess is faster. In the line 'ours / "
        "tf.fill' it is our time / that of one warm write of the same output. ~ marks fewer than "
        f"{_ENOUGH_ROUNDS} rounds."
    )
    for name, why in results["missing"].items():
        console.print(f"[red]missing[/red] {name}: {why}", soft_wrap=True)
    for section, why in results["failed_sections"].items():
        console.print(f"[red]section {section} failed[/red]: {why}")
    if results["plots"]["status"] != "ok":
        console.print(f"[red]no plots[/red]: {results['plots']['why']}")
    records = results["records"]
    for section in ("dense", "layouts", "traces", "gradients"):
        _by_size(section, [r for r in records if r["section"] == section], console)
    for section, axis in (("over N", "N"), ("over K", "K")):
        _curves(section, axis, [r for r in records if r["section"] == section], console)
    _threads([r for r in records if r["section"] == "threads"], console)
    _one_call([r for r in records if r["section"] == "one call"], console)
    if "memory" in results:
        _memory(results["memory"], console)
    for r in records:
        if r["status"] in ("wrong", "failed"):
            about = f"{r['section']} {r['case']} N {r['N']} K {r['K']} {r['dtype']}"
            console.print(f"[red]{r['status']}[/red] {r['peer']}, {about}: {r['why']}", markup=True)


def _by_size(section: str, records: list[Record], console: Console) -> None:
    """A table a size and dtype: a line a peer, a column a case and layout."""
    for N, K, dtype in distinct((r["N"], r["K"], r["dtype"]) for r in records):
        these = [r for r in records if (r["N"], r["K"], r["dtype"]) == (N, K, dtype)]
        columns = distinct((r["case"], r["layout"]) for r in these)
        table = _table(f"{section}: N = {N:,}, K = {K}, {dtype}")
        table.add_column("")
        for case, layout in columns:
            plain = layout == "dense"
            table.add_column(case if plain else f"{case}, {layout}", justify="right")
        for peer in distinct(r["peer"] for r in these):
            of_peer = {(r["case"], r["layout"]): r for r in these if r["peer"] == peer}
            limit = peer in (FILL, FORWARD)
            name = f"ours / {peer}" if limit else peer
            cells = [_cell(of_peer.get(column), inverse=limit) for column in columns]
            table.add_row(name, *cells, end_section=limit)
        best = [_best(r for r in these if (r["case"], r["layout"]) == column) for column in columns]
        table.add_row("the best other", *best, style="bold")
        console.print(table)


def _cell(r: Record | None, inverse: bool = False) -> str:
    if r is None:
        return ""
    if r["status"] != "ok":
        return r["why"] if r["status"] == "left out" else r["status"]
    if r["peer"] == OURS:
        first, third = r["seconds"]["quartiles"]
        return f"{_time(r['seconds']['median'])} ({_time(first)} - {_time(third)})"
    ratio = r["ratio"]["median"]
    few = "~" if r["rounds"] < _ENOUGH_ROUNDS else ""
    return f"{few}{1 / ratio if inverse else ratio:.2f}"


def _best(records: Iterable[Record]) -> str:
    found = best(records)
    if found is None:
        return "none"
    ratio = found["ratio"]["median"]
    return f"[{'red' if ratio < 1 else 'green'}]{ratio:.2f}[/]"


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{1e6 * seconds:.0f} us"
    return f"{1e3 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _curves(section: str, axis: str, records: list[Record], console: Console) -> None:
    """A table a curve: a line a size."""
    for case, layout, K in curves(records, axis):
        these = [r for r in records if on_curve(r, case, layout, K, axis)]
        peers = [peer for peer in distinct(r["peer"] for r in these) if peer != OURS]
        title = f"{section}: {case}, {layout}, {these[0]['dtype']}" + (f", K = {K}" if K else "")
        each = "ours / row" if axis == "N" else "ours / cell of output"
        table = _table(title)
        for head in (axis, "ours", each, *("ours / tf.fill" if p == FILL else p for p in peers)):
            table.add_column(head, justify="right")
        for size in distinct(r[axis] for r in these):
            of_size = {r["peer"]: r for r in these if r[axis] == size}
            own = of_size[OURS]
            cells = own["N"] * (own["K"] ** 2 if axis == "K" else 1)
            share = f"{1e9 * own['seconds']['median'] / cells:.3g} ns" if "seconds" in own else ""
            ratios = (_cell(of_size.get(peer), inverse=peer == FILL) for peer in peers)
            table.add_row(f"{size:,}", _cell(own), share, *ratios)
        console.print(table)


def _threads(records: list[Record], console: Console) -> None:
    if not records:
        return
    table = _table("two threads")
    for head in ("case", "computed", "N", "K", "dtype", "two threads", "one / two"):
        table.add_column(head)
    for r in records:
        if r["status"] != "ok":
            table.add_row(r["status"], r["why"])
            continue
        about = (r["case"], r["layout"], f"{r['N']:,}", str(r["K"]), r["dtype"])
        table.add_row(*about, _time(r["ours_seconds"]), f"{r['ratio']['median']:.2f}")
    console.print(table)


def _one_call(records: list[Record], console: Console) -> None:
    if not records:
        return
    table = _table("one call, N = 1, K = 3")
    for head in ("ours", "", "beside", "", "ours / that"):
        table.add_column(head)
    for r in records:
        ours, other = _time(r["ours_seconds"]), _time(r["seconds"]["median"])
        table.add_row(r["case"], ours, r["peer"], other, f"{1 / r['ratio']['median']:.2f}")
    console.print(table)


def _memory(memory: dict[str, Any], console: Console) -> None:
    if memory["status"] != "ok":
        console.print(f"[red]memory failed[/red]: {memory['why']}")
        return
    console.print(
        f"One function called with {memory['row_counts']} values of N was traced "
        f"{memory['traces_of_one_function']} times. {memory['fresh_lambdas']} calls with fresh "
        f"lambdas raised resident memory by {memory['resident_growth_MiB']} MiB, from "
        f"{memory['resident_MiB']} MiB."
    )
