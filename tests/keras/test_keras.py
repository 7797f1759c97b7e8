"""Blocks inside Keras models: trained by fit, compiled or not, in mixed precision, and saved."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
from models import Curvature, K, Poisson, curvature_model

import blockhess as bh
from blockhess.terminal.baselines import batch_jacobian

N = 16
HAS_XLA = bh.build_info()["xla"]
MODELS = {"layer": curvature_model, "train_step": Poisson}
# What rounding within a step does to losses.
TOLERANCE = {"float32": 1e-4, "mixed_float16": 0.02, "mixed_bfloat16": 0.1}


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(5).normal(size=(N, K)).astype(np.float32)
    return x, np.exp(-np.sum(x * x, 1, keepdims=True))


def compiled_model(name: str, jit_compile: bool | str) -> keras.Model:
    model = MODELS[name]()
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", jit_compile=jit_compile)
    return model


def losses(model: keras.Model) -> np.ndarray:
    """After each of a few epochs of two steps."""
    history = model.fit(*data(), batch_size=N // 2, epochs=4, shuffle=False, verbose=0)
    return np.array(history.history["loss"])


@pytest.fixture(scope="module")
def plain_losses() -> dict[str, np.ndarray]:
    return {name: losses(compiled_model(name, False)) for name in MODELS}


def losses_where_compiled(name: str) -> list[np.ndarray]:
    """The losses by `jit_compile=True`, and by "auto" where it is neither that nor False."""
    models = [compiled_model(name, jit_compile) for jit_compile in (True, "auto") if HAS_XLA]
    ways = {model.jit_compile: model for model in models}
    assert not HAS_XLA or True in ways, "Keras does not compile this model"
    return [losses(model) for way, model in ways.items() if way is not False]


@pytest.mark.parametrize("name", MODELS)
def test_fit_learns(name, plain_losses):
    assert plain_losses[name][-1] < plain_losses[name][0]


@pytest.mark.parametrize("name", ["layer", pytest.param("train_step", marks=pytest.mark.full)])
def test_fit_has_the_same_losses_compiled_and_not(name, plain_losses):
    for curve in losses_where_compiled(name):
        np.testing.assert_allclose(curve, plain_losses[name], rtol=TOLERANCE["float32"])


@pytest.mark.full
@pytest.mark.parametrize("mixed", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", MODELS)
def test_mixed_precision_learns_what_float32_does_compiled_and_not(name, mixed, plain_losses):
    with policy(mixed):
        plain, others = losses(compiled_model(name, False)), losses_where_compiled(name)
    assert plain[-1] < plain[0]
    np.testing.assert_allclose(plain, plain_losses[name], rtol=TOLERANCE[mixed])
    for curve in others:
        np.testing.assert_allclose(curve, plain, rtol=TOLERANCE[mixed])


full_where_compiled = [False, pytest.param(True, marks=pytest.mark.full)][: 1 + HAS_XLA]


@pytest.mark.parametrize("jit_compile", full_where_compiled)
@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_is_loaded_with_the_same_results_and_trains_on(name, jit_compile, tmp_path):
    x, y = data()
    model = compiled_model(name, jit_compile)
    model.fit(x, y, batch_size=N, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.jit_compile is jit_compile
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    further = [m.fit(x, y, batch_size=N, verbose=0).history["loss"] for m in (model, loaded)]
    np.testing.assert_allclose(*further, rtol=1e-6)


def test_the_layer_has_the_blocks_of_its_bump():
    x, _ = data()
    s = np.exp(-0.5 * np.sum(x * x, 1, keepdims=True))
    np.testing.assert_allclose(Curvature()(x), s * (x * x - 1), atol=1e-6)


def test_weights_of_a_model_that_is_f_receive_gradients(subtests):
    """A Keras layer and a model, against derivatives that TensorFlow takes itself."""
    x = tf.constant(data()[0])
    layer = keras.layers.Dense(1, activation="softplus")
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh"), layer])
    model.build((None, K))
    fused = keras.layers.Dense(1, activation="softplus")
    fused.build((None, K))
    assert bh.explain(fused, x).route == "fused"

    def gradients(blocks_of):
        with tf.GradientTape(persistent=True) as tape:
            totals = [tf.reduce_sum(tf.sin(blocks_of(f, x))) for f in (model, fused)]
        return [
            tape.gradient(total, f.trainable_variables, unconnected_gradients="zero")
            for total, f in zip(totals, (model, fused), strict=True)
        ]

    def of_blocks():
        return gradients(bh.hessian)

    in_a_graph = tf.function(of_blocks, autograph=False).get_concrete_function()
    calls = {"eager": of_blocks, "graph": in_a_graph}
    if HAS_XLA:
        calls["XLA"] = tf.function(lambda: in_a_graph(), autograph=False, jit_compile=True)
    expected = tf.function(lambda: gradients(batch_jacobian), autograph=False)()
    for mode, call in calls.items():
        with subtests.test(mode):
            for one, other in zip(tf.nest.flatten(call()), tf.nest.flatten(expected), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
