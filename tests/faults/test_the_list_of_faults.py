"""docs/faults.md names tests that there are, and all that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_fault_has_its_test_and_every_test_its_fault():
    listed = re.findall(r"`(tests/faults/\w+\.py)::(\w+)`", (ROOT / "docs/faults.md").read_text())
    written = [
        (str(path.relative_to(ROOT)), name)
        for path in sorted((ROOT / "tests/faults").glob("test_*.py"))
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
        if path != Path(__file__)
    ]
    model_itself = "test_the_model_itself_runs_after_all_of_them"
    assert set(listed) == {test for test in written if test[1] != model_itself}
