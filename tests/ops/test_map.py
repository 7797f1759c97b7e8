"""BlockhessMap: expressions of tensors, elementwise."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import Variable

X, Y = Variable("x"), Variable("y")


def test_operands_broadcast_as_in_tensorflow(rng, subtests):
    for x_shape, y_shape, shape in [
        ((), (), ()),
        ((5,), (5,), (5,)),
        ((4, 3), (), (4, 3)),
        ((4, 3), (3,), (4, 3)),
        ((4, 1), (1, 3), (4, 3)),
        ((0, 3), (3,), (0, 3)),
    ]:
        with subtests.test(x=x_shape, y=y_shape):
            x, y = rng.normal(size=x_shape), rng.normal(size=y_shape)
            outputs = ops.map([X * e.sin(Y), e.ZERO, e.Constant(2.5)], {X: x, Y: y})
            for output, expected in zip(outputs, [x * np.sin(y), 0.0, 2.5], strict=True):
                assert output.shape == shape
                np.testing.assert_allclose(output, np.broadcast_to(expected, shape), rtol=1e-14)


@pytest.mark.parametrize("y_shape", [(), (3,), (4, 3)])
def test_gradients_of_any_order_are_those_of_tensorflow(y_shape, rng, subtests):
    x, y = tf.constant(rng.normal(size=(4, 3))), tf.constant(rng.normal(size=y_shape))

    def ours(x, y):
        return ops.map([e.sin(X * Y), e.exp(-X * X) * Y], {X: x, Y: y})

    def theirs(x, y):
        return [tf.sin(x * y), tf.exp(-x * x) * y]

    def gradients(f, order):
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            results = f(x, y) if order == 1 else gradients(f, order - 1)
            total = tf.add_n([tf.reduce_sum(tf.cos(r)) for r in results])
        return tape.gradient(total, [x, y])

    for order in (1, 2, 3):
        with subtests.test(order=order):
            for one, other in zip(gradients(ours, order), gradients(theirs, order), strict=True):
                assert one.shape == other.shape
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


def test_gradients_reach_operands_of_unknown_rank(rng):
    x, y = rng.normal(size=(4, 3)), np.float64(0.7)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float64)] * 2)
    def gradients(x, y):
        return tf.gradients(ops.map([e.sin(X * Y)], {X: x, Y: y})[0], [x, y])

    by_x, by_y = gradients(x, y)
    np.testing.assert_allclose(by_x, y * np.cos(x * y), rtol=1e-13)
    np.testing.assert_allclose(by_y, (x * np.cos(x * y)).sum(), rtol=1e-13)


def test_expressions_too_long_for_one_program_run_in_several(rng):
    x = rng.uniform(0.5, 1.5, size=(4, 3))
    chain, expected = X, x
    for i in range(700):
        chain = e.sin(chain) + Y * 0.5 if i % 7 == 0 else e.cos(chain)
        expected = np.sin(expected) + 0.25 * 0.5 if i % 7 == 0 else np.cos(expected)
    result, again = ops.map([chain, chain * X], {X: x, Y: np.float64(0.25)})
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    np.testing.assert_allclose(again, expected * x, rtol=1e-12)


def test_more_operands_than_a_program_reads_are_served(rng):
    variables = [Variable(f"v{i}") for i in range(150)]
    values = [tf.constant(rng.normal(size=(4, 3))) for _ in variables]
    total = e.ZERO
    for i, v in enumerate(variables):
        total += e.sin(i * v)
    with tf.GradientTape() as tape:
        tape.watch(values)
        (result,) = ops.map([total], dict(zip(variables, values, strict=True)))
    expected = sum(np.sin(i * v) for i, v in enumerate(values))
    np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-12)
    by_last = tape.gradient(result, values[-1])
    np.testing.assert_allclose(by_last, 149 * np.cos(149 * values[-1]), rtol=1e-10, atol=1e-10)


def test_it_needs_an_operand_for_every_variable_and_at_least_one():
    with pytest.raises(ValueError, match="no operand for y"):
        ops.map([X * Y], {X: tf.ones([2])})
    with pytest.raises(ValueError, match="at least one operand"):
        ops.map([e.ONE], {})


def test_shapes_that_do_not_broadcast_are_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        ops.map([X * Y], {X: tf.ones([2]), Y: tf.ones([3])})
