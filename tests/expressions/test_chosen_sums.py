"""Functions of sums have no slope in rows that a choice makes zero, and keep theirs elsewhere."""

import pytest

from blockhess import expressions as e
from blockhess.expressions import Variable, flat_without_a_choice

x, s, p = Variable("x"), Variable("s"), Variable("p")
RELU = e.select(e.less_equal(x, 0), 0, x)
SHIFTED = e.select(e.less_equal(x - p, 0), 0, x - p)

RECOGNISED = {
    "relu": (e.sqrt(s), RELU),
    "relu**2": (e.sqrt(s), e.square(RELU)),
    "max": (e.sqrt(s), e.square(e.max(x, 0))),
    "min": (e.sqrt(s), e.square(e.min(x, 0))),
    "relu(x - p)": (e.sqrt(s), e.square(SHIFTED)),
    "a p-norm": (s ** (1 / 3), RELU**3.0),
    "a where": (e.log(s), e.select(e.greater(x, 0), x * e.exp(x), 0)),
    "a negative sum": (e.sqrt(-s), -2.0 * e.square(RELU)),
    "a factor": (p * e.sqrt(3 * s), RELU),
}
NOT_RECOGNISED = {
    "no choice": (e.sqrt(s), e.square(x)),
    "an even power": (e.sqrt(e.sqrt(s)), e.square(e.square(x))),
    "a smooth link": (e.exp(s), e.square(RELU)),
    "an offset": (e.sqrt(s + 1), e.square(RELU)),
    "weights of any sign": (e.sqrt(s), p * e.square(RELU)),
    "chosen where it may be 0": (e.sqrt(s), e.select(e.greater(x, -1), x * x, 0)),
    "chosen where it may change its sign": (e.sqrt(s), e.select(e.greater(x, 0), x - 1, 0)),
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_sum_of_cells_of_one_sign_or_zero_by_choice_is_recognised(name):
    psi, phi = RECOGNISED[name]
    chosen = flat_without_a_choice(psi, s, phi)
    assert chosen.instruction == "select" and chosen.arguments[:2] == (s, psi)


@pytest.mark.parametrize("name", NOT_RECOGNISED)
def test_other_functions_of_sums_stay_what_they_are(name):
    psi, phi = NOT_RECOGNISED[name]
    assert flat_without_a_choice(psi, s, phi) is psi
