"""The forward pass against the formula in plain NumPy."""

import itertools

import formula_reference as reference
import numpy as np
import pytest
from formula_cases import CASES, LAYOUTS, SIZES_K, points

from blockhess import _core

DTYPES = ["float64", "float32"]
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def run(x, terms, dtype="float64", **options):
    operands = [np.asarray(operand, dtype) for term in terms for operand in term.operands]
    return _core.terms(
        x.astype(dtype), operands, "\n".join(term.text() for term in terms), **options
    )


def assert_all_close(results, expected, dtype="float64", layout="dense"):
    """`expected` is the value, the gradient and the dense blocks."""
    *others, hessian = expected
    expected = (*others, reference.in_layout(hessian, layout))
    for result, one in zip(results, expected, strict=True):
        assert result.dtype == dtype and result.shape == np.shape(one)
        assert_close(result, one, dtype)


def assert_close(result, expected, dtype):
    expected = np.asarray(expected)
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("case", CASES)
def test_value_gradient_and_blocks_are_the_formula(case, subtests):
    for K in SIZES_K:
        random = np.random.default_rng(K)
        x, terms = points(random, 5, K), CASES[case](random, 5, K)
        expected = reference.terms(x, terms)
        for layout, dtype in itertools.product(LAYOUTS, DTYPES):
            with subtests.test(K=K, layout=layout, dtype=dtype):
                assert_all_close(run(x, terms, dtype, layout=layout), expected, dtype, layout)


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_rows(case, subtests):
    for N in (0, 1, 1000):
        random = np.random.default_rng(N)
        x, terms = points(random, N, 9), CASES[case](random, N, 9)
        expected = reference.terms(x, terms)
        for layout in LAYOUTS:
            with subtests.test(N=N, layout=layout):
                assert_all_close(run(x, terms, layout=layout), expected, layout=layout)


@pytest.mark.parametrize("case", CASES)
def test_rows_longer_than_a_chunk(case, subtests):
    random = np.random.default_rng(7)
    x, terms = points(random, 2, 1100), CASES[case](random, 2, 1100)
    expected = reference.terms(x, terms)
    for layout in LAYOUTS:
        with subtests.test(layout=layout):
            assert_all_close(run(x, terms, layout=layout), expected, layout=layout)


@pytest.mark.parametrize("case", ["all parts", "three terms", "separable, identity"])
def test_every_compile_time_size(case, subtests):
    for K in range(1, 21):
        random = np.random.default_rng(K)
        x, terms = points(random, 300, K), CASES[case](random, 300, K)
        expected = reference.terms(x, terms)
        for layout, dtype in itertools.product(LAYOUTS, DTYPES):
            with subtests.test(K=K, layout=layout, dtype=dtype):
                assert_all_close(run(x, terms, dtype, layout=layout), expected, dtype, layout)


@pytest.mark.parametrize("case", ["all parts per row", "separable, gaussian", "S per row"])
def test_a_row_that_is_not_a_number_touches_no_other_row(case, subtests):
    others = np.delete(np.arange(40), [0, 7, 39])
    for K, dtype in itertools.product(range(1, 18), DTYPES):
        random = np.random.default_rng(K)
        x, terms = points(random, 40, K), CASES[case](random, 40, K)
        spoilt = x.copy()
        spoilt[[0, 7, 39]] = [[np.nan], [np.inf], [np.nan]]
        with subtests.test(K=K, dtype=dtype):
            sound = run(x, terms, dtype)
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
def test_only_what_is_wanted_comes_back(layout, subtests):
    random = np.random.default_rng(1)
    x, terms = points(random, 20, 4), CASES["three terms"](random, 20, 4)
    expected = reference.terms(x, terms, layout)
    for value, gradient in itertools.product([False, True], repeat=2):
        with subtests.test(want_value=value, want_gradient=gradient):
            results = run(x, terms, layout=layout, want_value=value, want_gradient=gradient)
            for result, one, wanted in zip(results, expected, (value, gradient, True), strict=True):
                if wanted:
                    assert_close(result, one, "float64")
                else:
                    assert result is None


@pytest.mark.parametrize("case", CASES)
def test_every_instruction_set_computes_the_formula(case, subtests):
    random = np.random.default_rng(2)
    for K in (3, 16, 37):
        x, terms = points(random, 11, K), CASES[case](random, 11, K)
        expected = reference.terms(x, terms)
        for dtype, isa in itertools.product(DTYPES, _core.build_facts()["isas"]):
            with subtests.test(K=K, dtype=dtype, isa=isa):
                assert_all_close(run(x, terms, dtype, isa=isa), expected, dtype)


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


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bad_row_leaves_the_others_alone(layout, subtests):
    random = np.random.default_rng(6)
    x, terms = points(random, 40, 5), CASES["three terms"](random, 40, 5)
    clean = run(x, terms, layout=layout)
    others = np.arange(40) != 17
    for bad in (np.nan, np.inf, -np.inf):
        x[17, 2] = bad
        with subtests.test(bad=bad):
            for before, after in zip(clean, run(x, terms, layout=layout), strict=True):
                np.testing.assert_array_equal(before[others], after[others])
                assert not np.isfinite(after[17]).all()


def test_an_identically_zero_second_derivative_leaves_exact_zeros_off_the_diagonal():
    x = np.array([[1e200, 0.0, np.inf]])
    terms = [reference.Term(reference.EXP, (), None, None, reference.IDENTITY)]
    hessian = run(x, terms)[2]
    np.testing.assert_array_equal(hessian[0], np.diag([np.inf, 1.0, np.inf]))
