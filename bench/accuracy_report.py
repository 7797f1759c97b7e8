"""The table and the plot of accuracy.py's results.

python bench/accuracy_report.py bench/results/accuracy.json       writes them again
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from accuracy_table import table


def write(results: dict[str, Any], path: Path) -> None:
    """The table, and the plot, which needs matplotlib."""
    from accuracy_plot import draw

    path.with_suffix(".txt").write_text(table(results))
    draw(results, path.with_suffix(".png"))


if __name__ == "__main__":
    given = Path(sys.argv[1])
    write(json.loads(given.read_text()), given)
