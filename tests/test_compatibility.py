"""docs/compatibility.md names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = re.findall(r"^\| (.*) \| (.*) \|$", (ROOT / "docs/compatibility.md").read_text(), re.M)
ROWS = [row for row in TABLE if row != ("feature", "test")]


def test_the_table_has_rows():
    assert len(ROWS) > 20


def test_every_feature_has_a_test_that_exists(subtests):
    for feature, test in ROWS:
        path, _, name = test.strip("`").partition("::")
        with subtests.test(feature=feature):
            assert re.search(rf"^ *def {name}\(", (ROOT / path).read_text(), re.M)
