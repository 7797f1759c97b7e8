"""The table of accuracy.py's results."""

from __future__ import annotations

import math
from typing import Any

from accuracy_cases import WHY

GOALS = {"instruction": 8.0, "composition": 64.0}
DTYPES = ("float32", "float64")

Record = dict[str, Any]


def number(error: float) -> str:
    if math.isnan(error):
        return "-"
    if math.isinf(error):
        return "nan"
    return f"{error:.1f}" if error < 1e4 else f"{error:.0e}".replace("+", "")


def table(results: dict[str, Any]) -> str:
    records = results["records"]
    lines = [line for run in results["runs"] for line in source(**run)]
    lines += [
        "",
        "In units of the last place, the worst errors of f, f', f'', f''' at all finite points and",
        "the median of f''; nan where a result is nan although the truth is not. Then the same of",
        "batch_jacobian, - where TensorFlow has no such function; `wrong`: points, of all orders,",
        "where it is nan or loses half of its digits, and `right`: those where ours is within 64.",
        "",
    ]
    for kind, goal in GOALS.items():
        these = [r for r in records if r["kind"] == kind]
        lines += [f"{kind}s: f'' within {goal:g} is the goal", _HEAD]
        for name in dict.fromkeys(r["case"] for r in these):
            over = False
            for dtype in DTYPES:
                orders = [r for r in these if (r["case"], r["dtype"]) == (name, dtype)]
                lines.append(_row(name, dtype, orders))
                over = over or orders[2]["worst"] > goal
            if over or name in WHY:
                lines.append(f"    {WHY.get(name, 'not explained')}")
        lines.append("")
    return "\n".join([*lines, *_totals(records)]) + "\n"


def source(machine: dict[str, Any], command: str) -> tuple[str, str]:
    return (
        f"$ python {command}",
        f"{machine['processor']}, blockhess at commit {machine['commit']}, "
        f"TensorFlow {machine['versions']['tensorflow']}, {machine['blockhess']['isa']}",
    )


_HEAD = (
    f"{'':32} {'':7} {'points':>7}"
    f"{'f':>9}{chr(102) + chr(39):>9}{'f' + chr(39) * 2:>9}{'f' + chr(39) * 3:>9}{'median':>8}  |"
    f"{'f':>9}{'f' + chr(39):>9}{'f' + chr(39) * 2:>9}{'f' + chr(39) * 3:>9}{'median':>8}"
    f"{'wrong':>7}{'right':>7}"
)


def _row(name: str, dtype: str, orders: list[Record]) -> str:
    ours = "".join(f"{number(r['worst']):>9}" for r in orders)
    theirs = "".join(f"{number(r['batch_jacobian_worst']):>9}" for r in orders)
    wrong = sum(r["batch_jacobian_wrong"] for r in orders)
    right = sum(r["batch_jacobian_wrong_ours_right"] for r in orders)
    return (
        f"{name:32} {dtype:7} {orders[0]['points']:7}{ours}{number(orders[2]['median']):>8}  |"
        f"{theirs}{number(orders[2]['batch_jacobian_median']):>8}{wrong:7}{right:7}"
    )


def _totals(records: list[Record]) -> list[str]:
    lines = []
    for order, name in enumerate(("f", "f'", "f''", "f'''")):
        these = [r for r in records if r["order"] == order]

        def total(what: str, these: list[Record] = these) -> int:
            return sum(r[what] for r in these)

        wrong, right = total("batch_jacobian_wrong"), total("batch_jacobian_wrong_ours_right")
        lines.append(
            f"{name:5} of {total('points')} results batch_jacobian has {wrong} nan or wrong, ours "
            f"is right at {right} of these; the other way round: "
            f"{total('ours_wrong_batch_jacobian_right')}; ours above 64: {total('above')}"
        )
    infinite = sum(r["at_infinity"] for r in records)
    lines.append(
        f"at +-inf, {infinite} limits in all orders: ours misses "
        f"{sum(r['at_infinity_wrong'] for r in records)}, batch_jacobian "
        f"{sum(r['batch_jacobian_at_infinity_wrong'] for r in records)}"
    )
    return lines
