"""The installed TensorFlow, found without importing it (that takes seconds).

As a script, prints "<version>;<include folder>;<framework library>" for CMake.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tf-nightly")


def distribution() -> tuple[str, str] | None:
    """Name and version of the distribution that provides TensorFlow; None where there is none."""
    for name in DISTRIBUTIONS:
        try:
            return name, version(name)
        except PackageNotFoundError:
            continue
    return None


def requirement() -> str:
    """The minor version that a build here uses: its C++ interface is stable no further."""
    found = distribution()
    if found is None:
        return DISTRIBUTIONS[0]
    major, minor = found[1].split(".")[:2]
    return f"{found[0]}>={major}.{minor},<{major}.{int(minor) + 1}"


def main() -> None:
    found = distribution()
    spec = find_spec("tensorflow")
    if found is None or spec is None or not spec.submodule_search_locations:
        raise SystemExit("blockhess is built against TensorFlow, which is not installed here")
    folder = Path(spec.submodule_search_locations[0])
    libraries = sorted(folder.glob("libtensorflow_framework*"))
    if not libraries:
        raise SystemExit(f"no libtensorflow_framework in {folder}")
    print(found[1], folder / "include", libraries[-1], sep=";")


if __name__ == "__main__":
    main()
