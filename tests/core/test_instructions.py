"""Every instruction, in both types and on every instruction set, against mpmath at 50 digits."""

import itertools

import mpmath
import numpy as np
import pytest

from blockhess import _core
from blockhess.expressions.instructions import INSTRUCTIONS
from instruction_cases import CASES

mpmath.mp.dps = 50
DTYPES = ["float32", "float64"]
ISAS = _core.build_facts()["isas"]

# In units of the last place of the result. digamma and lgamma have zeros, near which only the error
# relative to one is small.
ULPS = {"digamma": 8, "polygamma": 16, "pow": 4, "erfc": 6}
ABSOLUTE = {"digamma", "lgamma"}


def run(name, arguments, dtype, isa):
    registers = " ".join(f"r{i}" for i in range(len(arguments)))
    out = len(arguments)
    text = f"blockhess 1 | map {out}: r{out} = {name} {registers}; return r{out}"
    arrays = [np.asarray(argument, dtype) for argument in arguments]
    with np.errstate(all="ignore"):
        (result,) = _core.map(text, arrays, isa=isa)
    assert result.dtype == dtype
    return result


def test_the_table_of_cases_is_the_table_of_the_core():
    arities = {name: len(case.points[0]) for name, case in CASES.items()}
    assert arities == dict(_core.instructions())


@pytest.mark.parametrize("name", CASES)
def test_an_instruction_is_accurate_to_a_few_units_of_the_last_place(name, subtests):
    case = CASES[name]
    for dtype in DTYPES:
        limits = np.finfo(dtype)
        arguments = [np.asarray(argument, dtype) for argument in zip(*case.points, strict=True)]
        points = list(zip(*arguments, strict=True))
        exact_values = [case.meaning(*(mpmath.mpf(float(a)) for a in point)) for point in points]
        for isa in ISAS:
            results = run(name, arguments, dtype, isa)
            with subtests.test(dtype=dtype, isa=isa):
                for point, result, exact in zip(points, results, exact_values, strict=True):
                    if abs(exact) > limits.max:
                        is_right = np.isinf(result) and np.sign(result) == mpmath.sign(exact)
                        assert is_right, (point, result)
                        continue
                    size = max(
                        abs(exact), mpmath.mpf(1 if name in ABSOLUTE else float(limits.tiny))
                    )
                    ulps = abs(mpmath.mpf(float(result)) - exact) / size / float(limits.eps)
                    told = (point, result, float(exact), float(ulps))
                    assert ulps <= ULPS.get(name, 3.5), told


INF, NAN = np.inf, np.nan
SPECIAL = [
    ("exp", (-INF,), 0.0),
    ("exp", (INF,), INF),
    ("exp", (-1000.0,), 0.0),
    ("expm1", (-INF,), -1.0),
    ("expm1", (INF,), INF),
    ("log", (0.0,), -INF),
    ("log", (-1.0,), NAN),
    ("log", (INF,), INF),
    ("log1p", (-1.0,), -INF),
    ("log1p", (INF,), INF),
    ("sqrt", (-1.0,), NAN),
    ("sqrt", (INF,), INF),
    ("rsqrt", (0.0,), INF),
    ("rsqrt", (INF,), 0.0),
    ("reciprocal", (0.0,), INF),
    ("sin", (INF,), NAN),
    ("cos", (-INF,), NAN),
    ("tan", (INF,), NAN),
    ("sinh", (-INF,), -INF),
    ("cosh", (-INF,), INF),
    ("tanh", (INF,), 1.0),
    ("tanh", (-1000.0,), -1.0),
    ("asin", (1.5,), NAN),
    ("acos", (-1.5,), NAN),
    ("atan", (INF,), np.pi / 2),
    ("asinh", (-INF,), -INF),
    ("acosh", (0.5,), NAN),
    ("acosh", (-2.0,), NAN),
    ("acosh", (INF,), INF),
    ("atanh", (1.0,), INF),
    ("atanh", (-1.5,), NAN),
    ("sigmoid", (1000.0,), 1.0),
    ("sigmoid", (-1000.0,), 0.0),
    ("sigmoid", (-INF,), 0.0),
    ("softplus", (1000.0,), 1000.0),
    ("softplus", (-1000.0,), 0.0),
    ("softplus", (INF,), INF),
    ("softplus", (-INF,), 0.0),
    ("erf", (INF,), 1.0),
    ("erfc", (-INF,), 2.0),
    ("erfc", (INF,), 0.0),
    ("lgamma", (0.0,), INF),
    ("lgamma", (-2.0,), INF),
    ("digamma", (-2.0,), NAN),
    ("polygamma", (1.0, -2.0), INF),
    ("polygamma", (1.5, 2.0), NAN),
    ("polygamma", (-1.0, 2.0), NAN),
    ("pow", (0.0, 0.0), 1.0),
    ("pow", (0.0, -1.0), INF),
    ("pow", (-2.0, 0.5), NAN),
    ("pow", (-2.0, 3.0), -8.0),
    ("pow", (INF, -1.0), 0.0),
    ("min", (NAN, 0.0), NAN),
    ("min", (0.0, NAN), NAN),
    ("max", (NAN, 0.0), NAN),
    ("max", (0.0, NAN), NAN),
    ("max", (INF, 0.0), INF),
    ("sign", (NAN,), NAN),
    ("abs", (-INF,), INF),
    ("less", (NAN, 0.0), 0.0),
    ("equal", (NAN, NAN), 0.0),
    ("not_equal", (NAN, NAN), 1.0),
    ("select", (1.0, 2.0, NAN), 2.0),
    ("select", (0.0, INF, 3.0), 3.0),
    ("select", (1.0, NAN, 3.0), NAN),
]
ODD = [*(n for n, row in INSTRUCTIONS.items() if row.parity == "odd"), "expm1", "log1p"]
PROPAGATES_NAN = [n for n, case in CASES.items() if len(case.points[0]) == 1 and n != "sign"]


@pytest.mark.parametrize("isa", ISAS)
def test_limits_and_undefined_points(isa, subtests):
    for (name, point, expected), dtype in itertools.product(SPECIAL, DTYPES):
        with subtests.test(name=name, point=point, dtype=dtype):
            (result,) = run(name, [[a] for a in point], dtype, isa)
            np.testing.assert_array_equal(result, np.asarray(expected, dtype))


@pytest.mark.parametrize("isa", ISAS)
def test_the_trigamma_function_of_a_huge_number_is_its_inverse(isa):
    np.testing.assert_allclose(run("polygamma", [[1.0], [1e200]], "float64", isa), 1e-200)


@pytest.mark.parametrize("isa", ISAS)
def test_a_zero_keeps_its_sign(isa, subtests):
    for name, dtype in itertools.product(ODD, DTYPES):
        with subtests.test(name=name, dtype=dtype):
            results = run(name, [[0.0, -0.0]], dtype, isa)
            np.testing.assert_array_equal(results, [0.0, 0.0])
            np.testing.assert_array_equal(np.signbit(results), [False, True])


@pytest.mark.parametrize("isa", ISAS)
def test_nan_gives_nan_and_leaves_its_neighbours_alone(isa, subtests):
    others = np.arange(40) != 7
    for name, dtype in itertools.product(PROPAGATES_NAN, DTYPES):
        with subtests.test(name=name, dtype=dtype):
            clean = run(name, [np.full(40, 0.5)], dtype, isa)
            for bad in (NAN, INF, 1e30):
                points = np.full(40, 0.5)
                points[7] = bad
                result = run(name, [points], dtype, isa)
                np.testing.assert_array_equal(result[others], clean[others])
                if np.isnan(bad):
                    assert np.isnan(result[7])


@pytest.mark.parametrize("seed", range(20))
def test_a_random_program_is_what_its_scalar_reading_is(seed, subtests):
    random = np.random.default_rng(seed)
    smooth = ["add", "sub", "mul", "max", "select", "sin", "tanh", "atan", "sigmoid", "erf", "less"]
    arities = dict(_core.instructions())
    lines, registers = [], 3
    for _ in range(100):
        name = random.choice(smooth)
        arguments = " ".join(f"r{random.integers(registers)}" for _ in range(arities[name]))
        out = int(random.integers(3, registers + 1))
        lines.append(f"r{out} = {name} {arguments}; ")
        registers = max(registers, out + 1)
        # Keeps the values of order one, so that rounding errors do not grow.
        lines.append(f"r{out} = tanh r{out}; ")
    text = f"blockhess 1 | map 3: {''.join(lines)}return r{registers - 1} r0 zero"
    points = random.normal(size=(3, 50))
    expected = np.transpose([_core.evaluate(text, point.tolist()) for point in points.T])
    for isa in ISAS:
        with subtests.test(isa=isa):
            results = _core.map(text, list(points), isa=isa)
            np.testing.assert_allclose(results, expected, rtol=1e-7, atol=1e-9)
