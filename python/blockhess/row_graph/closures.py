"""What the closures of functions hold."""

from __future__ import annotations

import types
from typing import Any

#: Stands for a name that has not been given a value.
MISSING = object()


def contents(cell: types.CellType) -> Any:
    """The value in a cell of a closure; MISSING where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
