"""What the reader of programs accepts, and what it says about what it does not."""

import pytest

from blockhess import _core

VALID = [
    "1: return r0",
    "0: r0 = constant 1.5; return r0",
    "1: r1 = exp r0; return r1 zero none",
    "2: r2 = add r0 r1; r2 = mul r2 r2; r3 = select r0 r1 r2; return r3",
    "1: r255 = constant -1e-300; r1 = polygamma r255 r0; return r1",
    "1: r1 = constant inf; r2 = constant -inf; r3 = constant nan; return r1 r2 r3",
    "64: return r63",
    "1: " + "r1 = exp r0; " * 256 + "return r1",
]

INVALID = [
    ("", "expected '<inputs>: ' at the start"),
    ("return r0", "expected '<inputs>: ' at the start"),
    ("x: return r0", "expected a number of inputs from 0 to 64, got 'x'"),
    ("65: return r0", "expected a number of inputs from 0 to 64, got '65'"),
    ("-1: return r0", "got '-1'"),
    ("1: r1 = exp r0;", "expected 'return' and outputs at the end, got ''"),
    ("1: r1 = exp r0", "expected 'return' and outputs at the end"),
    ("1: return", "'return' without outputs"),
    ("1: return r0 rubbish", "instruction 0 ('return'): 'rubbish' is not a register"),
    ("1: return r0; r1 = exp r0", "text after 'return'"),
    ("1: return r0;", "text after 'return'"),
    ("1: r1 = exp r0; r2 = frobnicate r1; return r2", "instruction 1 ('frobnicate'): unknown"),
    ("1: r1 = add r0; return r1", "instruction 0 ('add'): takes 2 arguments, got 1"),
    ("1: r1 = exp r0 r0; return r1", "instruction 0 ('exp'): takes 1 arguments, got 2"),
    ("1: r1 = exp r2; return r1", "instruction 0 ('exp'): reads 'r2', which nothing has written"),
    ("1: return r7", "instruction 0 ('return'): reads 'r7', which nothing has written"),
    ("1: r0 = exp r0; return r0", "instruction 0 ('exp'): overwrites the input 'r0'"),
    ("1: r256 = exp r0; return r0", "'r256' is not a register; expected r0 to r255"),
    ("1: r1 = exp x0; return r1", "'x0' is not a register"),
    ("1: r1 exp r0; return r1", "expected 'r<number> = <name> <arguments>'"),
    ("1: r1 = constant; return r1", "instruction 0 ('constant'): expected one number"),
    ("1: r1 = constant 1.5x; return r1", "instruction 0 ('constant'): '1.5x' is not a number"),
    ("1: r1 = constant 0,5; return r1", "'0,5' is not a number"),
    ("1: " + "r1 = exp r0; " * 257 + "return r1", "more than 256 instructions"),
    ("1: return " + "r0 " * 1025, "more than 1024 outputs"),
    ("1: r1 = \x01\xff" + "y" * 100 + " r0; return r1", "'?"),
]


@pytest.mark.parametrize("text", VALID)
def test_a_well_formed_program_is_accepted(text):
    _core.check_program(text)


@pytest.mark.parametrize(("text", "message"), INVALID)
def test_a_malformed_program_is_refused_by_a_message_that_says_where(text, message):
    with pytest.raises(ValueError) as error:
        _core.check_program(text)
    assert message in str(error.value)
    assert len(str(error.value)) < 250


def test_a_register_may_be_written_again_and_again():
    text = "blockhess 1 | map 1: r1 = constant 2.0; r1 = mul r1 r0; r1 = mul r1 r1; return r1"
    assert _core.evaluate(text, [3.0]) == [36.0]


def test_an_output_may_be_an_input_or_a_constant():
    text = "blockhess 1 | map 2: r2 = constant 2.5; return r1 r2 r0 zero"
    assert _core.evaluate(text, [3.0, 4.0]) == [4.0, 2.5, 3.0, 0.0]


def test_constants_keep_every_bit():
    for value in (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0):
        text = f"blockhess 1 | map 0: r0 = constant {value!r}; return r0"
        assert _core.evaluate(text, [])[0].hex() == value.hex()
