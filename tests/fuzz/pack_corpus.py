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


def pack(folders: list[Path], archive: Path) -> int:
    """Writes the files of the folders into the folder `corpus` of an archive; how many they are."""
    paths = sorted(path for folder in folders for path in folder.iterdir())
    names = {path.read_bytes(): name_of(path) for path in paths}
    with tarfile.open(archive, "w:xz", format=tarfile.USTAR_FORMAT, preset=9) as packed:
        for content, name in sorted(names.items(), key=lambda item: item[1]):
            entry = tarfile.TarInfo(f"corpus/{name}")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return len(names)


def name_of(path: Path) -> str:
    """Its own, if somebody gave it; of the digests that libFuzzer gives, enough to differ."""
    return path.name[:8] if re.fullmatch("[0-9a-f]{40}", path.name) else path.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=CORPUS)
    arguments = parser.parse_args()
    count = pack(arguments.folders, arguments.output)
    print(f"{arguments.output}: {count} inputs, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
