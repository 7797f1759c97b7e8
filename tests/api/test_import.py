"""What `import blockhess` imports, and when TensorFlow's graphs may hold the ops."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

import blockhess as bh

# What an op gives in a graph, and whether it has a gradient, where nothing else names blockhess.
RUN_AN_OP = """
import tensorflow as tf
from tensorflow.python.framework import ops
def run_an_op():
    with tf.Graph().as_default() as graph:
        x = tf.constant([[1.0]])
        op = graph.create_op("BlockhessTerms", [x], [tf.float32] * 3, attrs={
            "T": tf.compat.v1.AttrValue(type=1),
            "num_operands": tf.compat.v1.AttrValue(i=0),
            "terms": tf.compat.v1.AttrValue(
                s=b"blockhess 1 | phi 1: r1 = mul r0 r0; return r1 none none"
                  b" | psi 1: return r0 none none"),
            "layout": tf.compat.v1.AttrValue(s=b"none"),
            "want_value": tf.compat.v1.AttrValue(b=True),
            "want_gradient": tf.compat.v1.AttrValue(b=False),
        })
    ops.get_gradient_function(op)
    return tf.compat.v1.Session(graph=graph).run(op.outputs[0]).tolist()
"""


def run(code: str) -> list:
    """What a process of its own prints, a JSON value a line."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_blockhess_before_TensorFlow(subtests):
    """`python -m blockhess info` runs last, in the same process."""
    before, numpy_before, diag, numpy_after, op, names, info = run(f"""
        import io, json, runpy, sys
        from contextlib import redirect_stdout
        def tell(fact):
            print(json.dumps(fact))
        import blockhess
        tell("tensorflow" in sys.modules)
        import blockhess.numpy
        tell("tensorflow" in sys.modules)
        tell(blockhess.numpy.hessian("sin(x)", [[0.0] * 3] * 2, layout="diag").tolist())
        tell("tensorflow" in sys.modules)
        exec({RUN_AN_OP!r})
        tell(run_an_op())
        tell([n for n in blockhess.__all__ if getattr(blockhess, n) is not getattr(blockhess, n)])
        sys.argv = ["blockhess", "info", "--json"]
        with redirect_stdout(io.StringIO()) as printed:
            try:
                runpy.run_module("blockhess", run_name="__main__")
            except SystemExit as stopped:
                code = stopped.code
        tell([code, json.loads(printed.getvalue())])
    """)
    with subtests.test("TensorFlow is not imported before it is needed"):
        assert (before, numpy_before) == (False, False)
    with subtests.test("the NumPy face computes without TensorFlow"):
        assert (diag, numpy_after) == ([[0.0] * 3] * 2, False)
    with subtests.test("the ops are registered once TensorFlow is imported"):
        assert op == [1.0]
    with subtests.test("every public name is there"):
        assert names == []
    with subtests.test("the program of the package runs"):
        assert info[0] == 0 and info[1]["isa"] == bh.build_info()["isa"]


def test_TensorFlow_before_blockhess(subtests):
    """A process forked after the import of TensorFlow is as good as one that has imported it."""
    wrong_build = """
        import warnings
        tf.__version__ = "1.2.3"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import blockhess, blockhess.numpy
        errors = []
        for name in ("hessian", "ops", "hessian"):
            try:
                getattr(blockhess, name)
            except ImportError as error:
                errors.append(str(error))
        warned = [str(w.message) for w in caught if "blockhess" in str(w.message)]
        tell([warned, blockhess.numpy.laplacian("x**2", [[1.0, 2.0]]).tolist(), errors])
    """
    codes = [
        "import blockhess; tell(run_an_op())",
        "import blockhess.numpy; tell(run_an_op())",
        textwrap.dedent(wrong_build),
    ]
    whole, numpy, (warned, laplacian, errors) = run(f"""
        import json, os
        exec({RUN_AN_OP!r})
        def tell(fact):
            print(json.dumps(fact), flush=True)
        for code in {codes!r}:
            if os.fork() == 0:
                exec(code)
                os._exit(0)
            assert os.wait()[1] == 0
    """)
    with subtests.test("the ops are registered by import blockhess"):
        assert whole == [1.0]
    with subtests.test("the ops are registered by import blockhess.numpy"):
        assert numpy == [1.0]
    with subtests.test("a build for another TensorFlow warns"):
        (warning,) = warned
        assert "the ops of blockhess are not registered" in warning
        assert "but TensorFlow 1.2.3 is installed" in warning
    with subtests.test("and computes without"):
        assert laplacian == [4.0]
    with subtests.test("and fails where the ops are used"):
        built_for = ".".join(bh.build_info()["tensorflow"].split(".")[:2])
        assert len(errors) == 3
        assert all(f"is for TensorFlow {built_for}, but" in error for error in errors)


@pytest.mark.full
@pytest.mark.parametrize(
    "imports",
    [
        "import blockhess.ops",  # imports TensorFlow, whose hook imports blockhess.ops
        "import blockhess; import keras",
        "import blockhess; from tensorflow.python.framework import ops",
    ],
)
def test_the_ops_are_registered_when_TensorFlow_is_imported_by_another_module(imports):
    code = f"{imports}\nassert 'tensorflow' in sys.modules\n{RUN_AN_OP}\nprint(run_an_op())"
    assert run("import sys\n" + code) == [[1.0]]


def test_every_public_name_is_listed():
    assert set(bh.__all__) <= set(dir(bh))


def test_a_name_that_is_not_there_is_an_AttributeError():
    with pytest.raises(AttributeError, match="module 'blockhess' has no attribute 'hesian'"):
        bh.hesian  # noqa: B018
