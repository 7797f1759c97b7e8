"""An op library that does not match its TensorFlow."""

from __future__ import annotations

import sys
from pathlib import Path

from processes import in_a_process

ADVICE = "build blockhess again with `pip install --no-build-isolation .`"
SIZES = (0, 1000, 100_000, None)


def build():
    """blockhess.build_info() and where the package is; its import is what is tested below."""
    import blockhess

    return blockhess.build_info()["tensorflow"], Path(blockhess.__file__).parent


def import_error(version: str, *path: Path) -> str:
    """The ImportError of this process, with a TensorFlow of that version."""
    import tensorflow as tf

    tf.__version__ = version
    sys.path[:0] = map(str, path)
    assert "blockhess" not in sys.modules
    try:
        import blockhess

        blockhess.ops  # noqa: B018  which loads the library
    except ImportError as error:
        return str(error)
    return "no error"


def test_a_TensorFlow_of_another_minor_version_is_refused():
    built_for = ".".join(build()[0].split(".")[:2])
    message = in_a_process(import_error, "2.5.1")
    assert f"is for TensorFlow {built_for}, but TensorFlow 2.5.1 is installed" in message
    assert f"install TensorFlow {built_for}, or {ADVICE}" in message


def test_a_library_that_is_cut_short_or_missing_is_an_ImportError(tmp_path, subtests):
    built_for, package = build()
    library = (package / "_tf.so").read_bytes()
    copy = tmp_path / "blockhess"
    copy.mkdir()
    for path in package.iterdir():
        if path.name not in ("_tf.so", "__pycache__"):
            (copy / path.name).symlink_to(path)
    for size in SIZES:
        (copy / "_tf.so").unlink(missing_ok=True)
        if size is not None:
            (copy / "_tf.so").write_bytes(library[:size])
        message = in_a_process(import_error, built_for, tmp_path)
        with subtests.test(size=size):
            assert f"TensorFlow {built_for} cannot load the ops of blockhess" in message
            assert f"built for TensorFlow {built_for}" in message and ADVICE in message
            assert str(copy / "_tf.so") in message
