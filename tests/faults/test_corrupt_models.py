"""SavedModels whose bytes were changed: an error that says where, and no crash."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

import blockhess as bh
from processes import in_a_process

# What is replaced in the text of the program, by what, and what the error says.
EDITS = {
    "a name": (b"= exp ", b"= exq ", "('exq'): unknown"),
    "a register": (b"= exp r", b"= exp r9", "which nothing has written"),
    "an absurd register": (b"= exp r", b"= exp r99999999999999999999", "is not a register"),
    "an absurd number of inputs": (b"psi 1:", b"psi 4294967297:", "expected a number of inputs"),
    "a negative number of inputs": (b"psi 1:", b"psi -1:", "expected a number of inputs"),
    "a number of inputs that the op has not": (b"psi 1:", b"psi 9:", "psi"),
    "a version": (b"blockhess 1", b"blockhess 9", "version 'blockhess 9'"),
    "no end": (b"return", b"retorn", "expected"),
    "too many outputs": (b"return", b"return" + b" zero" * 2000, "more than 1024 outputs"),
    "too long": (b"psi 1:", b"psi 1:" + b" r7 = exp r0;" * 100_000, "more than 256 instructions"),
    "a part that has no operand": (b"| psi", b"| quadratic | linear | psi", "operand"),
    "bytes that are no text": (b"= exp ", b"= \xff\x00\x07 ", "unknown"),
    "nothing": (b"blockhess 1", b"", "version"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    module = tf.Module()
    specification = [tf.TensorSpec((None, 3))]
    module.f = tf.function(
        lambda x: bh.hessian(lambda x: tf.exp(-tf.reduce_sum(x * x, 1)), x),
        autograph=False,
        input_signature=specification,
    )
    tf.saved_model.save(module, folder / "right")
    for name, (old, new, _) in EDITS.items():
        shutil.copytree(folder / "right", folder / name)
        edit(folder / name, old, new)
    shutil.copytree(folder / "right", folder / "bytes")
    file = folder / "bytes" / "saved_model.pb"
    content = file.read_bytes()
    assert b"= exp r" in content
    file.write_bytes(content.replace(b"= exp r", b"= exq r"))
    return folder


def edit(folder: Path, old: bytes, new: bytes) -> None:
    """Replaces text in the programs of all ops; the lengths that the file holds stay right."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    nodes = [
        node
        for function in model.meta_graphs[0].graph_def.library.function
        for node in function.node_def
        if node.op == "BlockhessTerms"
    ]
    assert nodes and all(old in node.attr["terms"].s for node in nodes)
    for node in nodes:
        node.attr["terms"].s = node.attr["terms"].s.replace(old, new)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def found(models) -> dict[str, tuple[str, str]]:
    """What running each model gave, in one process that must survive all of them."""
    names = [*EDITS, "bytes", "right"]
    return dict(zip(names, in_a_process(run, models, names), strict=True))


def test_a_corrupt_program_is_an_InvalidArgumentError_that_says_where(found, subtests):
    for name, (_, _, says) in EDITS.items():
        with subtests.test(name):
            kind, message = found[name]
            assert kind == "InvalidArgumentError"
            assert says in message


def test_a_changed_byte_of_an_instruction_is_named_with_its_position(found):
    kind, message = found["bytes"]
    assert kind == "InvalidArgumentError"
    assert "psi program: instruction 1 ('exq'): unknown" in message


def test_the_model_itself_runs_after_all_of_them(found):
    assert found["right"] == ("", "[[-2.0, 0.0, 0.0], [0.0, -2.0, 0.0], [0.0, 0.0, -2.0]]")


def run(folder: Path, names: list[str]) -> list[tuple[str, str]]:
    """For each model the kind of the error and its message, or no kind and the block."""
    results = []
    for name in names:
        try:
            blocks = tf.saved_model.load(str(folder / name)).f(tf.zeros((1, 3)))
            results.append(("", str(blocks.numpy()[0].tolist()).replace("-0.0", "0.0")))
        except Exception as error:  # noqa: BLE001 - the test says which it must be
            results.append((type(error).__name__, str(error)[:5000]))
    return results
