"""Programs: text out, text in, and their limits."""

from __future__ import annotations

import pytest

from blockhess import _core
from blockhess import expressions as e
from blockhess.expressions import (
    ProgramTooLong,
    Variable,
    compile_program,
    differentiate,
    parse_program,
    substitute,
)

x, p = Variable("x"), Variable("p")


def test_outputs_are_registers_zero_or_none_and_subexpressions_are_shared():
    text = compile_program([e.exp(x) * p, None, e.ZERO, e.exp(x), x], [x, p])
    assert text == "2: r2 = exp r0; r3 = mul r1 r2; return r3 none zero r2 r0"


def test_registers_are_reused_once_nobody_reads_them():
    chain = x
    for _ in range(200):
        chain = e.sin(chain)
    text = compile_program([chain], [x])
    assert "r2" not in text
    _core.check_program(text)


def test_sine_and_cosine_of_one_argument_stand_side_by_side():
    text = compile_program([e.exp(e.sin(x)) * e.tanh(x) + e.cos(x) + e.cos(p)], [x, p])
    names = [step.split(" ", 3)[2:] for step in text.partition(": ")[2].split("; ")[:-1]]
    place = names.index(["sin", "r0"])
    assert ["cos", "r0"] in (names[place - 1], names[place + 1])
    _core.check_program(text)


def test_constants_are_written_with_all_their_digits():
    assert "constant 0.1;" in compile_program([e.pow(x, 0.1)], [x])
    assert "constant 1e-300;" in compile_program([e.max(x, 1e-300)], [x])
    _core.check_program(compile_program([e.max(x, float("-inf"))], [x]))


FUNCTIONS = [
    e.sin(x) * e.exp(-x * x) + e.softplus(x),
    0.5 * x * (1 + e.erf(x / 2**0.5)),
    x * e.tanh(e.softplus(x)),
    e.pow(e.abs(x), p),
    e.log1p(e.square(x - p) / 3),
    e.select(e.less(e.abs(x), p), 0.5 * x * x, p * (e.abs(x) - 0.5 * p)),
    e.log(e.exp(-e.square(x - p)) + e.exp(-e.square(x + p))),
    e.lgamma(x + p) - x * e.log(p) + e.pow(x, 1.5) / e.sqrt(x + 2),
]


def _vjp_outputs(f):
    orders = [f]
    for _ in range(3):
        orders.append(differentiate(orders[-1], x))
    return orders + [differentiate(order, p) for order in orders[:3]]


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_three_orders_and_their_parameter_derivatives_fit_a_program(f):
    text = compile_program(_vjp_outputs(f), [x, p])
    assert text.count(";") <= 128  # half of what a program may have
    _core.check_program(text)


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_a_program_parses_back_to_the_expressions_it_came_from(f):
    outputs = _vjp_outputs(f)
    inputs, parsed = parse_program(compile_program(outputs, [x, p]))
    assert [v.name for v in inputs] == ["r0", "r1"]
    back = dict(zip(inputs, (x, p), strict=True))
    assert [substitute(o, back) for o in parsed] == outputs


def test_none_and_zero_parse_back():
    assert parse_program("1: return none zero r0")[1] == (None, e.ZERO, Variable("r0"))


# Malformed text, and what both readers, this one and the core's, say about it.
MALFORMED = [
    ("1: r1 = frobnicate r0; return r1", r"instruction 0 .*frobnicate.*unknown"),
    ("1: r1 = exp r0; r2 = frobnicate r1; return r2", r"instruction 1 .*frobnicate.*unknown"),
    ("1: r1 = exp r7; return r1", r"instruction 0 .*exp.*r7"),
    ("1: r1 = exp r0 r0; return r1", r"instruction 0 .*exp.*takes 1"),
    ("1: r0 = exp r0; return r0", r"instruction 0 .*exp.*overwrites"),
    ("1: r1 = constant one; return r1", r"instruction 0 .*constant.*number"),
    ("1: r1 = exp r0; return", r"return"),
    ("1: r1 = exp r0; return r1 r9", r"r9"),
    ("1: return r0; r1 = exp r0", r"return"),
    ("return r0", r"<inputs>: "),
]


@pytest.mark.parametrize(("text", "message"), MALFORMED, ids=[t for t, _ in MALFORMED])
@pytest.mark.parametrize("read", [parse_program, _core.check_program], ids=["python", "core"])
def test_malformed_text_is_an_error_that_names_the_place(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_what_exceeds_a_program_is_refused_with_its_size():
    chain = x
    for _ in range(256):
        chain = e.sin(chain)
    compile_program([chain], [x])
    with pytest.raises(ProgramTooLong, match="needs 257 instructions; at most 256 fit"):
        compile_program([e.sin(chain)], [x])
    variables = [Variable(f"p{i}") for i in range(65)]
    compile_program([variables[0]], variables[:64])
    with pytest.raises(ProgramTooLong, match="needs 65 inputs; at most 64 fit"):
        compile_program([variables[0]], variables)


def test_an_output_may_read_inputs_only():
    with pytest.raises(ValueError, match="not among the program's inputs: p"):
        compile_program([x * p], [x])
