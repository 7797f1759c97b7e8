"""The rows that do not come out as their tables say: what they give, until they are mended.

A row that is listed here and comes out right fails the tests: it has to be taken out.
"""

from __future__ import annotations

OPEN: dict[str, str] = {}

SOMETIMES: frozenset[str] = frozenset()
"""Those of them that come out right in some runs."""
