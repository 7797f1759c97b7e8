"""The run-time check that blocks are symmetric, as second derivatives are.

TensorFlow's second derivatives go wrong where a gradient function is right once and not twice. Most
of these leave the blocks not symmetric. For random vectors u and v

    u' (H v) - v' (H u) = u' (H - H') v

is zero for a symmetric block H and, as u and v have nothing to do with it, for no others. Both
products take one pass over the blocks.
"""

from __future__ import annotations

import ml_dtypes
import tensorflow as tf

from blockhess._tensorflow import cond_v2

MESSAGE = (
    "the blocks of {name!r} are not symmetric, which second derivatives are: an operation of f has "
    "a gradient that TensorFlow differentiates wrongly, a custom gradient is not one, or rows "
    "interact that coupling='assume_independent' says do not. The number of such rows:"
)
SEED = (20240607, 3)
# The tolerance is this power of eps, 1e-4 in float64 and 2 % in float32, times the size of the
# block. Rounding stays far below, also where f loses most of its digits; errors are far above.
TOLERATED_POWER = 0.25
# A block far below the largest one may be rounding alone, as of a classifier that is sure of a row:
# this power of eps, 1e-8 in float64 and 3e-4 in float32, times the largest is tolerated, too.
TOLERATED_POWER_OF_LARGEST = 0.5


def symmetric(blocks: tf.Tensor, name: str) -> tf.Tensor:
    """The same blocks; the run fails when one is not symmetric.

    Args:
      blocks: (..., K, K), K known or not.
      name: of f's result, for the message.

    Returns:
      Tensor like `blocks`. When it is computed and a block is not symmetric, the run fails with
      tf.errors.InvalidArgumentError; compiled by XLA, which drops assertions, that block is NaN.
      Blocks that hold NaN or Inf prove nothing and are left out.
    """
    shape = tf.shape(blocks)
    vectors = tf.cast(tf.random.stateless_normal([shape[-1], 2], SEED), blocks.dtype)
    flat = tf.reshape(blocks, [tf.reduce_prod(shape[:-1]), shape[-1]])
    products = tf.reshape(tf.matmul(flat, vectors), tf.concat([shape[:-1], [2]], 0))
    sides = tf.reduce_sum(products * tf.reverse(vectors, [1]), -2)
    scale = tf.reduce_sum(tf.abs(products), [-2, -1])
    eps = float(ml_dtypes.finfo(blocks.dtype.as_numpy_dtype).eps)
    largest = tf.reduce_max(tf.where(tf.math.is_finite(scale), scale, tf.zeros([], scale.dtype)))
    tolerance = eps**TOLERATED_POWER * scale + eps**TOLERATED_POWER_OF_LARGEST * largest
    wrong = tf.abs(sides[..., 0] - sides[..., 1]) > tolerance

    def refuse() -> tf.Tensor:
        number = tf.math.count_nonzero(wrong)
        message = MESSAGE.format(name=name)
        with tf.control_dependencies([tf.debugging.Assert(False, [message, number])]):
            nan = tf.constant(float("nan"), blocks.dtype)
            return tf.where(wrong[..., tf.newaxis, tf.newaxis], nan, blocks)

    # A branch passes the result on as it is; a selection (`tf.where`) would copy it.
    checked = cond_v2.cond_v2(tf.reduce_any(wrong), refuse, lambda: tf.identity(blocks))
    checked.set_shape(blocks.shape)
    return checked
