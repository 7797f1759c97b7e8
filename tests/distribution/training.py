"""A few training steps that need blocks, on one device or spread by a strategy of tf.distribute."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

import blockhess as bh

N, K, STEPS, RATE = 16, 3, 3, 0.5


def strategy_of(mode: str, cluster: str) -> tf.distribute.Strategy:
    """The strategy: one device, two logical devices ("mirrored"), or the processes of a cluster."""
    if mode == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    if mode == "workers":
        os.environ["TF_CONFIG"] = cluster
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def train(mode: str, cluster: str = "") -> dict[str, np.ndarray]:
    """The blocks of all rows in every step, and the weights after the last."""
    strategy = strategy_of(mode, cluster)
    x = np.random.default_rng(11).normal(size=(N, K))
    rows = tf.data.Dataset.from_tensor_slices(x).batch(N).repeat(STEPS)
    rows = rows.with_options(options_without_files())
    with strategy.scope():
        A = tf.Variable(
            np.eye(K),
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            synchronization=tf.VariableSynchronization.ON_WRITE,
        )

    def density(x: tf.Tensor) -> tf.Tensor:
        return tf.exp(-0.5 * tf.reduce_sum(tf.square(tf.matmul(x, A)), 1))

    def step(x: tf.Tensor) -> tf.Tensor:
        """The blocks of the replica's own rows; A goes down by the gradient over all rows."""
        with tf.GradientTape() as tape:
            blocks = bh.hessian(density, x)
            loss = tf.reduce_sum(tf.square(blocks - tf.eye(K, dtype=x.dtype))) / N
        gradient = tape.gradient(loss, A)
        replicas = tf.distribute.get_replica_context()
        A.assign_sub(RATE * replicas.all_reduce("SUM", gradient))
        return blocks

    @tf.function
    def distributed_step(x):
        return strategy.gather(strategy.run(step, args=(x,)), axis=0)

    blocks = [distributed_step(x).numpy() for x in strategy.experimental_distribute_dataset(rows)]
    return {"blocks": np.array(blocks), "weights": A.numpy()}


def options_without_files() -> tf.data.Options:
    """Rows in memory are shared out by batch, for there are no files to share out."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
