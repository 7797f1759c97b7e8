"""The run-time check that rows do not interact, by random Hessian-vector products.

Columns of blocks are products of the Hessian with a vector that is the same in every row. They are
right if and only if H_ij = 0 for all rows i != j. The probe multiplies the rows of a vector u by
factors s_i:

    (H (s u))_i - s_i (H u)_i = sum_j H_ij u_j (s_j - s_i)

is zero for independent rows and, as u is random and the factors differ, for no others. A pair of
rows is missed where its factors differ by less than what rounding allows: docs/mathematics.md has
the probability. Where it is too large for one product two are taken, with factors of their own.

Rounding, which does not commute with the factors, can make a row look suspicious. Suspects are then
put to a test that rounding does not reach: a vector that is zero in all rows but some of the
suspects has exactly zero response in every other row, unless rows interact.

Where f rounds to fewer bits than its x has, as on GPUs with TF32, every row would be a suspect, and
so would every row of a vector that H sends to zero. There the factors are powers of two, which
commute with rounding: the two products of independent rows agree to the last bit, however
ill-conditioned f is, wherever they come from the same kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import ml_dtypes
import numpy as np
import tensorflow as tf

from blockhess._tensorflow import cond_v2, while_v2
from blockhess.formula.layouts import LAYOUTS
from blockhess.gradients import pull_back
from blockhess.gradients.paths import between
from blockhess.routes.autodiff.hessian_products import Products, floating_types

MESSAGE = (
    "rows of f interact: the result {name!r} is not a sum of one function of each row of x, so the "
    "blocks of single rows are not what coupling='check' would return. coupling='exact' computes "
    "the diagonal blocks of the Hessian however rows interact; coupling='assume_independent' "
    "skips this check. A row that acts on others:"
)
ORDER_MESSAGE = (
    "the values {name!r} of f are not in the order of the rows of x: value i is a function of "
    "another row than row i. A row that other values depend on:"
)
SEED = (20240607, 2)
# The tolerance in units of rounding. Independent rows need 4 as a rule, 30 in saturated networks.
TOLERANCE = 64
# In 16 bits, 64 roundings are as large as the number. A false suspect only costs time.
TOLERANCE_OF_16_BITS = 1
# Factors are +-2^-20 ... 2^20, times random significands ("parts"): far from overflow, and no two
# alike among 82 rows in sequence. Where all is float64 there is more room: 1602 rows.
EXPONENTS = 20
EXPONENTS_OF_DOUBLE = 400
# Numbers of float16 end at 2^16; no two factors are alike among 26 rows in sequence.
EXPONENTS_OF_HALF = 6
# Random significands end below 3/2, so that factors with different powers of two are never alike.
LARGEST_PART = 1.5
# Up to so many columns, to read the blocks once more is cheaper than another product.
FEW_COLUMNS = 16


def probed(blocks: tf.Tensor, products: Products, *, layout: str, name: str) -> tf.Tensor:
    """The same blocks; the run fails when rows interact.

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
    probes = _probes_of_blocks(blocks, products, layout)
    return _unless_coupled(blocks, _axes(layout), products, probes, MESSAGE.format(name=name))


def _probes_of_blocks(blocks: tf.Tensor, products: Products, layout: str) -> list[_Probe]:
    x, parts = products.x, not _rounds_coarsely(products)
    numbers = range(1 if parts and x.dtype == tf.float64 else 2)
    if layout == "dense" and _few_columns(x):
        # The blocks of independent rows are symmetric, so they may be multiplied from this side.
        # A second vector costs nothing here.
        us = [_random(tf.shape(x)[-1:], x.dtype, number) for number in numbers]
        singles = tf.matmul(tf.reshape(blocks, [-1, x.shape[-1]]), tf.stack(us, 1))
        singles = [tf.reshape(single, tf.shape(x)) for single in tf.unstack(singles, axis=1)]
    else:
        us = [_random(tf.shape(x), x.dtype, 0)] * len(numbers)
        singles = [products(us[0])] * len(numbers)
    largest = _largest(blocks, _axes(layout))
    return [_Probe(us[n], *_factors(products, n, parts), singles[n], largest) for n in numbers]


def _axes(layout: str) -> list[int]:
    """The axes of one row's block."""
    return list(range(-LAYOUTS[layout].rank, 0))


def probed_product(product: tf.Tensor, products: Products, v: tf.Tensor, *, name: str) -> tf.Tensor:
    """The same product with `v`, shape of x; the run fails when rows interact in it.

    Here the rows of `v` are scaled instead of those of a random vector, and the product is compared
    with its own multiple: what it leaves unseen does not show in the product. Returns and fails as
    `probed` does.
    """
    if _is_one_row(products.x):
        return product
    # Factors are bare powers of two, for H may send v to nothing but rounding.
    zero = tf.zeros([], v.dtype)
    probes = [_Probe(v, *_factors(products, n, False), product, zero) for n in range(2)]
    return _unless_coupled(product, [-1], products, probes, MESSAGE.format(name=name))


class WeightedGradients(NamedTuple):
    """v -> the gradient by x of the sum of y_i v_i0, which is linear in v as a product is.

    Attributes:
      x: the tensor that f took, shape (n, K).
      y: the values of f, one a row: (n,) or (n, 1).
      sources: x, and further reads of it.
      types: the floating types that gradients are computed with.
    """

    x: tf.Tensor
    y: tf.Tensor
    sources: Sequence[tf.Tensor]
    types: frozenset[tf.DType]

    def __call__(self, v: tf.Tensor) -> tf.Tensor:
        weights = tf.reshape(tf.cast(v[:, 0], self.y.dtype), tf.shape(self.y))
        gradient = pull_back(self.y, self.sources, weights)
        gradient.set_shape(self.x.shape)
        return gradient


def probed_order(gradient: tf.Tensor, y: tf.Tensor, sources: Sequence[tf.Tensor]) -> tf.Tensor:
    """The gradient of the sum of `y`; the run fails where y_i depends on another row than row i.

    Blocks do not tell: where rows are only put into another order they are right. The values y_i
    are weighted as rows are scaled in `probed_product`; returns and fails as `probed` does.
    """
    x = sources[0]
    if _is_one_row(x):
        return gradient
    operations = [op for op, _ in between([x], [y])]
    weighted = WeightedGradients(x, y, sources, floating_types(x, operations))
    zero, ones = tf.zeros([], x.dtype), tf.ones_like(x)
    probes = [_Probe(ones, *_factors(weighted, n, False), gradient, zero) for n in range(2)]
    return _unless_coupled(gradient, [-1], weighted, probes, ORDER_MESSAGE.format(name=y.name))


def _is_one_row(x: tf.Tensor) -> bool:
    rows = x.shape[:-1]
    return rows.is_fully_defined() and rows.num_elements() <= 1


def _unless_coupled(
    result: tf.Tensor, axes: list[int], products: Products, probes: list[_Probe], message: str
) -> tf.Tensor:
    """The result, with `axes` those of one row; the run fails where a probe shows interaction."""
    suspects = _suspects_of_any(result, axes, products, probes)
    culprit = cond_v2.cond_v2(
        tf.reduce_any(suspects),
        lambda: _culprit(products, probes[0], suspects, _finite(result, axes)),
        lambda: tf.constant(-1),
    )

    def refuse() -> tf.Tensor:
        with tf.control_dependencies([tf.debugging.Assert(False, [message, culprit])]):
            return result * tf.constant(np.nan, result.dtype)  # Its derivatives are NaN, too.

    # A branch passes the result on as it is; a selection (`tf.where`) would copy it.
    checked = cond_v2.cond_v2(culprit >= 0, refuse, lambda: tf.identity(result))
    checked.set_shape(result.shape)
    return checked


class _Probe(NamedTuple):
    """A vector whose rows are scaled by factors, and what independent rows make of it unscaled.

    Attributes:
      u: shape (K,), the same in every row, or that of x.
      factors: shape (..., 1), one a row, below `bound`.
      single: the product with u, shape of x.
      largest: the largest magnitude in the row's block, shape (...), or zero without blocks.
    """

    u: tf.Tensor
    factors: tf.Tensor
    bound: float
    single: tf.Tensor
    largest: tf.Tensor


def _random(shape: tf.Tensor, dtype: tf.DType, number: int) -> tf.Tensor:
    """Numbers of magnitude 1/2 to 3/2, of either sign: few matrices have them for a null vector."""
    uniform = tf.random.stateless_uniform(shape, _seed(number), -1.0, 1.0, dtype)
    return uniform + 0.5 * tf.sign(uniform)


def _seed(number: int) -> tuple[int, int]:
    return SEED[0] + number, SEED[1]


def _rounds_coarsely(products: Products) -> bool:
    """Whether products may round to less than the type of x holds, or to less than float32."""
    eps = {dtype: float(ml_dtypes.finfo(dtype.as_numpy_dtype).eps) for dtype in products.types}
    if max(eps.values()) > min(eps[products.x.dtype], float(np.finfo(np.float32).eps)):
        return True
    return tf.float32 in products.types and _may_use_TF32()


def _may_use_TF32() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _exponents(products: Products) -> int:
    if tf.float16 in products.types:
        return EXPONENTS_OF_HALF
    return EXPONENTS_OF_DOUBLE if products.types == {tf.float64} else EXPONENTS


def _factors(products: Products, number: int, parts: bool) -> tuple[tf.Tensor, float]:
    """A factor for each row, and their bound: powers of two, times significands if `parts`."""
    x, exponents = products.x, _exponents(products)
    shape = tf.shape(x)
    powers = 2.0 ** np.arange(-exponents, exponents + 1)
    levels = np.stack([powers, -powers], 1).ravel()
    N = tf.reduce_prod(shape[:-1])
    # Rows in sequence take the levels in turn, each round from a random one: else all rows that are
    # whole rounds apart would share a factor.
    row = tf.range(N)
    starts = tf.random.stateless_uniform(
        [N // levels.size + 1], _seed(number), 0, levels.size, dtype=tf.int32
    )
    level = (row + tf.gather(starts, row // levels.size)) % levels.size
    factors = tf.gather(tf.constant(levels, x.dtype), level)
    if parts:
        factors *= tf.random.stateless_uniform([N], _seed(number), 1.0, LARGEST_PART, x.dtype)
    return tf.reshape(factors, tf.concat([shape[:-1], [1]], 0)), LARGEST_PART * 2.0**exponents


def _suspects_of_any(
    result: tf.Tensor, axes: list[int], products: Products, probes: list[_Probe]
) -> tf.Tensor:
    suspects = [_suspects(result, axes, products, probe) for probe in probes]
    return functools.reduce(tf.logical_or, suspects)


def _suspects(result: tf.Tensor, axes: list[int], products: Products, probe: _Probe) -> tf.Tensor:
    """Which rows of finite results, shape (...), answer other than they do alone."""
    x = products.x
    answer = products(probe.factors * probe.u)
    # Sums and multiples of numbers of 16 bits may overflow in 16 bits.
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
    # The result is read only where it matters whether it is finite.
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
    """Whether to multiply with the blocks; not where TF32 makes every row a suspect."""
    return x.shape[-1] is not None and x.shape[-1] <= FEW_COLUMNS and not _may_use_TF32()


def _largest(tensor: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """The largest magnitude, without a temporary of the tensor's size."""
    return tf.maximum(tf.reduce_max(tensor, axes), -tf.reduce_min(tensor, axes))


def _culprit(
    products: Products, probe: _Probe, suspects: tf.Tensor, finite: tf.Tensor
) -> tf.Tensor:
    """The number of a suspect that another row responds to, or -1 where there is none.

    A row with `finite` blocks responds where its answer is not zero, be it by overflow; another row
    where it is finite and not zero.

    Round n changes the suspects whose number among the suspects has bit n set, so each is changed
    in some round in which any given other one is not. They get multiples of a random vector: the
    probe's own may vanish in a suspect, which then responds to another row, but not that row to it.
    """
    seeds = probe.factors * _random(tf.shape(products.x)[-1:], products.x.dtype, 0)
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
