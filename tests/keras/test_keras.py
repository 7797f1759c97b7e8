"""Blocks inside Keras models: trained by fit, compiled or not, in mixed precision, and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf
from models import Curvature, K, Poisson, curvature_model

import blockhess as bh
from blockhess.baselines import batch_jacobian

N = 16
COMPILED = [False, "auto", True] if bh.build_info()["xla"] else [False]
# Of losses: what rounding within a step does to them.
TOLERANCE = {"float32": 1e-4, "mixed_float16": 0.02, "mixed_bfloat16": 0.1}
every_model = pytest.mark.parametrize(
    "build", [curvature_model, Poisson], ids=["layer", "train_step"]
)


@pytest.fixture
def policy(request) -> Iterator[str]:
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


every_policy = pytest.mark.parametrize("policy", TOLERANCE, indirect=True)


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(5).normal(size=(N, K)).astype(np.float32)
    return x, np.exp(-np.sum(x * x, 1, keepdims=True))


def losses(build: Callable[[], keras.Model], compiled: bool | str) -> np.ndarray:
    """After each of a few epochs of two steps."""
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", jit_compile=compiled)
    history = model.fit(*data(), batch_size=N // 2, epochs=4, shuffle=False, verbose=0)
    return np.array(history.history["loss"])


@every_policy
@every_model
def test_fit_has_the_same_losses_compiled_and_not(build, policy):
    plain, *others = [losses(build, compiled) for compiled in COMPILED]
    assert plain[-1] < plain[0]
    for curve in others:
        np.testing.assert_allclose(curve, plain, rtol=TOLERANCE[policy])


@every_model
def test_mixed_precision_learns_what_float32_does(build):
    plain = losses(build, False)
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            curve = losses(build, False)
        finally:
            keras.config.set_dtype_policy("float32")
        np.testing.assert_allclose(curve, plain, rtol=TOLERANCE[policy])


@pytest.mark.parametrize("compiled", COMPILED)
@every_model
def test_a_saved_model_is_loaded_with_the_same_results_and_trains_on(build, compiled, tmp_path):
    x, y = data()
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", jit_compile=compiled)
    model.fit(x, y, batch_size=N, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    further = [m.fit(x, y, batch_size=N, verbose=0).history["loss"] for m in (model, loaded)]
    np.testing.assert_allclose(*further, rtol=1e-6)


def test_the_layer_has_the_blocks_of_its_bump():
    x, _ = data()
    s = np.exp(-0.5 * np.sum(x * x, 1, keepdims=True))
    np.testing.assert_allclose(Curvature()(x), s * (x * x - 1), atol=1e-6)


@pytest.mark.parametrize("mode", ["eager", "graph", "XLA"])
def test_weights_of_a_model_that_is_f_receive_gradients(mode):
    """Of a Keras layer and of a model, against derivatives that TensorFlow takes itself."""
    if mode == "XLA" and not bh.build_info()["xla"]:
        pytest.skip("this build has no XLA kernels")
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

    call = lambda: gradients(bh.hessian)  # noqa: E731
    if mode != "eager":
        call = tf.function(call, autograph=False, jit_compile=mode == "XLA")
    actual, expected = call(), gradients(batch_jacobian)
    for one, other in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
