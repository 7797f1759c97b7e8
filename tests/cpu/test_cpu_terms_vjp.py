"""The vector-Jacobian product against the complex step through the formula in plain NumPy."""

import itertools
from dataclasses import dataclass, field

import formula_reference as reference
import numpy as np
import pytest
from formula_cases import CASES, LAYOUTS, SIZES_K, points

from blockhess import _core

DTYPES = ["float64", "float32"]
TOLERANCE = {"float64": 1e-11, "float32": 1e-4}
STEP = 1e-40
GIVEN = ["value", "gradient", "hessian"]


@dataclass
class Problem:
    """The inputs (x, then every operand) and one cotangent for each result."""

    x: np.ndarray
    terms: list[reference.Term]
    layout: str
    cotangents: dict[str, np.ndarray]
    _slopes: list[tuple[int, np.ndarray, float]] = field(default_factory=list)

    @property
    def inputs(self) -> list[np.ndarray]:
        return [self.x, *(operand for term in self.terms for operand in term.operands)]

    def inner_product(self, inputs: list[np.ndarray]) -> complex:
        """The inner product of the cotangents and the results at other inputs."""
        operands = list(inputs[1:])
        terms = [term.with_operands(operands) for term in self.terms]
        results = dict(zip(GIVEN, reference.terms(inputs[0], terms, self.layout), strict=True))
        return sum(np.sum(cotangent * results[name]) for name, cotangent in self.cotangents.items())

    def derivative(self, index: int, direction: np.ndarray) -> float:
        """The derivative of the inner product by input `index`."""
        inputs = [input.astype(complex) for input in self.inputs]
        inputs[index] = inputs[index] + 1j * STEP * direction
        return self.inner_product(inputs).imag / STEP

    def slopes(self, directions: int) -> list[tuple[int, np.ndarray, float]]:
        """(an input's index, a random direction, the derivative) that every call finds the same."""
        if not self._slopes:
            random = np.random.default_rng(99)
            for index, input in enumerate(self.inputs):
                for _ in range(directions):
                    direction = random.normal(size=input.shape)
                    slope = self.derivative(index, direction)
                    self._slopes.append((index, direction, slope))
        return self._slopes

    def bars(self, dtype="float64", wanted=None, **options) -> list[np.ndarray | None]:
        inputs = [input.astype(dtype) for input in self.inputs]
        cotangents = {
            f"{name}_cotangent": cotangent.astype(dtype)
            for name, cotangent in self.cotangents.items()
        }
        text = "\n".join(term.text(vjp=True) for term in self.terms)
        wanted = [True] * len(inputs) if wanted is None else wanted
        return _core.terms_vjp(
            inputs[0], inputs[1:], text, layout=self.layout, wanted=wanted, **cotangents, **options
        )


def problem(case, N, K, layout="dense", given=GIVEN, seed=0) -> Problem:
    random = np.random.default_rng(seed)
    x, terms = points(random, N, K), CASES[case](random, N, K)
    results = dict(zip(GIVEN, reference.terms(x, terms, layout), strict=True))
    # Scaled so that every cotangent counts for about as much.
    cotangents = {
        name: random.normal(size=results[name].shape)
        / max(1, np.sqrt(results[name].size / max(N, 1)))
        for name in given
    }
    return Problem(x, terms, layout, cotangents)


def assert_bars_are_right(problem: Problem, bars, dtype="float64", directions=3):
    for input, bar in zip(problem.inputs, bars, strict=True):
        assert bar.shape == input.shape and bar.dtype == dtype
    for index, direction, slope in problem.slopes(directions):
        scale = 1 + np.sqrt(np.sum(np.square(bars[index] * direction)))
        assert abs(np.sum(bars[index] * direction) - slope) < TOLERANCE[dtype] * scale, index


@pytest.mark.parametrize("case", CASES)
def test_all_cotangents_together(case, subtests):
    for K, layout in itertools.product(SIZES_K, LAYOUTS):
        one = problem(case, 5, K, layout)
        for dtype in DTYPES:
            with subtests.test(K=K, layout=layout, dtype=dtype):
                assert_bars_are_right(one, one.bars(dtype), dtype)


@pytest.mark.parametrize("case", CASES)
def test_each_cotangent_alone(case, subtests):
    alone = [["value"], ["gradient"], ["hessian"], ["value", "hessian"]]
    for given, layout in itertools.product(alone, LAYOUTS):
        with subtests.test(given=given, layout=layout):
            one = problem(case, 5, 4, layout, given)
            assert_bars_are_right(one, one.bars())


@pytest.mark.parametrize("case", ["all parts", "all parts per row", "three terms"])
def test_every_entry(case):
    case = problem(case, 3, 3)
    for index, bar in enumerate(case.bars()):
        for entry in np.ndindex(bar.shape):
            direction = np.zeros(bar.shape)
            direction[entry] = 1
            assert bar[entry] == pytest.approx(
                case.derivative(index, direction), rel=1e-9, abs=1e-12
            )


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_rows(case, subtests):
    for N, layout in itertools.product((0, 1, 1000), LAYOUTS):
        with subtests.test(N=N, layout=layout):
            one = problem(case, N, 6, layout)
            assert_bars_are_right(one, one.bars(), directions=1)


@pytest.mark.parametrize(
    "case",
    [
        "separable, gaussian",
        *(pytest.param(name, marks=pytest.mark.full) for name in ("all parts", "three terms")),
    ],
)
def test_rows_longer_than_a_chunk(case, subtests):
    for layout in LAYOUTS:
        with subtests.test(layout=layout):
            one = problem(case, 2, 1100, layout)
            assert_bars_are_right(one, one.bars(), directions=1)


@pytest.mark.parametrize("case", ["all parts", "all parts per row", "three terms"])
def test_every_compile_time_size(case, subtests):
    for K, layout in itertools.product(range(1, 21), LAYOUTS):
        with subtests.test(K=K, layout=layout):
            one = problem(case, 40, K, layout)
            assert_bars_are_right(one, one.bars(), directions=1)


@pytest.mark.parametrize("case", CASES)
def test_every_instruction_set(case, subtests):
    for K in (3, 16, 37):
        one = problem(case, 11, K)
        for dtype, isa in itertools.product(DTYPES, _core.build_facts()["isas"]):
            with subtests.test(K=K, dtype=dtype, isa=isa):
                assert_bars_are_right(one, one.bars(dtype, isa=isa), dtype, directions=1)


@pytest.mark.parametrize("case", ["all parts", "all parts per row", "three terms"])
def test_each_bar_alone_is_the_same(case):
    case = problem(case, 7, 5)
    together = case.bars()
    for index, expected in enumerate(together):
        wanted = [i == index for i in range(len(together))]
        alone = case.bars(wanted=wanted)
        assert [bar is not None for bar in alone] == wanted
        np.testing.assert_allclose(alone[index], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("case", ["all parts", "three terms"])
def test_the_number_of_threads_changes_no_bit(case, threads):
    case = problem(case, 20000, 6)
    for one, many in zip(case.bars("float32"), case.bars("float32", threads=threads), strict=True):
        np.testing.assert_array_equal(one, many)


def test_a_bad_row_leaves_the_others_alone():
    case = problem("three terms", 40, 5)
    clean = case.bars()[0]
    case.x[17, 2] = np.nan
    others = np.arange(40) != 17
    np.testing.assert_array_equal(case.bars()[0][others], clean[others])


def test_many_rows_are_summed_without_losing_digits():
    # 100000 float32 rows that each add about 1 to b_bar: a float32 sum would lose four digits.
    N, K = 100_000, 2
    terms = [reference.Term(None, (), None, np.zeros(K), reference.IDENTITY)]
    x = np.full((N, K), 1.1)
    case = Problem(x, terms, "dense", {"value": np.ones(N)})
    expected = N * np.float64(np.float32(1.1))
    np.testing.assert_allclose(case.bars("float32")[1], expected, rtol=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_x_alone_from_the_gradient_alone_is_each_block_times_its_cotangent(case, subtests):
    for N, K in [*((11, K) for K in (1, 2, 3, 8, 15, 16, 17, 33, 130)), (2, 1100), (0, 3)]:
        one = problem(case, N, K, given=["gradient"])
        wanted = [index == 0 for index in range(len(one.inputs))]
        blocks = reference.terms(one.x, one.terms)[2]
        expected = np.einsum("nkl,nl->nk", blocks, one.cotangents["gradient"])
        scale = max(1.0, np.abs(expected).max(initial=0))
        for dtype, isa in itertools.product(DTYPES, _core.build_facts()["isas"]):
            with subtests.test(N=N, K=K, dtype=dtype, isa=isa):
                x_bar, *others = one.bars(dtype, wanted=wanted, isa=isa)
                assert x_bar.dtype == dtype and all(other is None for other in others)
                np.testing.assert_allclose(x_bar, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def test_the_products_of_other_rows_do_not_see_a_bad_row():
    case = problem("three terms", 40, 5, given=["gradient"])
    wanted = [index == 0 for index in range(len(case.inputs))]
    clean = case.bars(wanted=wanted)[0]
    case.x[17, 2] = np.nan
    others = np.arange(40) != 17
    spoilt = case.bars(wanted=wanted, threads=3)[0]
    np.testing.assert_array_equal(spoilt[others], clean[others])
    assert np.isnan(spoilt[17]).any()
