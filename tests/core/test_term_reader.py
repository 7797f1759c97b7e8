"""What the readers of terms and maps accept, and what they say about what they do not."""

import pytest

from blockhess import _core

PHI = "phi 1: r1 = square r0; return r1 none none"
PSI = "psi 1: r1 = exp r0; return r1 r1 r1"
NORM = "psi 1: r1 = log r0; return r1 r1 r1 zero"
VJP_PSI = "psi 2: return r0 r1 zero zero none none none"

VALID = [
    f"blockhess 1 | {PSI}",
    f"blockhess 1 | {PHI} | {PSI}",
    f"blockhess 1 | {PHI} | {NORM}",
    f"blockhess 1 | quadratic | {PSI}",
    f"blockhess 1 | linear | {PSI}",
    f"blockhess 1 | {PHI} | quadratic | linear | {PSI}",
]

INVALID = [
    ("", "version ''; this build reads version 'blockhess 1'"),
    (f"blockhess 2 | {PSI}", "version 'blockhess 2'; this build reads version 'blockhess 1'"),
    (f"{PSI}", "this build reads version 'blockhess 1'"),
    ("blockhess 1", "psi is not optional"),
    (f"blockhess 1 | {PHI}", "psi is not optional"),
    (f"blockhess 1 | linear | quadratic | {PSI}", "unexpected section 'quadratic'"),
    (f"blockhess 1 | cubic | {PSI}", "unexpected section 'cubic'"),
    (f"blockhess 1 | {PSI} | {PSI}", "unexpected text after psi"),
    ("blockhess 1 | psi 1: return r0", "psi program: returns 1 outputs; expected 3"),
    (f"blockhess 1 | {NORM}", "psi program: returns 4 outputs; expected 3"),
    (f"blockhess 1 | {PHI} | linear | {NORM}", "psi program: returns 4 outputs; expected 3"),
    (f"blockhess 1 | {NORM.replace('psi', 'phi')} | {PSI}", "phi program: returns 4 outputs"),
    ("blockhess 1 | psi 0: r0 = constant 1.0; return r0 r0 r0", "psi program: has no argument"),
    (f"blockhess 1 | phi 1: r1 = nope r0; return r1 r1 r1 | {PSI}", "phi program: instruction 0"),
]


@pytest.mark.parametrize("text", VALID)
def test_a_well_formed_term_is_accepted(text):
    _core.check_term(text)


@pytest.mark.parametrize(("text", "message"), INVALID)
def test_a_malformed_term_is_refused(text, message):
    with pytest.raises(ValueError) as error:
        _core.check_term(text)
    assert message in str(error.value)


def test_a_vjp_term_returns_three_derivatives_and_three_for_each_parameter():
    _core.check_term(f"blockhess 1 | {VJP_PSI}", vjp=True)
    with pytest.raises(ValueError, match="returns 3 outputs; expected 4"):
        _core.check_term(f"blockhess 1 | {PSI}", vjp=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blockhess 0 | map 1: return r0", "version 'blockhess 0'"),
        (f"blockhess 1 | {PSI}", "expected 'map'"),
        ("blockhess 1 | map 1: return none", "output 0 is none"),
        ("blockhess 1 | map 1: return r0 | linear", "unexpected text after map"),
    ],
)
def test_a_malformed_map_is_refused(text, message):
    with pytest.raises(ValueError) as error:
        _core.evaluate(text, [1.0])
    assert message in str(error.value)
