"""The corpus of the fuzzer, as git keeps it."""

from __future__ import annotations

import lzma
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from pack_corpus import CORPUS, pack  # noqa: E402


def test_what_is_unpacked_is_packed_to_the_same_archive(tmp_path):
    with tarfile.open(CORPUS) as archive:
        archive.extractall(tmp_path, filter="data")
    again = tmp_path / "again.tar.xz"
    count = pack([tmp_path / "corpus"], again)
    assert count == len(list((tmp_path / "corpus").iterdir())) > 1000
    assert lzma.decompress(again.read_bytes()) == lzma.decompress(CORPUS.read_bytes())


def test_an_input_is_packed_once_and_keeps_the_name_that_somebody_gave_it(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    (old / "an_overflow").write_bytes(b"1")
    (new / "01234567".ljust(40, "a")).write_bytes(b"1")
    (new / "abcdefab".ljust(40, "0")).write_bytes(b"2")
    assert pack([old, new], tmp_path / "packed") == 2
    with tarfile.open(tmp_path / "packed") as archive:
        assert archive.getnames() == ["corpus/abcdefab", "corpus/an_overflow"]
    (new / "an_overflow").write_bytes(b"3")
    with pytest.raises(ValueError, match="two inputs have one name"):
        pack([old, new], tmp_path / "packed")
