"""docs/compatibility.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = re.findall(r"^\| (.*) \| (.*) \|$", (ROOT / "docs/compatibility.md").read_text(), re.M)
ROWS = [row for row in TABLE if row != ("feature", "test")]


def test_the_table_has_rows():
    assert len(ROWS) > 20


@pytest.mark.parametrize("test", [test for _, test in ROWS])
def test_every_feature_has_a_test_that_exists(test):
    path, _, name = test.strip("`").partition("::")
    assert re.search(rf"^ *def {name}\(", (ROOT / path).read_text(), re.M)
