"""A layer and a model that use blocks, as users write them."""

from __future__ import annotations

import keras
import tensorflow as tf

import blockhess as bh

K = 2


@keras.saving.register_keras_serializable("blockhess_tests")
class Curvature(keras.layers.Layer):
    """The curvatures of a learned bump exp(-|x @ L|^2 / 2), (N, K), at the rows of x, (N, K)."""

    def build(self, shape: tuple[int | None, int]) -> None:
        identity = keras.initializers.Identity()
        self.L = self.add_weight(shape=(shape[-1], shape[-1]), initializer=identity)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        def bump(x: tf.Tensor) -> tf.Tensor:
            return tf.exp(-0.5 * tf.reduce_sum(tf.square(tf.matmul(x, self.L)), -1))

        return bh.hessian(bump, x, layout="diag")


def curvature_model() -> keras.Model:
    x = keras.Input((K,))
    y = keras.layers.Dense(1, kernel_initializer="ones", dtype="float32")(Curvature()(x))
    return keras.Model(x, y)


@keras.saving.register_keras_serializable("blockhess_tests")
class Poisson(keras.Model):
    """A network u with the Laplacian of a charge's potential exp(-a |x|^2), a learned.

    The residual has second derivatives of the network, which are had by automatic differentiation,
    and of the potential, which are fused.
    """

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.network = keras.Sequential(
            [
                keras.Input((K,)),
                keras.layers.Dense(
                    6, activation="tanh", kernel_initializer=keras.initializers.GlorotUniform(1)
                ),
                keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(2)),
            ]
        )
        self.a = self.add_weight(name="a", initializer=keras.initializers.Constant(0.5))
        self.mean_loss = keras.metrics.Mean("loss")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.network(x)

    def potential(self, x: tf.Tensor) -> tf.Tensor:
        return tf.exp(-tf.cast(self.a, x.dtype) * tf.reduce_sum(tf.square(x), -1))

    def train_step(self, data) -> dict[str, tf.Tensor]:
        x, y = data
        x = tf.cast(x, self.compute_dtype)
        with tf.GradientTape() as tape:
            of_network = bh.hessian(self.network, x, layout="diag")
            of_potential = bh.hessian(self.potential, x, layout="diag", route="fused")
            residual = tf.reduce_sum(tf.cast(of_network - of_potential, tf.float32), -1)
            boundary = tf.cast(self(x), tf.float32) - y
            loss = tf.reduce_mean(tf.square(residual)) + tf.reduce_mean(tf.square(boundary))
            scaled = self.optimizer.scale_loss(loss)
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result()}

    @property
    def metrics(self) -> list[keras.Metric]:
        return [self.mean_loss]
