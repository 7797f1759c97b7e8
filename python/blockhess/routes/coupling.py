"""The run-time check that rows do not interact, by random Hessian-vector products.

Columns of blocks are products of the Hessian with a vector that is the same in every row. They are
right if and only if H_ij = 0 for all rows i != j. The probe multiplies the rows of such a vector u
by factors s_i:

    (H (s u))_i - s_i (H u)_i = sum_j H_ij u (s_j - s_i)

is zero for independent rows and, as u is random and the factors differ, for no others. The factors
are powers of two, which commute with rounding: the two products of independent rows agree to the
last bit, however ill-conditioned f is, wherever they come from the same kernels.

Where they do not, rounding can make a row look suspicious. Suspects are then put to a test that
rounding does not reach: a vector that is zero in all rows but some of the suspects has exactly zero
response in every other row, unless rows interact.
"""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np
import tensorflow as tf
from tensorflow.python.ops import cond_v2, while_v2

from blockhess.routes.products import Products

MESSAGE = (
    "rows of f interact: the result {name!r} is not a sum of one function of each row of x, so the "
    "blocks of single rows are not what coupling='check' would return. coupling='exact' computes "
    "the diagonal blocks of the Hessian however rows interact; coupling='assume_independent' "
    "skips this check. A row that acts on others:"
)
SEED = (20240607, 2)
# In units of rounding. Where blocks are multiplied instead of making a second product, 4 of them
# are usual, 30 in saturated networks.
TOLERANCE = 64
# 64 roundings of 16 bits are the number itself. A suspect that is none only costs time.
TOLERANCE_OF_16_BITS = 1
# Factors are +-2^-20 ... 2^20: far from overflow, and no two alike among 82 rows in sequence.
EXPONENTS = 20
# Where float16 is computed with, whose numbers end at 2^16; no two alike among 26 rows in sequence.
EXPONENTS_OF_HALF = 6
# Up to so many columns reading the blocks once more is cheaper than another product.
FEW_COLUMNS = 16


def probed(blocks: tf.Tensor, products: Products, *, layout: str, name: str) -> tf.Tensor:
    """The same blocks, which fail to come about when rows interact.

    Args:
      blocks: in their layout, columns taken as if rows did not interact.
      products: multiplies with the Hessian of f.
      layout: of the blocks.
      name: of f's result, for the message.

    Returns:
      Tensor like `blocks`. When it is computed and rows interact, the run fails with
      tf.errors.InvalidArgumentError; compiled by XLA, which drops assertions, it is all NaN.
      Rows whose blocks hold NaN or Inf prove nothing and are left out.
    """
    if _is_one_row(products.x):
        return blocks
    probe = _probe_of_blocks(blocks, products, layout)
    return _unless_coupled(blocks, _axes(layout), products, probe, name)


def _probe_of_blocks(blocks: tf.Tensor, products: Products, layout: str) -> _Probe:
    x, u = products.x, _random_row(products.x)
    if layout == "dense" and _few_columns(x):
        # The blocks of independent rows are symmetric, so they may be multiplied from this side.
        single = tf.matmul(tf.reshape(blocks, [-1, x.shape[-1]]), u[:, tf.newaxis])
        single = tf.reshape(single, tf.shape(x))
        largest = _largest(blocks, [-2, -1])
    else:
        single = products(tf.broadcast_to(u, tf.shape(x)))
        largest = tf.zeros([], x.dtype)
    return _Probe(u, *_factors(products), single, largest)


def _axes(layout: str) -> list[int]:
    """Those of one row's block."""
    return [-2, -1] if layout == "dense" else [-1]


def probed_product(product: tf.Tensor, products: Products, v: tf.Tensor, *, name: str) -> tf.Tensor:
    """The same product with `v`, shape of x, which fails to come about when rows interact in it.

    Here the rows of `v` are scaled instead of those of a random vector, and the product is compared
    with its own multiple: what it leaves unseen does not show in the product. Returns and fails as
    `probed` does.
    """
    if _is_one_row(products.x):
        return product
    probe = _Probe(v, *_factors(products), product, tf.zeros([], v.dtype))
    return _unless_coupled(product, [-1], products, probe, name)


def _is_one_row(x: tf.Tensor) -> bool:
    rows = x.shape[:-1]
    return rows.is_fully_defined() and rows.num_elements() <= 1


def _unless_coupled(
    result: tf.Tensor, axes: list[int], products: Products, probe: _Probe, name: str
) -> tf.Tensor:
    """The result, whose axes of one row are `axes`; a failure where the probe shows interaction."""
    suspects = _suspects(result, axes, products, probe)
    culprit = cond_v2.cond_v2(
        tf.reduce_any(suspects),
        lambda: _culprit(products, probe, suspects, _finite(result, axes)),
        lambda: tf.constant(-1),
    )

    def refuse() -> tf.Tensor:
        message = MESSAGE.format(name=name)
        with tf.control_dependencies([tf.debugging.Assert(False, [message, culprit])]):
            return result * tf.constant(np.nan, result.dtype)  # NaN are its derivatives, too.

    # A branch hands the result through as it is; a selection would copy it.
    checked = cond_v2.cond_v2(culprit >= 0, refuse, lambda: tf.identity(result))
    checked.set_shape(result.shape)
    return checked


class _Probe(NamedTuple):
    """A vector whose rows are scaled by factors, and what independent rows make of it unscaled.

    Attributes:
      u: shape (K,), the same in every row, or that of x.
      factors: shape (..., 1), one a row, below `bound`.
      single: the product with u, shape of x.
      largest: magnitudes that `single` is a sum of, shape (...), or zero where it is a product.
    """

    u: tf.Tensor
    factors: tf.Tensor
    bound: float
    single: tf.Tensor
    largest: tf.Tensor


def _random_row(x: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(tf.shape(x)[-1:], SEED, 0.5, 1.5, x.dtype)


def _factors(products: Products) -> tuple[tf.Tensor, float]:
    """One a row, and their bound."""
    x, exponents = products.x, EXPONENTS_OF_HALF if products.half else EXPONENTS
    shape = tf.shape(x)
    powers = 2.0 ** np.arange(-exponents, exponents + 1)
    levels = np.stack([powers, -powers], 1).ravel()
    N = tf.reduce_prod(shape[:-1])
    # Rows in sequence take the levels in turn, each round from another start: without it all rows
    # of one level apart would share a factor.
    row = tf.range(N)
    starts = tf.random.stateless_uniform(
        [N // levels.size + 1], SEED, 0, levels.size, dtype=tf.int32
    )
    level = (row + tf.gather(starts, row // levels.size)) % levels.size
    factors = tf.gather(tf.constant(levels, x.dtype), level)
    return tf.reshape(factors, tf.concat([shape[:-1], [1]], 0)), 2.0**exponents


def _suspects(result: tf.Tensor, axes: list[int], products: Products, probe: _Probe) -> tf.Tensor:
    """Which rows, shape (...), answer other than they do alone; of finite results alone."""
    x = products.x
    answer = products(probe.factors * probe.u)
    # What fits x may have a sum or a multiple that does not, where x has 16 bits.
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    answer, factors = tf.cast(answer, dtype), tf.cast(probe.factors, dtype)
    expected = factors * tf.cast(probe.single, dtype)
    scale = tf.abs(tf.squeeze(factors, -1)) * tf.cast(probe.largest, dtype)
    scale += _largest(answer, [-1]) + _largest(expected, [-1])
    limits = ml_dtypes.finfo(x.dtype.as_numpy_dtype)
    smallest = limits.smallest_subnormal if x.dtype == tf.float16 else limits.tiny
    roundings = TOLERANCE if x.dtype.size > 2 else TOLERANCE_OF_16_BITS
    tolerance = roundings * (float(limits.eps) * scale + probe.bound * float(smallest))
    differs = tf.reduce_max(tf.abs(answer - expected), -1) > tolerance
    overflows = ~tf.reduce_all(tf.math.is_finite(answer) & tf.math.is_finite(expected), -1)
    # Reads the result, so only where it may matter.
    proves = cond_v2.cond_v2(
        tf.reduce_any(overflows),
        lambda: overflows & _finite(result, axes),
        lambda: tf.identity(overflows),
    )
    return differs | proves


def _finite(result: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Which rows have a finite result, shape (...)."""
    return tf.reduce_all(tf.math.is_finite(result), axes)


def _few_columns(x: tf.Tensor) -> bool:
    """Whether to multiply with the blocks; not on GPUs, whose TF32 makes every row a suspect."""
    few = x.shape[-1] is not None and x.shape[-1] <= FEW_COLUMNS
    return few and not tf.config.list_physical_devices("GPU")


def _largest(tensor: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """The largest magnitude, without a temporary of the tensor's size."""
    return tf.maximum(tf.reduce_max(tensor, axes), -tf.reduce_min(tensor, axes))


def _culprit(
    products: Products, probe: _Probe, suspects: tf.Tensor, finite: tf.Tensor
) -> tf.Tensor:
    """The number of a suspect whose change is felt in another row, or -1 where there is none.

    A row of `finite` blocks feels what makes its answer other than zero, be it by overflow; another
    row what makes it another finite number.

    Round n changes the suspects whose number among the suspects has bit n set, so each is changed
    in some round in which any given other one is not. They get multiples of a random vector: the
    probe's own may vanish in a suspect, which then hears of another row and is not heard there.
    """
    seeds = probe.factors * _random_row(products.x)
    flat = tf.reshape(tf.cast(suspects, tf.int32), [-1])
    number = tf.reshape(tf.cumsum(flat) * flat, tf.shape(suspects))
    count = tf.reduce_sum(flat)

    def more(bit: tf.Tensor, culprit: tf.Tensor) -> tf.Tensor:
        return (bit <= count) & (culprit < 0)

    def body(bit: tf.Tensor, culprit: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        changed = tf.not_equal(tf.bitwise.bitwise_and(number, bit), 0)
        seed = tf.where(changed[..., tf.newaxis], seeds, tf.zeros([], seeds.dtype))
        answer = products(seed)
        counts = tf.math.is_finite(answer) | finite[..., tf.newaxis]
        felt = tf.reduce_any(counts & tf.not_equal(answer, 0), -1) & ~changed
        last = tf.reduce_max(tf.where(tf.reshape(changed, [-1]), tf.range(tf.size(changed)), -1))
        return bit * 2, tf.where(tf.reduce_any(felt), last, culprit)

    return while_v2.while_loop(more, body, (tf.constant(1), tf.constant(-1)))[1]
