"""What `import blockhess` imports, and when TensorFlow's graphs may hold the ops."""

from __future__ import annotations

import subprocess
import sys

import pytest

import blockhess as bh


def run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("imports", ["import blockhess", "import blockhess.numpy"])
def test_TensorFlow_is_not_imported_before_it_is_needed(imports):
    run("-c", f"{imports}, sys; assert 'tensorflow' not in sys.modules")


def test_the_NumPy_face_computes_without_TensorFlow():
    code = """
        import sys
        import blockhess.numpy
        import numpy as np
        print(blockhess.numpy.hessian("sin(x)", np.zeros((2, 3)), layout="diag").tolist())
        print("tensorflow" in sys.modules)
    """
    assert run("-c", _dedented(code)).split("\n")[1] == "False"


@pytest.mark.parametrize(
    "imports",
    [
        "import blockhess; import tensorflow",
        "import tensorflow; import blockhess",
        "import blockhess.numpy; import tensorflow",
        "import tensorflow; import blockhess.numpy",
        "import blockhess.ops; import tensorflow",
        "import blockhess; import keras",
        "import blockhess; from tensorflow.python.framework import ops",
    ],
)
def test_the_ops_are_registered_once_both_are_imported(imports):
    code = f"""
        {imports}
        import tensorflow as tf
        from tensorflow.python.framework import ops
        with tf.Graph().as_default() as graph:
            x = tf.constant([[1.0]])
            op = graph.create_op("BlockhessTerms", [x], [tf.float32] * 3, attrs={{
                "T": tf.compat.v1.AttrValue(type=1),
                "num_operands": tf.compat.v1.AttrValue(i=0),
                "terms": tf.compat.v1.AttrValue(
                    s=b"blockhess 1 | phi 1: r1 = mul r0 r0; return r1 none none"
                      b" | psi 1: return r0 none none"),
                "layout": tf.compat.v1.AttrValue(s=b"none"),
                "want_value": tf.compat.v1.AttrValue(b=True),
                "want_gradient": tf.compat.v1.AttrValue(b=False),
            }})
        ops.get_gradient_function(op)
        print(tf.compat.v1.Session(graph=graph).run(op.outputs[0]))
    """
    assert run("-c", _dedented(code)) == "[1.]\n"


def test_a_build_for_another_TensorFlow_warns_and_fails_only_where_the_ops_are_used():
    code = """
        import warnings
        import blockhess, blockhess.facts, blockhess.numpy
        blockhess.facts._FACTS["tensorflow"] = "1.2.3"
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import tensorflow as tf
        print([str(w.message) for w in caught if "blockhess" in str(w.message)])
        print(blockhess.numpy.laplacian("x**2", [[1.0, 2.0]]))
        for name in ("hessian", "ops", "hessian"):
            try:
                getattr(blockhess, name)
            except ImportError as error:
                print(error)
    """
    warning, laplacian, *errors = run("-c", _dedented(code)).splitlines()
    assert "the ops of blockhess are not registered" in warning and "1.2, but" in warning
    assert laplacian == "[4.]"
    assert len(errors) == 3 and all("is for TensorFlow 1.2, but" in error for error in errors)


def test_the_program_of_the_package_runs():
    assert bh.build_info()["isa"] in run("-m", "blockhess", "info")


def test_every_public_name_is_there_and_listed():
    assert set(bh.__all__) <= set(dir(bh))
    for name in bh.__all__:
        assert getattr(bh, name) is getattr(bh, name)


def test_a_name_that_is_not_there_is_an_AttributeError():
    with pytest.raises(AttributeError, match="module 'blockhess' has no attribute 'hesian'"):
        bh.hesian  # noqa: B018


def _dedented(code: str) -> str:
    return "\n".join(line[8:] for line in code.splitlines())
