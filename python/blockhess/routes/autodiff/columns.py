"""The autodiff route: blocks of any f that TensorFlow differentiates twice, a product a column."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from blockhess._tensorflow import FuncGraph, cond_v2, list_ops, while_v2
from blockhess.formula.layouts import LAYOUTS
from blockhess.gradients import apart, is_trusted, prepare, prepared_on_demand, pull_back, share
from blockhess.routes.autodiff import coupling as rows
from blockhess.routes.autodiff.hessian_products import CannotStack, Products, all_at_once
from blockhess.routes.autodiff.symmetry import symmetric

# Up to so many columns are written out one by one, in a graph that takes seconds to build.
UNROLLED = 128
# Up to so many pieces of stacked columns are written out: a piece takes about ten times as long to
# build as a single column.
UNROLLED_PIECES = 16
# Tensors of up to so many elements cost less to compute than to dispatch: stack columns up to it.
DISPATCH_BOUND = 1 << 13
# Between these sizes TensorFlow splits an operation among its threads and spends as long on
# handing out the parts as on computing them; four columns stacked get by with a quarter of that
# (1.0 to 1.5x faster than single ones there, 1.0 to 1.5x slower elsewhere).
SPLIT_BOUND = (90_000, 260_000)
# An iteration of a loop computes up to so many elements, as many as stay in the caches: every
# iteration has its price.
LOOP_BOUND = 1 << 20

Pick = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def differentiate(
    y: tf.Tensor,
    x: tf.Tensor,
    *,
    layout: str,
    coupling: str,
    reads: Sequence[tf.Tensor] = (),
) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradient and the blocks of the sum of `y`, in the graph that is being built.

    Args:
      y: the result of f, of any shape; its sum is differentiated.
      x: the tensor that f took, shape (..., K); K and the number of rows may be unknown.
      layout: "dense" (..., K, K), "diag" (..., K), "packed" (..., K (K + 1) / 2) or "trace" (...).
      coupling: "check", "exact" or "assume_independent"; see `blockhess.hessian`.
      reads: further tensors that count as x (further reads of a variable).

    Returns:
      The gradient (..., K) and the blocks; zero where no path from x to `y` has a derivative, and
      zero blocks where only the gradient does not depend on x (f is linear).

    Raises:
      LookupError: an operation of f or of its gradient has no gradient in TensorFlow.
      tf.errors.InvalidArgumentError: at run time, rows interact under "check", or a dense block is
        not symmetric.

    Examples:
      >>> @tf.function
      ... def blocks(x):
      ...     y = tf.reduce_sum(x[:, 0] * x[:, 1])
      ...     return differentiate(y, x, layout="dense", coupling="check")[1]
      >>> blocks(tf.constant([[2.0, 3.0]])).numpy().tolist()
      [[[0.0, 1.0], [1.0, 0.0]]]
    """
    if layout == "trace":
        gradient, diagonal = differentiate(y, x, layout="diag", coupling=coupling, reads=reads)
        return gradient, tf.reduce_sum(diagonal, -1)
    gradient, products = _gradient_and_products(y, [x, *reads])
    if products is None:
        return gradient, _zeros(x, layout)
    if coupling == "exact":
        result = exact_blocks(products, layout=layout)
    else:
        result = blocks(products, layout=layout)
    if coupling == "check":
        result = rows.probed(result, products, layout=layout, name=y.name)
    if layout == "dense" and x.shape[-1] != 1 and not is_trusted(y, [x, *reads]):
        result = symmetric(result, y.name)
    sources = [x, *reads]
    return prepared_on_demand(sources, gradient), prepared_on_demand(sources, result)


def multiply(
    y: tf.Tensor,
    x: tf.Tensor,
    v: tf.Tensor,
    *,
    coupling: str,
    reads: Sequence[tf.Tensor] = (),
) -> tf.Tensor:
    """The diagonal blocks of the Hessian of the sum of `y` times the rows of `v`, without blocks.

    Arguments and errors are those of `differentiate`; `v` has the shape and type of x, and so has
    what is returned.
    """
    _, products = _gradient_and_products(y, [x, *reads])
    if products is None:
        return tf.zeros_like(x)
    product = exact_product(products, v) if coupling == "exact" else products(v)
    if coupling == "check":
        product = rows.probed_product(product, products, v, name=y.name)
    return prepared_on_demand([x, *reads, v], product)


def _gradient_and_products(
    y: tf.Tensor, sources: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, Products | None]:
    """The gradient of `y` by x, the first source; its products, None where all are zero."""
    x = sources[0]
    # Where there is nothing to differentiate, TensorFlow's optimizer of graphs may divide by zero.
    gradient = None
    if x.shape.num_elements() != 0:
        y = apart(y, sources)
        if isinstance(y.graph, FuncGraph):  # No session has run it.
            share(sources, [y])
        prepare(sources, [y])
        gradient = pull_back(y, sources)
    if gradient is None:
        return tf.zeros_like(x), None
    gradient.set_shape(x.shape)
    products = Products(gradient, sources)
    return gradient, None if products.zero else products


def blocks(products: Products, *, layout: str) -> tf.Tensor:
    """The blocks in their layout, right where rows do not interact: K products."""
    K = products.x.shape[-1]
    if K is not None:
        stacked = _columns_at_once(products.width, K)
        if -(-K // stacked) <= (UNROLLED if stacked == 1 else UNROLLED_PIECES):
            columns = _unrolled(products, K, stacked)
            return _shaped(_ASSEMBLE[layout](columns), products.x, layout)
    return _unless_empty(lambda: _looped_columns(products, layout), products.x, layout)


def exact_blocks(products: Products, *, layout: str) -> tf.Tensor:
    """The diagonal blocks of the Hessian however rows interact: N K products, memory of the output.

    Each product is with one element of x, and all but its own row of the result is thrown away.
    """
    return _unless_empty(lambda: _own_rows(products, layout), products.x, layout)


def exact_product(products: Products, v: tf.Tensor) -> tf.Tensor:
    """The diagonal blocks times the rows of v however rows interact: N products.

    Each product is with one row of v, and all but that row of the result is thrown away.
    """
    x = products.x
    shape, rank = tf.shape(x), x.shape.rank
    N = tf.reduce_prod(shape[:-1])
    numbers = tf.reshape(tf.range(N), shape[:-1])

    def seeds(own: tf.Tensor) -> tf.Tensor:
        is_own = tf.equal(tf.reshape(own, [-1] + [1] * (rank - 1)), numbers)
        ones = tf.cast(is_own[..., tf.newaxis], x.dtype)
        return tf.broadcast_to(ones, tf.concat([tf.shape(own), shape], 0))

    def product(seed: tf.Tensor) -> tf.Tensor:
        return products(tf.where(tf.not_equal(seed, 0), v, tf.zeros([], x.dtype)))

    def own_rows() -> tf.Tensor:
        at_once = tf.minimum(LOOP_BOUND // tf.maximum(tf.size(x), 1), N)
        return tf.reshape(_looped(product, N, at_once, seeds, _own_row(x)), shape)

    return _unless_empty(own_rows, x, "diag")


def _own_row(x: tf.Tensor) -> Pick:
    """Picks from each product the row in which its seed is not zero."""
    row_axes = list(range(1, x.shape.rank))

    def own_row(product: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mask = tf.reduce_any(tf.not_equal(seed, 0), -1, keepdims=True)
        return tf.reduce_sum(tf.where(mask, product, tf.zeros([], x.dtype)), row_axes)

    return own_row


def _own_rows(products: Products, layout: str) -> tf.Tensor:
    x = products.x
    shape, size = tf.shape(x), tf.size(x)

    def seeds(elements: tf.Tensor) -> tf.Tensor:
        count = tf.shape(elements)
        return tf.reshape(tf.one_hot(elements, size, dtype=x.dtype), tf.concat([count, shape], 0))

    def own_element(product: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        kept = tf.where(tf.not_equal(seed, 0), product, tf.zeros([], x.dtype))
        return tf.reduce_sum(kept, list(range(1, x.shape.rank + 1)))

    # K products at once are as large as the output.
    at_once = tf.minimum(tf.maximum(shape[-1], LOOP_BOUND // tf.maximum(size, 1)), size)
    if layout == "diag":
        diagonal = _looped(products, size, at_once, seeds, own_element)
        return _shaped(tf.reshape(diagonal, shape), x, layout)
    own_rows = _looped(products, size, at_once, seeds, _own_row(x))
    dense = tf.reshape(own_rows, tf.concat([shape, shape[-1:]], 0))
    return _from_dense(dense, x, layout)


def _columns_at_once(width: int | None, K: int) -> int:
    """How many columns to stack, by the size of the tensors that one column computes."""
    if width is None:
        return 1
    if width <= DISPATCH_BOUND or K > UNROLLED:
        bound = DISPATCH_BOUND if K <= UNROLLED else LOOP_BOUND
        return max(1, min(K, bound // max(width, 1)))
    return 4 if SPLIT_BOUND[0] < width <= SPLIT_BOUND[1] and K >= 8 else 1


def _unrolled(products: Products, K: int, stacked: int) -> list[tf.Tensor]:
    """The columns, each (..., K), `stacked` of them computed together, a few such pieces in flight.

    Left to itself TensorFlow runs all columns at once, and what one operation of a column leaves in
    the caches is gone when the next comes to it: with control dependencies 1.1 to 3x faster.
    """
    in_flight = _in_flight()
    pieces: list[tf.Tensor] = []
    for first in range(0, K, stacked):
        count = min(stacked, K - first)
        seeds = _unit_seeds(products.x, tf.range(first, first + count) if stacked > 1 else first)
        with tf.control_dependencies(pieces[-in_flight:][:1] if len(pieces) >= in_flight else []):
            seeds = tf.identity(seeds)
        try:
            pieces.append(products.stacked(seeds) if stacked > 1 else products(seeds))
        except CannotStack:
            return _unrolled(products, K, 1)
    if stacked == 1:
        return pieces
    return [column for piece in pieces for column in tf.unstack(piece)]


def _in_flight() -> int:
    threads = tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count() or 2
    return max(2, min(8, threads))


def _unit_seeds(x: tf.Tensor, k: int | tf.Tensor) -> tf.Tensor:
    """The k-th unit vector in every row, shape of x; for several k one such tensor each."""
    K = x.shape[-1] if x.shape[-1] is not None else tf.shape(x)[-1]
    unit = tf.one_hot(k, K, dtype=x.dtype)
    if unit.shape.rank == 1:
        return tf.broadcast_to(unit, tf.shape(x))
    count = tf.shape(unit)[:1]
    unit = tf.reshape(unit, tf.concat([count, [1] * (x.shape.rank - 1), tf.shape(unit)[1:]], 0))
    seeds = tf.broadcast_to(unit, tf.concat([count, tf.shape(x)], 0))
    seeds.set_shape(tf.TensorShape([unit.shape[0]]).concatenate(x.shape))
    return seeds


# Blocks are symmetric where rows do not interact: column k serves as row k, with no transposition.
_ASSEMBLE: dict[str, Callable[[list[tf.Tensor]], tf.Tensor]] = {
    "dense": lambda columns: tf.stack(columns, -2),
    "diag": lambda columns: tf.stack([column[..., k] for k, column in enumerate(columns)], -1),
    "packed": lambda columns: tf.concat([column[..., k:] for k, column in enumerate(columns)], -1),
}


def _looped_columns(products: Products, layout: str) -> tf.Tensor:
    x = products.x
    K, rank = tf.shape(x)[-1], x.shape.rank
    size = tf.size(x)
    at_once = tf.minimum(LOOP_BOUND // tf.maximum(size, 1), tf.minimum(K, size))

    def own_element(product: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.where(tf.not_equal(seed, 0), product, tf.zeros([], x.dtype)), -1)

    def whole(product: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        return product

    pick = own_element if layout == "diag" else whole
    columns = _looped(products, K, at_once, lambda k: _unit_seeds(x, k), pick)
    if layout == "diag":
        return _shaped(tf.transpose(columns, [*range(1, rank), 0]), x, layout)
    dense = tf.transpose(columns, [*range(1, rank), 0, rank])
    return _from_dense(dense, x, layout)


def _looped(
    product: Callable[[tf.Tensor], tf.Tensor],
    count: tf.Tensor,
    at_once: tf.Tensor,
    seeds: Callable[[tf.Tensor], tf.Tensor],
    pick: Pick,
) -> tf.Tensor:
    """What `pick` keeps of `product` of seeds 0 to count - 1, stacked along the first axis.

    `seeds` takes the numbers of a few seeds and gives them stacked. Numbers past the last stand
    for seeds of zeros, so that every iteration does the same. `pick` takes products and seeds.
    """
    try:
        return _loop(count, at_once, seeds, lambda v: pick(all_at_once(product, v), v))
    except CannotStack:
        one = tf.ones([], tf.int32)
        return _loop(count, one, seeds, lambda v: pick(product(v[0])[tf.newaxis], v))


def _loop(
    count: tf.Tensor,
    at_once: tf.Tensor,
    seeds: Callable[[tf.Tensor], tf.Tensor],
    piece: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    at_once = tf.maximum(at_once, 1)
    iterations = -(-count // at_once)
    dtype = seeds(tf.zeros([1], tf.int32)).dtype

    def body(n: tf.Tensor, pieces: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        value = piece(seeds(n * at_once + tf.range(at_once)))
        return n + 1, list_ops.tensor_list_set_item(pieces, n, value)

    # The functional loop can be differentiated again, which that of TensorFlow 1 cannot.
    _, pieces = while_v2.while_loop(
        lambda n, _: n < iterations,
        body,
        (tf.zeros([], tf.int32), list_ops.tensor_list_reserve(None, iterations, dtype)),
        maximum_iterations=iterations,
        parallel_iterations=_in_flight(),
    )
    stacked = list_ops.tensor_list_stack(pieces, dtype)
    shape = tf.concat([[iterations * at_once], tf.shape(stacked)[2:]], 0)
    return tf.reshape(stacked, shape)[:count]


def _from_dense(dense: tf.Tensor, x: tf.Tensor, layout: str) -> tf.Tensor:
    dense = _shaped(dense, x, "dense")
    return dense if layout == "dense" else _shaped(_packed(dense), x, layout)


def _packed(dense: tf.Tensor) -> tf.Tensor:
    """The upper triangles of (..., K, K), row by row: the order of np.triu_indices."""
    shape = tf.shape(dense)
    if dense.shape[-1] is not None:
        places = tf.constant(np.flatnonzero(np.triu(np.ones(dense.shape[-2:]))))
    else:
        k = tf.range(shape[-1])
        places = tf.where(tf.reshape(k[:, tf.newaxis] <= k, [-1]))[:, 0]
    flat = tf.reshape(dense, tf.concat([shape[:-2], shape[-1:] ** 2], 0))
    return tf.gather(flat, places, axis=-1)


def _shaped(tensor: tf.Tensor, x: tf.Tensor, layout: str) -> tf.Tensor:
    tensor.set_shape(x.shape[:-1].concatenate(LAYOUTS[layout].sizes(x.shape[-1])))
    return tensor


def _unless_empty(make: Callable[[], tf.Tensor], x: tf.Tensor, layout: str) -> tf.Tensor:
    """What `make` gives; zeros where x has no elements, for which pfor's converters fail."""
    if x.shape.is_fully_defined():
        return make() if x.shape.num_elements() else _zeros(x, layout)
    result = cond_v2.cond_v2(tf.size(x) > 0, make, lambda: _zeros(x, layout))
    return _shaped(result, x, layout)


def _zeros(x: tf.Tensor, layout: str) -> tf.Tensor:
    shape = tf.shape(x)
    sizes = tf.concat([shape[:-1], LAYOUTS[layout].axes(shape[-1])], 0)
    return _shaped(tf.zeros(sizes, x.dtype), x, layout)
