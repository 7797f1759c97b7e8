"""Which links of sums are norms, whose diagonal is the sum of the other cells."""

import pytest

from blockhess import expressions as e
from blockhess.expressions import Variable, differentiate, norm_offset

X, S, P, Q = map(Variable, "xspq")
ABS = e.abs(X)

NORMS = [
    (e.exp(X), e.log(S), 0.0),
    (e.exp(2.0 * X - P), e.log(S) - 3.0, 0.0),
    (e.exp(X), P * (e.log(S) + Q), 0.0),
    (e.exp(X), e.log(S + 1.0), 1.0),
    (e.square(X), e.sqrt(S), 0.0),
    (0.5 * e.square(X - P), 3.0 * e.sqrt(2.0 * S + 1.0) - 1.0, 0.5),
    (ABS**3.0, S ** (1 / 3), 0.0),
    (ABS**3.0, S**0.33333334, 0.0),
    (ABS**2.5, S**0.4, 0.0),
    (P * X * X, e.sqrt(S), 0.0),
    (X * P * X, e.sqrt(S), 0.0),
    (X**4.0, S**0.25, 0.0),
    (e.reciprocal(X), e.reciprocal(S), 0.0),
]
OTHERS = [
    (e.exp(X), e.sqrt(S)),
    (e.square(X), e.log(S)),
    (e.square(X), e.log(S + 1.0)),
    (e.square(X), e.exp(-S)),
    (e.square(X) + X, e.sqrt(S)),
    (e.exp(e.square(X)), e.log(S)),
    (X, e.sqrt(S)),
    (e.square(X), S),
    (ABS**3.0, S**0.3),
    (ABS**3.0, S**0.3333333),
]


@pytest.mark.parametrize(("phi", "psi", "offset"), NORMS, ids=str)
def test_a_norm_is_known_with_what_stands_beside_the_sum(phi, psi, offset):
    assert norm_offset(phi, X, psi, S) == e.Constant(offset)


@pytest.mark.parametrize(("phi", "psi"), OTHERS, ids=str)
def test_what_is_no_norm_is_not_taken_for_one(phi, psi):
    assert norm_offset(phi, X, psi, S) is None


@pytest.mark.parametrize(("phi", "psi", "offset"), NORMS, ids=str)
def test_the_diagonal_of_a_norm_is_what_the_formula_says(phi, psi, offset):
    """psi' phi'' + psi'' phi'**2 = psi' phi'' (t - phi) / t, at a number."""
    at = {X: 1.3, S: 4.7, P: 0.6, Q: 0.2}

    def value(f):
        return float(e.substitute(f, at).value)

    phi1, psi1 = differentiate(phi, X), differentiate(psi, S)
    phi2, psi2 = differentiate(phi1, X), differentiate(psi1, S)
    t = at[S] + offset
    stable = value(psi1) * value(phi2) * (t - value(phi)) / t
    direct = value(psi1) * value(phi2) + value(psi2) * value(phi1) ** 2
    assert stable == pytest.approx(direct, rel=1e-6)
