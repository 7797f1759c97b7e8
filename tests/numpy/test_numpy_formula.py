"""The NumPy face computes the formula: closed forms, in every layout and for all shapes."""

from __future__ import annotations

import numpy as np
import pytest

import blockhess.numpy as bn

K = 3


class Problem:
    """f(x) = exp(-c s) for each row, with s = sum_k a sin(x_k) + 1/2 x'S x + b'x, by hand."""

    def __init__(self, rng: np.random.Generator, rows: tuple[int, ...], by_row: bool) -> None:
        shape = rows if by_row else ()
        self.x = rng.normal(size=(*rows, K))
        self.a, self.b = rng.normal(size=(2, *shape, K))
        self.S = rng.normal(size=(*shape, K, K))
        self.c = rng.uniform(0.1, 0.3, size=shape)

    def arguments(self) -> dict:
        return {"S": self.S, "b": self.b, "link": "exp(-c * s)", "a": self.a, "c": self.c}

    def value_grad_hessian(self):
        x, c = self.x, np.asarray(self.c)
        S = (self.S + np.swapaxes(self.S, -1, -2)) / 2
        Sx = np.einsum("...ij,...j->...i", np.broadcast_to(S, (*x.shape, K)), x)
        s = (self.a * np.sin(x) + x * Sx / 2 + self.b * x).sum(-1)
        u = self.a * np.cos(x) + Sx + self.b
        value = np.exp(-c * s)
        D = (-self.a * np.sin(x))[..., None] * np.eye(K)
        outer = u[..., :, None] * u[..., None, :]
        hessian = value[..., None, None] * (
            c[..., None, None] ** 2 * outer - c[..., None, None] * (S + D)
        )
        return value, (-c * value)[..., None] * u, hessian


ROWS = [(5,), (), (1,), (0,), (2, 4), (2, 0)]


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("by_row", [False, True])
def test_value_gradient_and_hessian_are_the_closed_forms(rows, by_row, rng):
    problem = Problem(rng, rows, by_row)
    expected = problem.value_grad_hessian()
    results = bn.value_grad_hessian("a * sin(x)", problem.x, **problem.arguments())
    for result, other in zip(results, expected, strict=True):
        assert np.shape(result) == np.shape(other)
        np.testing.assert_allclose(result, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("by_row", [False, True])
def test_laplacian_hvp_and_layouts_are_parts_of_the_hessian(rows, by_row, rng):
    problem = Problem(rng, rows, by_row)
    x, arguments = problem.x, problem.arguments()
    hessian = problem.value_grad_hessian()[2]

    def close(result, expected):
        assert np.shape(result) == np.shape(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)

    close(bn.laplacian("a * sin(x)", x, **arguments), np.trace(hessian, axis1=-2, axis2=-1))
    diagonal = np.diagonal(hessian, axis1=-2, axis2=-1)
    close(bn.hessian("a * sin(x)", x, layout="diag", **arguments), diagonal)
    packed = hessian[(..., *np.triu_indices(K))]
    close(bn.hessian("a * sin(x)", x, layout="packed", **arguments), packed)
    for v in (rng.normal(size=x.shape), rng.normal(size=K)):
        expected = np.einsum("...ij,...j->...i", hessian, np.broadcast_to(v, x.shape))
        close(bn.hvp("a * sin(x)", x, v, **arguments), expected)


def test_a_sum_of_terms_is_the_sum_of_their_hessians(rng):
    x, A = rng.normal(size=(5, K)), rng.normal(size=(K, K))
    terms = [
        bn.Term("c * cos(x)", parameters={"c": rng.normal(size=(5, 1))}),
        bn.Term(S=A, b=A[0], link="log(w + s**2)", parameters={"w": 2.0}),
        bn.Term("exp(x)", link="log(s)"),
    ]
    v = rng.normal(size=x.shape)
    for function in (bn.hessian, bn.laplacian, lambda f, x: bn.hvp(f, x, v)):
        total = sum(function(term, x) for term in terms)
        np.testing.assert_allclose(function(terms, x), total, rtol=1e-12, atol=1e-13)
    values = [bn.value_grad_hessian(term, x).value for term in terms]
    np.testing.assert_allclose(bn.value_grad_hessian(terms, x).value, sum(values), rtol=1e-13)


@pytest.mark.parametrize("arguments", [{"b": np.ones(K)}, {"b": np.ones(K), "link": "2 * s + 1"}])
def test_a_linear_function_has_zero_hessian_laplacian_and_products(arguments):
    x = np.ones((2, K))
    np.testing.assert_array_equal(bn.hessian(None, x, **arguments), np.zeros((2, K, K)))
    np.testing.assert_array_equal(bn.laplacian(None, x, **arguments), np.zeros(2))
    np.testing.assert_array_equal(bn.hvp(None, x, x, **arguments), np.zeros((2, K)))


def test_a_constant_counts_once_a_cell():
    value, gradient, hessian = bn.value_grad_hessian("1.5", np.ones((2, K)))
    np.testing.assert_array_equal(value, [4.5, 4.5])
    assert not gradient.any() and not hessian.any()


def test_the_value_of_one_row_is_a_number():
    assert isinstance(bn.value_grad_hessian("x**2", [1.0, 2.0]).value, np.float64)
    assert isinstance(bn.laplacian("x**2", [1.0, 2.0]), np.float64)


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (
            {"S": np.eye(4)},
            r"S has shape \(4, 4\); expected \(..., 3, 3\), with or without .*\(5,\)",
        ),
        ({"S": np.ones((4, 3, 3))}, r"S has shape \(4, 3, 3\)"),
        ({"b": 1.0}, r"b has shape \(\); expected \(..., 3\)"),
        ({"a": np.ones(5)}, r"a has shape \(5,\); expected \(..., 3\) or \(..., 1\)"),
        ({"a": np.ones((4, 3))}, r"a has shape \(4, 3\)"),
        ({"link": "s * c", "c": np.ones(3)}, r"c has shape \(3,\); expected \(...\)"),
        ({"layout": "upper"}, "layout is 'upper'; expected one of dense, diag, packed, trace"),
        ({"threads": 0}, "threads is 0; expected a positive number, or None"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(arguments, expected):
    function = "a * x**2" if "a" in arguments else "x**2"
    with pytest.raises(ValueError, match=expected):
        bn.value_grad_hessian(function, np.ones((5, K)), **arguments)


def test_a_vector_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"v has shape \(2,\); expected that of x, \(5, 3\)"):
        bn.hvp("x**2", np.ones((5, K)), np.ones(2))


def test_logaddexp_keeps_the_smaller_of_far_apart_numbers():
    x = np.array([[-1e6, 1e6, 0.3]])
    value, gradient, hessian = bn.value_grad_hessian("logaddexp(x, 0.3)", x, layout="diag")
    np.testing.assert_allclose(value, np.logaddexp(x, 0.3).sum(1), rtol=1e-15)
    np.testing.assert_allclose(gradient, [[0.0, 1.0, 0.5]])
    np.testing.assert_allclose(hessian, [[0.0, 0.0, 0.25]])
