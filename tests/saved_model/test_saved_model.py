"""A SavedModel with the ops is loaded by a process that knows nothing but blockhess."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import blockhess as bh
from processes import in_a_process

X = np.linspace(-0.5, 0.6, 12).reshape(4, 3)
free_rows = tf.TensorSpec((None, 3), tf.float64)


class Model(tf.Module):
    """A density and a network, whose blocks take the fused and the autodiff route."""

    def __init__(self):
        self.w = tf.Variable([0.5, 0.7, 0.3], dtype=tf.float64)

    def density(self, x):
        return tf.exp(-0.5 * tf.reduce_sum(self.w * x * x, 1))

    @tf.function(input_signature=[free_rows], autograph=False)
    def fused(self, x):
        return bh.value_grad_hessian(self.density, x, route="fused")._asdict()

    @tf.function(input_signature=[free_rows], autograph=False)
    def autodiff(self, x):
        return bh.value_grad_hessian(self.density, x, route="autodiff")._asdict()

    @tf.function(input_signature=[free_rows], autograph=False, jit_compile=bh.build_info()["xla"])
    def compiled(self, x):
        return bh.value_grad_hessian(self.density, x)._asdict()

    @tf.function(input_signature=[free_rows], autograph=False)
    def step(self, x):
        """One of a training."""
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(bh.hessian(self.density, x)))
        self.w.assign_sub(0.1 * tape.gradient(loss, self.w))
        return loss


def results(model) -> dict[str, np.ndarray]:
    """What each function gives, its gradients, gradients of these, and two training steps."""
    all_ = {}
    x = tf.constant(X)
    for name in ("fused", "autodiff", "compiled"):
        outputs, gradients = outputs_and_gradients(getattr(model, name), x, model.w)
        all_ |= {f"{name} {key}": output.numpy() for key, output in outputs.items()}
        all_ |= {f"{name} gradient {i}": g.numpy() for i, g in enumerate(gradients)}
    with tf.GradientTape() as tape:
        tape.watch(x)
        by_x, by_w = outputs_and_gradients(model.fused, x, model.w)[1]
        total = tf.reduce_sum(tf.sin(by_x)) + tf.reduce_sum(tf.sin(by_w))
    all_["second by x"], all_["second by w"] = (
        g.numpy() for g in tape.gradient(total, [x, model.w])
    )
    all_["losses"] = np.array([model.step(x), model.step(x)])
    all_["w"] = model.w.numpy()
    return all_


def outputs_and_gradients(function, x, w):
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
        total = tf.add_n([tf.reduce_sum(tf.sin(o)) for o in outputs.values()])
    return outputs, tape.gradient(total, [x, w])


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    model = Model()
    tf.saved_model.save(model, folder, signatures=model.fused)
    return folder


def test_another_process_computes_differentiates_and_trains_as_this_one_does(saved):
    there, here = in_a_process(load_and_run, saved), results(Model())
    assert set(there) == set(here)
    for name, expected in here.items():
        np.testing.assert_allclose(there[name], expected, rtol=1e-12, atol=1e-13, err_msg=name)
    assert here["losses"][1] < here["losses"][0]


def load_and_run(folder: Path) -> dict[str, np.ndarray]:
    return results(tf.saved_model.load(str(folder)))


@pytest.mark.full
@pytest.mark.compiler
def test_a_program_in_C_plus_plus_loads_the_library_and_the_model(saved, tmp_path):
    program, libraries = tmp_path / "serve", tf.sysconfig.get_lib()
    build = ["c++", "-std=c++17", Path(__file__).with_name("serve.cc"), "-o", program]
    build += [f"-I{tf.sysconfig.get_include()}", f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    build += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    subprocess.run(build, check=True)

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(saved))
    signature = loaded.signature_def["serving_default"]
    source, _ = signature.inputs["x"].name.split(":")
    result, index = signature.outputs["hessian"].name.split(":")
    run = [program, bh.build_info()["library"], saved, source, result, index]
    printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout

    w = Model().w.numpy()
    density = np.exp(-0.5 * np.sum(w * X * X, 1))[:, None, None]
    expected = density * ((w * X)[:, :, None] * (w * X)[:, None, :] - np.diag(w))
    blocks = np.array(printed.split(), float).reshape(4, 3, 3)
    np.testing.assert_allclose(blocks, expected, rtol=1e-13, atol=1e-14)
