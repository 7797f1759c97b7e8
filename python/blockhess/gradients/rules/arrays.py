"""Operations that put cells into new places, by all of their inputs.

TensorFlow's gradients of these are right only by some of the inputs, or only where no index is
given twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess._tensorflow import ops
from blockhess.gradients.broadcasting import with_axes_of

raw = tf.raw_ops


def _pad(op: tf.Operation, cotangent: tf.Tensor):
    """The cells around x are the constant; TensorFlow has no derivative by it."""
    x, paddings, _ = op.inputs
    of_x = tf.slice(cotangent, paddings[:, 0], tf.shape(x))
    return of_x, None, tf.reduce_sum(cotangent) - tf.reduce_sum(of_x)


def _diag(op: tf.Operation, cotangent: tf.Tensor):
    """The cells off the diagonals are the padding value; TensorFlow has no derivative by it."""
    return _with_padding(
        op, cotangent, raw.MatrixDiagV3 if op.type[-1] == "3" else raw.MatrixDiagV2
    )


def _diag_part(op: tf.Operation, cotangent: tf.Tensor):
    part = raw.MatrixDiagPartV3 if op.type[-1] == "3" else raw.MatrixDiagPartV2
    return _with_padding(op, cotangent, part)


def _with_padding(op: tf.Operation, cotangent: tf.Tensor, function) -> list[tf.Tensor | None]:
    names = [argument.name for argument in op.op_def.input_arg]
    given = dict(zip(names, op.inputs, strict=True))
    first = op.inputs[0]
    given[names[0]] = tf.ones_like(first)
    given["padding_value"] = tf.zeros([], first.dtype)
    if op.type[-1] == "3":
        given["align"] = op.get_attr("align")
    inside = function(**given)
    if op.type[-1] == "3":
        found = list(ops.gradient_registry.lookup(op.type)(op, cotangent))
    else:
        found = [_placed_back(op, cotangent), *[None] * (len(op.inputs) - 1)]
    found[-1] = tf.reduce_sum((1 - inside) * cotangent)
    return found


def _placed_back(op: tf.Operation, cotangent: tf.Tensor) -> tf.Tensor:
    """The cotangent of the first input of version 2, whose diagonals stand at the left.

    TensorFlow's gradients are written by version 3, whose superdiagonals stand at the right.
    """
    zero = tf.zeros([], cotangent.dtype)
    if op.type == "MatrixDiagV2":
        return raw.MatrixDiagPartV2(input=cotangent, k=op.inputs[1], padding_value=zero)
    rows, columns = tf.unstack(tf.shape(op.inputs[0])[-2:])
    return raw.MatrixDiagV2(
        diagonal=cotangent, k=op.inputs[1], num_rows=rows, num_cols=columns, padding_value=zero
    )


def _set_diag(op: tf.Operation, cotangent: tf.Tensor):
    """The cotangents of version 2, whose diagonals stand at the left, too."""
    _, diagonal, k = op.inputs
    of_input = raw.MatrixSetDiagV2(input=cotangent, diagonal=tf.zeros_like(diagonal), k=k)
    zero = tf.zeros([], cotangent.dtype)
    return of_input, raw.MatrixDiagPartV2(input=cotangent, k=k, padding_value=zero), None


def _one_hot(op: tf.Operation, cotangent: tf.Tensor):
    """The cotangents of the on and off values; TensorFlow declares it not differentiable."""
    indices, depth = op.inputs[:2]
    is_on = tf.one_hot(indices, depth, axis=op.get_attr("axis"), dtype=cotangent.dtype)
    on = tf.reduce_sum(is_on * cotangent)
    return None, None, on, tf.reduce_sum((1 - is_on) * cotangent)


def _range(_: tf.Operation, cotangent: tf.Tensor):
    """start + i delta, as many as there are; TensorFlow declares it not differentiable."""
    i = tf.cast(tf.range(tf.size(cotangent)), cotangent.dtype)
    return tf.reduce_sum(cotangent), None, tf.reduce_sum(i * cotangent)


def _lin_space(op: tf.Operation, cotangent: tf.Tensor):
    """start + w (stop - start), w from 0 to 1; TensorFlow declares it not differentiable."""
    zero, one = (tf.constant(v, cotangent.dtype) for v in (0, 1))
    w = raw.LinSpace(start=zero, stop=one, num=op.inputs[2])
    return tf.reduce_sum((1 - w) * cotangent), tf.reduce_sum(w * cotangent), None


def _stitch(op: tf.Operation, cotangent: tf.Tensor) -> list[tf.Tensor | None]:
    """The last of several values for one place stands there; TensorFlow gives all of them its
    cotangent."""
    count = len(op.inputs) // 2
    indices = op.inputs[:count]
    sizes = [tf.size(i) for i in indices]
    starts = tf.unstack(tf.cumsum(tf.stack(sizes), exclusive=True))
    numbers = [
        tf.reshape(start + tf.range(size), tf.shape(i))
        for start, size, i in zip(starts, sizes, indices, strict=True)
    ]
    last = raw.DynamicStitch(indices=list(indices), data=numbers)
    return [None] * count + [
        _where(tf.equal(tf.gather(last, i), n), tf.gather(cotangent, i))
        for i, n in zip(indices, numbers, strict=True)
    ]


def _scatter_update(op: tf.Operation, cotangent: tf.Tensor):
    """One of several updates of one place stands there; TensorFlow gives all of them its
    cotangent. Which one it is the documentation leaves open; here the kernel is asked."""
    tensor, indices, _ = op.inputs
    depth = indices.shape[-1] if indices.shape[-1] is not None else tf.shape(indices)[-1]
    places = tf.shape(indices)[:-1]
    numbers = tf.reshape(tf.range(tf.reduce_prod(places)), places)
    empty = tf.zeros(tf.shape(tensor)[:depth], tf.int32)
    stands = tf.gather_nd(tf.tensor_scatter_nd_update(empty, indices, numbers), indices)
    of_updates = _where(tf.equal(stands, numbers), tf.gather_nd(cotangent, indices))
    zeros = tf.zeros(tf.concat([places, tf.shape(tensor)[depth:]], 0), cotangent.dtype)
    return tf.tensor_scatter_nd_update(cotangent, indices, zeros), None, of_updates


def _where(condition: tf.Tensor, slices: tf.Tensor) -> tf.Tensor:
    """The slices whose condition holds, zeros for others; conditions have fewer axes."""
    return tf.where(with_axes_of(condition, slices), slices, 0)


def _shuffled(op: tf.Operation, cotangent: tf.Tensor) -> Sequence[tf.Tensor | None]:
    """The same seed shuffles the numbers of the cells; TensorFlow has no gradient."""
    value, *rest = op.inputs
    names = [argument.name for argument in op.op_def.input_arg][1:]
    numbers = tf.range(tf.shape(value)[0])
    order = raw.StatelessShuffle(value=numbers, **dict(zip(names, rest, strict=True)))
    return tf.gather(cotangent, tf.math.invert_permutation(order)), *[None] * len(rest)


def _bincount(op: tf.Operation, cotangent: tf.Tensor):
    """A weight counts in the bin of its value, past the last bin in none; TensorFlow has no
    gradient."""
    values, size = op.inputs[:2]
    if op.type == "Bincount":
        values = tf.reshape(values, [-1])
    inside = values < tf.cast(size, values.dtype)
    places = tf.where(inside, values, 0)
    found = tf.gather(cotangent, places, batch_dims=values.shape.rank - 1)
    found = tf.where(inside, found, 0)
    return None, None, tf.reshape(found, tf.shape(op.inputs[2]))


GRADIENTS = {
    "PadV2": _pad,
    "MatrixDiagV2": _diag,
    "MatrixDiagV3": _diag,
    "MatrixDiagPartV2": _diag_part,
    "MatrixDiagPartV3": _diag_part,
    "MatrixSetDiagV2": _set_diag,
    "OneHot": _one_hot,
    "Range": _range,
    "LinSpace": _lin_space,
    "DynamicStitch": _stitch,
    "TensorScatterUpdate": _scatter_update,
    "StatelessShuffle": _shuffled,
    "Bincount": _bincount,
    "DenseBincount": _bincount,
}
