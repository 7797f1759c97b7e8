"""The forward pass against the formula in plain NumPy."""

import formula_reference as reference
import numpy as np
import pytest
from formula_cases import CASES, LAYOUTS, SIZES_K, points

from blockhess import _core

TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def run(x, terms, dtype="float64", **options):
    operands = [np.asarray(operand, dtype) for term in terms for operand in term.operands]
    return _core.terms(
        x.astype(dtype), operands, "\n".join(term.text() for term in terms), **options
    )


def assert_close(result, expected, dtype):
    expected = np.asarray(expected)
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("K", SIZES_K)
@pytest.mark.parametrize("case", CASES)
def test_value_gradient_and_blocks_are_the_formula(case, K, layout, dtype):
    random = np.random.default_rng(K)
    x, terms = points(random, 5, K), CASES[case](random, 5, K)
    results = run(x, terms, dtype, layout=layout)
    for result, expected in zip(results, reference.terms(x, terms, layout), strict=True):
        assert result.dtype == dtype
        assert_close(result, expected, dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("N", [0, 1, 1000])
@pytest.mark.parametrize("case", CASES)
def test_any_number_of_rows(case, N, layout):
    random = np.random.default_rng(N)
    x, terms = points(random, N, 9), CASES[case](random, N, 9)
    results = run(x, terms, layout=layout)
    for result, expected in zip(results, reference.terms(x, terms, layout), strict=True):
        assert result.shape == expected.shape
        assert_close(result, expected, "float64")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_rows_longer_than_a_chunk(case, layout):
    random = np.random.default_rng(7)
    x, terms = points(random, 2, 1100), CASES[case](random, 2, 1100)
    results = run(x, terms, layout=layout)
    for result, expected in zip(results, reference.terms(x, terms, layout), strict=True):
        assert_close(result, expected, "float64")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("K", range(1, 21))
def test_every_compile_time_size(K, dtype):
    random = np.random.default_rng(K)
    for case in ("all parts", "three terms", "separable, identity"):
        x, terms = points(random, 300, K), CASES[case](random, 300, K)
        for layout in LAYOUTS:
            results = run(x, terms, dtype, layout=layout)
            for result, expected in zip(results, reference.terms(x, terms, layout), strict=True):
                assert_close(result, expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("K", range(1, 18))
def test_a_row_that_is_not_a_number_touches_no_other_row(K, dtype):
    random = np.random.default_rng(K)
    x = points(random, 40, K)
    for case in ("all parts per row", "separable, gaussian", "S per row"):
        terms = CASES[case](random, 40, K)
        sound = run(x, terms, dtype)
        spoilt = x.copy()
        spoilt[[0, 7, 39]] = [[np.nan], [np.inf], [np.nan]]
        others = np.delete(np.arange(40), [0, 7, 39])
        for result, expected in zip(run(spoilt, terms, dtype), sound, strict=True):
            np.testing.assert_array_equal(result[others], expected[others])
            assert np.isnan(result[0]).any()


def test_no_columns_at_all():
    random = np.random.default_rng(0)
    x = points(random, 4, 0)
    terms = [reference.Term(reference.EXP, (), None, None, reference.GAUSSIAN)]
    value, gradient, hessian = run(x, terms)
    np.testing.assert_array_equal(value, np.ones(4))
    assert gradient.shape == (4, 0) and hessian.shape == (4, 0, 0)
    np.testing.assert_array_equal(run(x, terms, layout="trace")[2], np.zeros(4))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("want_value", [False, True])
@pytest.mark.parametrize("want_gradient", [False, True])
def test_only_what_is_wanted_comes_back(layout, want_value, want_gradient):
    random = np.random.default_rng(1)
    x, terms = points(random, 20, 4), CASES["three terms"](random, 20, 4)
    results = run(x, terms, layout=layout, want_value=want_value, want_gradient=want_gradient)
    wanted = (want_value, want_gradient, True)
    for result, expected, is_wanted in zip(
        results, reference.terms(x, terms, layout), wanted, strict=True
    ):
        if is_wanted:
            assert_close(result, expected, "float64")
        else:
            assert result is None


@pytest.mark.parametrize("isa", _core.build_facts()["isas"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_every_instruction_set_computes_the_formula(case, dtype, isa):
    random = np.random.default_rng(2)
    for K in (3, 16, 37):
        x, terms = points(random, 11, K), CASES[case](random, 11, K)
        for result, expected in zip(
            run(x, terms, dtype, isa=isa), reference.terms(x, terms), strict=True
        ):
            assert_close(result, expected, dtype)


@pytest.mark.parametrize("K", [3, 8, 33])
def test_blocks_are_symmetric_to_the_bit(K):
    random = np.random.default_rng(3)
    x, terms = points(random, 50, K), CASES["all parts"](random, 50, K)
    hessian = run(x, terms)[2]
    np.testing.assert_array_equal(hessian, np.swapaxes(hessian, 1, 2))


@pytest.mark.parametrize("K", [3, 8, 33])
def test_layouts_agree_to_the_bit(K):
    random = np.random.default_rng(4)
    x, terms = points(random, 50, K), CASES["all parts"](random, 50, K)
    dense = run(x, terms)[2]
    packed = run(x, terms, layout="packed")[2]
    np.testing.assert_array_equal(packed, reference.in_layout(dense, "packed"))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_number_of_threads_changes_no_bit(threads):
    random = np.random.default_rng(5)
    x, terms = points(random, 1000, 6), CASES["all parts"](random, 1000, 6)
    for one, many in zip(run(x, terms), run(x, terms, threads=threads), strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bad_row_leaves_the_others_alone(bad, layout):
    random = np.random.default_rng(6)
    x, terms = points(random, 40, 5), CASES["three terms"](random, 40, 5)
    clean = run(x, terms, layout=layout)
    x[17, 2] = bad
    others = np.arange(40) != 17
    for before, after in zip(clean, run(x, terms, layout=layout), strict=True):
        np.testing.assert_array_equal(before[others], after[others])
        assert not np.isfinite(after[17]).all()


def test_an_identically_zero_second_derivative_leaves_exact_zeros_off_the_diagonal():
    x = np.array([[1e200, 0.0, np.inf]])
    terms = [reference.Term(reference.EXP, (), None, None, reference.IDENTITY)]
    hessian = run(x, terms)[2]
    np.testing.assert_array_equal(hessian[0], np.diag([np.inf, 1.0, np.inf]))
