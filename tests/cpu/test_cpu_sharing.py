"""How rows, threads and memory share out the work changes no bit of the results."""

import itertools

import formula_reference as reference
import numpy as np
import pytest
from formula_cases import CASES, LAYOUTS, points
from test_cpu_terms import assert_all_close, run

from blockhess import _core

SHARED = [name for name in CASES if "per row" not in name]
# As csrc/cpu/cache.h has it, larger results are streamed past the cache on every machine.
STREAMED_BYTES = 64 << 20


def assert_same_bits(results, others):
    for result, other in zip(results, others, strict=True):
        np.testing.assert_array_equal(result, other)


@pytest.mark.parametrize("N, K", [(1, 1100), (2, 700), (5, 300), (40, 130), (3000, 17), (9000, 8)])
def test_any_number_of_threads_gives_the_same_bits(N, K, subtests):
    random = np.random.default_rng(N)
    x, terms = points(random, N, K), CASES["three terms"](random, N, K)
    for layout, dtype in itertools.product(LAYOUTS, ("float64", "float32")):
        one = run(x, terms, dtype, layout=layout, threads=1)
        for threads in (2, 3, 2):
            with subtests.test(layout=layout, dtype=dtype, threads=threads):
                assert_same_bits(one, run(x, terms, dtype, layout=layout, threads=threads))


@pytest.mark.parametrize("case", CASES)
def test_strips_of_wide_blocks_are_the_formula(case, subtests):
    for K in (300, 1100):
        random = np.random.default_rng(K)
        x, terms = points(random, 1, K), CASES[case](random, 1, K)
        expected = reference.terms(x, terms)
        for layout in LAYOUTS:
            with subtests.test(K=K, layout=layout):
                results = run(x, terms, layout=layout, threads=4)
                assert_all_close(results, expected, layout=layout)


@pytest.mark.parametrize("case", SHARED)
def test_a_row_alone_has_the_bits_that_it_has_among_others(case, subtests):
    sizes = [1, 3, 8, 16, 17, 40, 130, 260]
    for K, isa in itertools.product(sizes, _core.build_facts()["isas"]):
        random = np.random.default_rng(K)
        x, terms = points(random, 37, K), CASES[case](random, 37, K)
        terms = [without_row_parameters(term) for term in terms]
        with subtests.test(K=K, isa=isa):
            together = run(x, terms, "float32", isa=isa)
            for row in (0, 5, 36):
                alone = run(x[row : row + 1], terms, "float32", isa=isa, threads=2)
                assert_same_bits(alone, [result[row : row + 1] for result in together])


def without_row_parameters(term):
    parameters = tuple(
        p[:1] if np.ndim(p) == 1 and len(p) == 37 else p for p in term.psi_parameters
    )
    return reference.Term(term.phi, term.phi_parameters, term.S, term.b, term.psi, parameters)


@pytest.mark.parametrize(
    "layout, N, K", [("dense", 60_000, 18), ("packed", 120_000, 17), ("diag", 1_700_000, 11)]
)
def test_a_result_larger_than_the_cache_has_the_bits_of_its_parts(layout, N, K):
    random = np.random.default_rng(8)
    x = random.standard_normal((N, K), np.float32)
    terms = CASES["all parts"](random, 1, K)
    hessian = run(x, terms, "float32", layout=layout, threads=2)[2]
    assert hessian.nbytes > STREAMED_BYTES
    for begin in (0, N // 2 + 1, N - 999):
        part = run(x[begin : begin + 999], terms, "float32", layout=layout)[2]
        np.testing.assert_array_equal(hessian[begin : begin + 999], part)


@pytest.mark.parametrize("case", CASES)
def test_rows_that_are_alike_have_the_same_bits_wherever_they_stand(case, subtests):
    # Two tiles, the second of which is cut short: its last values are in narrower packs.
    isas, N = _core.build_facts()["isas"], 360
    for K, isa, dtype in itertools.product((3, 5, 7, 9, 13), isas, ("float32", "float64")):
        random = np.random.default_rng(K)
        terms = CASES[case](random, N, K)

        def alike(operand, dtype=dtype):
            operand = np.asarray(operand, dtype)
            per_row = operand.ndim > 0 and operand.shape[0] == N
            return np.repeat(operand[:1], N, axis=0) if per_row else operand

        x = alike(points(random, N, K))
        operands = [alike(operand) for term in terms for operand in term.operands]
        text = "\n".join(term.text() for term in terms)
        vjp_text = "\n".join(term.text(vjp=True) for term in terms)
        for layout in LAYOUTS:
            with subtests.test(K=K, isa=isa, dtype=dtype, layout=layout):
                value, gradient, hessian = _core.terms(x, operands, text, layout=layout, isa=isa)
                cotangents = {
                    "value_cotangent": alike(random.normal(size=N)),
                    "gradient_cotangent": alike(random.normal(size=(N, K))),
                    "hessian_cotangent": alike(random.normal(size=np.shape(hessian))),
                }
                wanted = [True] * (1 + len(operands))
                bars = _core.terms_vjp(
                    x, operands, vjp_text, layout=layout, wanted=wanted, isa=isa, **cotangents
                )
                (product, *_) = _core.terms_vjp(
                    x,
                    operands,
                    vjp_text,
                    layout="dense",
                    wanted=[True] + [False] * len(operands),
                    isa=isa,
                    gradient_cotangent=cotangents["gradient_cotangent"],
                )
                per_row = [bar for bar in bars if np.ndim(bar) and len(bar) == N]
                for result in (value, gradient, hessian, *per_row, product):
                    np.testing.assert_array_equal(result, np.repeat(result[:1], N, axis=0))
