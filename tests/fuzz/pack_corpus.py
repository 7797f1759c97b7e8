"""Packs the inputs in folders into the corpus that git keeps; a build of tests/fuzz unpacks it.

    python tests/fuzz/pack_corpus.py FOLDER ... [--output tests/fuzz/corpus.tar.xz]

The same inputs give the same archive.
"""

from __future__ import annotations

import argparse
import io
import re
import tarfile
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus.tar.xz")
# As libFuzzer names an input, and what is kept of that: enough to differ.
_DIGEST = re.compile("([0-9a-f]{8})(?:[0-9a-f]{32})?")


def pack(folders: list[Path], archive: Path) -> int:
    """Writes the files of the folders into the folder `corpus` of an archive; how many they are.

    Of inputs that are the same, the name that somebody gave one counts.
    """
    paths = [path for folder in folders for path in folder.iterdir()]
    paths.sort(key=lambda path: (_DIGEST.fullmatch(path.name) is None, path.name))
    names = {path.read_bytes(): _short(path.name) for path in paths}
    if len(set(names.values())) != len(names):
        raise ValueError("two inputs have one name, or their digests begin alike")
    with tarfile.open(archive, "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as packed:
        for content, name in sorted(names.items(), key=lambda item: item[1]):
            entry = tarfile.TarInfo(f"corpus/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return len(names)


def _short(name: str) -> str:
    digest = _DIGEST.fullmatch(name)
    return digest[1] if digest else name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=CORPUS)
    arguments = parser.parse_args()
    count = pack(arguments.folders, arguments.output)
    print(f"{arguments.output}: {count} inputs, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
