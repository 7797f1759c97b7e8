"""A program applied elementwise."""

import numpy as np
import pytest

from blockhess import _core

PRODUCT = "blockhess 1 | map 2: r2 = mul r0 r1; return r2 zero r1"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (1024,), (1025,), (3, 5, 77), (4, 0), ()])
def test_outputs_have_the_common_shape_and_type(shape, dtype):
    random = np.random.default_rng(0)
    a, b = (random.normal(size=shape).astype(dtype) for _ in range(2))
    product, zero, second = _core.map(PRODUCT, [a, b])
    assert product.dtype == zero.dtype == dtype
    np.testing.assert_array_equal(product, a * b)
    np.testing.assert_array_equal(zero, np.zeros(shape))
    np.testing.assert_array_equal(second, b)


def test_a_scalar_serves_all_values():
    a = np.arange(3000.0)
    product, _, second = _core.map(PRODUCT, [a, np.array(2.5)])
    np.testing.assert_array_equal(product, 2.5 * a)
    np.testing.assert_array_equal(second, np.full(3000, 2.5))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_value_is_written_whatever_the_number_of_threads(threads):
    a = np.arange(10_001.0)
    text = "blockhess 1 | map 1: r1 = constant 1.0; r1 = add r0 r1; return r1"
    (result,) = _core.map(text, [a], threads=threads)
    np.testing.assert_array_equal(result, a + 1)


def test_inputs_of_two_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\[3\] and \[4\]"):
        _core.map(PRODUCT, [np.ones(3), np.ones(4)])


def test_another_number_of_inputs_is_refused():
    with pytest.raises(ValueError, match="has 2 inputs, got 1"):
        _core.map(PRODUCT, [np.ones(3)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["sin cos", "cos sin"])
def test_sine_and_cosine_side_by_side_are_bitwise_what_each_is_alone(order, dtype):
    random = np.random.default_rng(0)
    ordinary, huge = 10 * random.normal(size=1000), 1e8 * random.normal(size=100)
    a = np.concatenate([ordinary, huge, [0.0, -0.0, np.inf, np.nan]]).astype(dtype)
    first, second = order.split()
    steps = f"r1 = {first} r0; r2 = {second} r0"
    pair = _core.map(f"blockhess 1 | map 1: {steps}; return r1 r2", [a])
    alone = [
        _core.map(f"blockhess 1 | map 1: r1 = {name} r0; return r1", [a])[0]
        for name in (first, second)
    ]
    np.testing.assert_array_equal(pair, alone)


def test_the_cosine_of_a_sine_is_not_taken_for_its_partner():
    a = np.linspace(-3, 3, 50)
    text = "blockhess 1 | map 1: r1 = neg r0; r1 = sin r1; r1 = cos r1; return r1"
    (result,) = _core.map(text, [a])
    np.testing.assert_allclose(result, np.cos(np.sin(-a)), rtol=1e-15)
