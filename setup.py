"""Builds the native parts with CMake; pyproject.toml holds everything that can be said there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
sys.path.insert(0, str(ROOT / "cmake"))

import find_tensorflow  # noqa: E402

NATIVE_SOURCES = ("CMakeLists.txt", "cmake", "csrc", "cuda")


class FreshBuild(build):
    """Begins with an empty package: modules removed since an earlier build are not installed."""

    def run(self) -> None:
        shutil.rmtree(Path(self.build_lib, "blockhess"), ignore_errors=True)
        super().run()


class CMakeBuild(build_ext):
    """Configures, builds and installs all native libraries at once, into the package.

    They are kept in build/, or the folder that BLOCKHESS_BUILD names, under a name made from all
    that they depend on: installing again compiles only where something of that has changed.
    """

    def run(self) -> None:
        if self.inplace or getattr(self, "editable_mode", False):
            # While a developer works, Ninja compiles what has changed.
            tree = self._configure(Path(self.build_temp).resolve() / "cmake")
            self._build(tree, ROOT / "python/blockhess")
            return
        folder = Path(os.environ.get("BLOCKHESS_BUILD") or ROOT / "build").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        # A folder of its own: pip's isolated environments come and go, and so do the tools that
        # CMake's cache would name; and others may install at the same time.
        with tempfile.TemporaryDirectory(prefix="cmake-", dir=folder) as work:
            tree = self._configure(Path(work, "tree"))
            kept = folder / f"native-{_fingerprint(tree)}"
            if (kept / "_tf.so").is_file():
                print(f"the native libraries are there already: {kept}", flush=True)
            else:
                self._build(tree, Path(work, "native"))
                with contextlib.suppress(
                    FileNotFoundError
                ):  # What is left of one that was cut short.
                    os.replace(kept, Path(work, "broken"))
                os.replace(Path(work, "native"), kept)
        package = Path(self.build_lib).resolve() / "blockhess"
        package.mkdir(parents=True, exist_ok=True)
        for library in kept.glob("*.so"):
            shutil.copy2(library, package)

    def get_outputs(self) -> list[str]:
        return [str(path) for path in Path(self.build_lib, "blockhess").glob("*.so")]

    def _configure(self, tree: Path) -> Path:
        _cmake(
            *("-S", ROOT, "-B", tree, "-G", "Ninja"),
            f"-DCMAKE_BUILD_TYPE={'Debug' if self.debug else 'Release'}",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DBLOCKHESS_VERSION={self.distribution.get_version()}",
        )
        return tree

    def _build(self, tree: Path, destination: Path) -> None:
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count() or 1)
        _cmake("--build", tree, "--parallel", jobs)
        _cmake("--install", tree, "--prefix", destination, "--strip")


def _cmake(*arguments: object) -> None:
    subprocess.run(["cmake", *map(str, arguments)], check=True)


def _fingerprint(tree: Path) -> str:
    """Of the sources, and of what CMake has found and was asked for."""
    digest = hashlib.sha256((tree / "build_facts.txt").read_bytes())
    for name in NATIVE_SOURCES:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{file.relative_to(ROOT)}\0{file.stat().st_size}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


setup(
    ext_modules=[Extension("blockhess._core", sources=[])],
    cmdclass={"build": FreshBuild, "build_ext": CMakeBuild},
    install_requires=[find_tensorflow.requirement(), "ml_dtypes", "numpy", "rich", "wrapt"],
)
