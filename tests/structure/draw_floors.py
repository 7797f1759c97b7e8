"""Draws the floors of the Python package, from its imports: docs/pictures/floors.svg.

An arrow leads from a room to one that it uses; where the way leads through another room, too, it is
left out. The second line of a box counts modules and lines.

    python tests/structure/draw_floors.py
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from import_walk import imports_of, modules_of

import blockhess

ROOT = Path(__file__).parents[2]
PACKAGE, PICTURE = Path(blockhess.__file__).parent, ROOT / "docs/pictures/floors.svg"
WIDTH, BOX, HEIGHT, STEP = 760, 128, 44, 84
# Where each room stands on its floor.
COLUMNS = {
    **{"terminal": 1.5, "api": 1.5, "eager": 0, "routes": 2, "gradients": 1, "linalg": 2},
    **{"ops": 3, "numpy": 4, "row_graph": 0.5, "formula": 3, "expressions": 2},
}


def room_of(module: str) -> str:
    """The room of a module; who imports the whole package uses what it is for."""
    return "api" if module == "blockhess" else module.removeprefix("blockhess.").split(".")[0]


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir()


def arrows() -> dict[str, set[str]]:
    """The rooms that each room uses."""
    modules = modules_of(PACKAGE, "blockhess")
    uses: dict[str, set[str]] = {room_of(module): set() for module in modules}
    for found in imports_of(modules):
        if not found.names_only:
            uses[room_of(found.source)].add(room_of(found.target))
    rooms = set(filter(is_room, uses))
    return {room: uses[room] & rooms - {room} for room in rooms}


def below(room: str, uses: Mapping[str, set[str]]) -> set[str]:
    return uses[room].union(*(below(used, uses) for used in uses[room]))


def shown(uses: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """The arrows that no way through another room stands for."""
    return [
        (room, used)
        for room in sorted(uses)
        for used in sorted(uses[room])
        if not any(used in below(other, uses) for other in uses[room] - {used})
    ]


def floors_of(uses: Mapping[str, set[str]]) -> dict[str, int]:
    """The floor of each room, 0 the highest: right below the lowest room that uses it, and of one
    that nobody uses right above the highest that it uses."""
    floors: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in floors:
            users = [user for user, used in uses.items() if room in used]
            floors[room] = 1 + max(map(floor, users), default=-1)
        return floors[room]

    for room in uses:
        floor(room)
    for room, used in uses.items():
        if floors[room] == 0:
            floors[room] = min(floors[other] for other in used) - 1
    return floors


def svg() -> str:
    uses = arrows()
    floors = floors_of(uses)
    places = {
        room: (BOX / 2 + 8 + (BOX + 24) * COLUMNS[room], 10 + STEP * floor)
        for room, floor in floors.items()
    }
    lines = []
    for room, used in shown(uses):
        (x, y), (to_x, to_y) = places[room], places[used]
        lines.append(
            f'<line x1="{x:.0f}" y1="{y + HEIGHT:.0f}" x2="{to_x:.0f}" y2="{to_y - 4:.0f}"/>'
        )
    for room, (x, y) in places.items():
        files = sorted((PACKAGE / room).rglob("*.py"))
        count = sum(len(file.read_text().splitlines()) for file in files)
        lines += [
            f'<rect x="{x - BOX / 2:.0f}" y="{y:.0f}" width="{BOX}" height="{HEIGHT}" rx="6"/>',
            f'<text x="{x:.0f}" y="{y + 19:.0f}" class="name">{escape(room)}</text>',
            f'<text x="{x:.0f}" y="{y + 35:.0f}">{len(files)} files, '
            f"{round(count, -2)} lines</text>",
        ]
    height = 20 + STEP * max(floors.values()) + HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            f"<desc>{escape(text_of(uses))}</desc>",
            "<style>rect{fill:#eef1fb;stroke:#3f51b5}line{stroke:#8c96c8;marker-end:url(#end)}"
            "text{font:11px sans-serif;text-anchor:middle;fill:#555}"
            ".name{font:bold 14px sans-serif;fill:#1a237e}</style>",
            '<marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" fill="#8c96c8"/></marker>',
            *lines,
            "</svg>",
            "",
        ]
    )


def text_of(uses: Mapping[str, set[str]]) -> str:
    return "; ".join(
        f"{room} uses {', '.join(sorted(uses[room]))}" for room in sorted(uses) if uses[room]
    )


if __name__ == "__main__":
    PICTURE.write_text(svg())
