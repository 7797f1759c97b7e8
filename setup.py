"""Builds the native parts with CMake; pyproject.toml holds everything that can be said there."""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
sys.path.insert(0, str(ROOT / "cmake"))

import find_tensorflow  # noqa: E402


class CMakeBuild(build_ext):
    """Configures, builds and installs all native libraries at once, into the package."""

    def run(self) -> None:
        build = Path(self.build_temp).resolve() / "cmake"
        build.mkdir(parents=True, exist_ok=True)
        in_place = self.inplace or getattr(self, "editable_mode", False)
        package = ROOT / "python" if in_place else Path(self.build_lib).resolve()
        jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") or str(os.cpu_count() or 1)
        # pip's isolated environments come and go, and so do the tools that a cache would name.
        self._cmake(
            *("-S", ROOT, "-B", build, "-G", "Ninja", *([] if in_place else ["--fresh"])),
            f"-DCMAKE_BUILD_TYPE={'Debug' if self.debug else 'Release'}",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-DBLOCKHESS_VERSION={self.distribution.get_version()}",
        )
        self._cmake("--build", build, "--parallel", jobs)
        self._cmake("--install", build, "--prefix", package / "blockhess", "--strip")

    def get_outputs(self) -> list[str]:
        return [str(path) for path in Path(self.build_lib, "blockhess").glob("*.so")]

    def _cmake(self, *arguments: object) -> None:
        subprocess.run(["cmake", *map(str, arguments)], check=True)


setup(
    ext_modules=[Extension("blockhess._core", sources=[])],
    cmdclass={"build_ext": CMakeBuild},
    install_requires=[find_tensorflow.requirement(), "ml_dtypes", "numpy", "rich", "wrapt"],
)
