"""The page of operations says what the tables of the audit say."""

from __future__ import annotations

import page
import pytest


@pytest.mark.full
def test_the_page_lists_the_rows_and_outcomes_of_the_tables():
    written = page.PAGE.read_text(encoding="utf-8")
    assert written == page.text(), "python tests/audit/page.py --unjudged writes it anew"
