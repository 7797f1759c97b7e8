"""How the shapes of operands are checked against x."""

import numpy as np
import pytest

from blockhess import _core

N, K = 5, 3
PSI = "psi 1: r1 = exp r0; return r1 r1 r1"
PSI_2 = "psi 2: r2 = mul r0 r1; return r2 r2 r2"
PHI_2 = "phi 2: r2 = mul r0 r1; return r2 r2 r2"
TERMS = {
    "phi": f"blockhess 1 | {PHI_2} | {PSI}",
    "S": f"blockhess 1 | quadratic | {PSI}",
    "b": f"blockhess 1 | linear | {PSI}",
    "psi": f"blockhess 1 | {PSI_2}",
}
ACCEPTED = [
    *(("phi", shape) for shape in [(), (1,), (K,), (1, 1), (1, K), (N, 1), (N, K)]),
    *(("S", shape) for shape in [(K, K), (1, K, K), (N, K, K)]),
    *(("b", shape) for shape in [(K,), (1, K), (N, K)]),
    *(("psi", shape) for shape in [(), (1,), (N,), (1, 1), (N, 1)]),
]
REFUSED = [
    *(("phi", shape) for shape in [(N,), (K, N), (N, K, 1), (0,), (2, K)]),
    *(("S", shape) for shape in [(), (K,), (N, K), (K, K + 1), (2, K, K), (1, 1, K, K)]),
    *(("b", shape) for shape in [(), (N,), (1,), (2, K), (1, 1, K)]),
    *(("psi", shape) for shape in [(K,), (2,), (1, N), (N, K), (N, 1, 1)]),
]
EXPECTED = {
    "phi": "parameter 1 of phi has shape {}; expected [], [3], [5,1] or [5,3]",
    "S": "S has shape {}; expected [3,3] or [5,3,3]",
    "b": "b has shape {}; expected [3] or [5,3]",
    "psi": "parameter 1 of psi has shape {}; expected [], [5] or [5,1]",
}


@pytest.mark.parametrize(("operand", "shape"), ACCEPTED)
def test_a_shape_that_broadcasts_is_accepted(operand, shape):
    hessian = _core.terms(np.ones((N, K)), [np.ones(shape)], TERMS[operand])[2]
    assert hessian.shape == (N, K, K)


@pytest.mark.parametrize(("operand", "shape"), REFUSED)
def test_any_other_shape_is_refused_with_both_shapes(operand, shape):
    with pytest.raises(ValueError) as error:
        _core.terms(np.ones((N, K)), [np.ones(shape)], TERMS[operand])
    text = "[" + ",".join(map(str, shape)) + "]"
    assert str(error.value) == f"term 0: {EXPECTED[operand].format(text)} for x of shape [5,3]"


def test_the_number_of_operands_is_checked():
    with pytest.raises(ValueError, match="the terms read 1 operands, but num_operands is 2"):
        _core.terms(np.ones((N, K)), [np.ones(K), np.ones(K)], TERMS["b"])


def test_an_output_that_is_none_but_needed_is_refused():
    term = "blockhess 1 | phi 1: r1 = exp r0; return none none r1 | " + PSI
    with pytest.raises(ValueError, match="term 0: phi program: output 0 is none"):
        _core.terms(np.ones((N, K)), [], term)


def test_an_output_that_is_none_and_not_needed_is_no_matter():
    term = (
        "blockhess 1 | phi 1: return none none r0 | psi 1: r1 = constant 1.0; return none r1 zero"
    )
    hessian = _core.terms(np.full((N, K), 2.0), [], term, want_value=False, want_gradient=False)[2]
    np.testing.assert_array_equal(hessian, np.broadcast_to(2 * np.eye(K), (N, K, K)))
