"""Committed results say of which commit they are, and none is replaced from changed files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import committed  # noqa: E402

TEXTS = sorted(committed.RESULTS.glob("*.txt"))


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", "-C", str(folder), *author, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _has_history() -> bool:
    if not (ROOT / ".git").exists():
        return False
    return git(ROOT, "rev-parse", "--is-shallow-repository") == "false"


@pytest.mark.skipif(not _has_history(), reason="no checkout with its history")
def test_every_result_is_of_a_commit_of_this_history(subtests):
    assert len(TEXTS) > 10
    for path in TEXTS:
        with subtests.test(path.name):
            commits = re.findall(r"\bcommit ([0-9a-f]{7,40})\b(\+?)", path.read_text())
            assert commits
            for name, changed in commits:
                git(ROOT, "merge-base", "--is-ancestor", name, "HEAD")
                assert not changed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    (tmp_path / "bench/results").mkdir(parents=True)
    (tmp_path / "bench/results/old.txt").write_text("1 ms\n")
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "code and its results")
    return tmp_path


def test_a_committed_result_is_kept_from_changed_files(checkout):
    old, new = (checkout / "bench/results" / name for name in ("old.txt", "new.txt"))
    committed.check(old, new, root=checkout)
    old.write_text("2 ms\n")  # Results do not count: a benchmark may follow another.
    committed.check(old, new, root=checkout)
    assert committed.commit(checkout) == git(checkout, "rev-parse", "--short", "HEAD")

    (checkout / "code.py").write_text("2\n")
    with pytest.raises(SystemExit, match=r"old\.txt is committed(?s:.*)code\.py"):
        committed.check(new, old, root=checkout)
    committed.check(new, checkout.parent / "elsewhere.txt", root=checkout)
    assert committed.commit(checkout) == git(checkout, "rev-parse", "--short", "HEAD") + "+"


def test_what_no_checkout_has_may_be_written(tmp_path):
    committed.check(tmp_path / "new.txt", root=tmp_path)
    assert committed.commit(tmp_path) is None


def test_a_benchmark_that_prints_writes_the_command_and_the_commit_before(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(
        sys, "argv", ["bench/a.py", "--rounds", "3", "--output", str(tmp_path / "a")]
    )
    committed.run(lambda: print(sys.argv[1:]))
    text = (tmp_path / "a").read_text()
    assert text.splitlines() == [
        "$ python bench/a.py --rounds 3",
        f"blockhess at commit {committed.commit()}",
        "['--rounds', '3']",
    ]
    assert capsys.readouterr().out == text


def test_every_benchmark_that_writes_results_asks_first(subtests):
    texts = {path: path.read_text() for path in sorted((ROOT / "bench").rglob("*.py"))}
    writers = {path: text for path, text in texts.items() if '"--output"' in text}
    assert len(writers) >= 4
    for path, text in writers.items():
        with subtests.test(path.name):
            assert "check(" in text and "committed" in text
