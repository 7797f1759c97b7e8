"""What is no function is refused with the text, the position and what was expected."""

from __future__ import annotations

import numpy as np
import pytest

import blockhess.numpy as bn

X = np.ones((2, 3))

REFUSED = {  # text: part of the message
    "sin(y)": r"in 'sin\(y\)' at position 4: unknown name 'y'; expected one of x, or",
    "  é * x": "at position 2: unknown name 'é'",
    "x +\n yy": "at position 5: unknown name 'yy'",
    "2 * sinn(x)": r"at position 4: unknown function 'sinn'; did you mean .*\bsin\b",
    "qqq(x)": "unknown function 'qqq'$",
    "math.sin(x)": "unknown function 'math.sin'",
    "np.nothing + x": "unknown name 'np.nothing'",
    "exp(x, x)": "at position 0: exp takes 1 argument; got 2",
    "np.where(x > 0)": "np.where takes 3 arguments; got 1",
    "exp(x=x)": "exp takes 1 argument; got 1, some by keyword",
    "exp(*x)": "is not understood",
    "x // 2": "'x // 2' is not understood; expected a number",
    "x if x > 0 else 0": "is not understood",
    "0 < x < 1": "one of < <= > >= == != between two values",
    "x[0]": "is not understood",
    "lambda x: x": "is not understood",
    "__import__('os')": "unknown function '__import__'",
    "True * x": "at position 0: 'True'; expected a real number",
    "1j * x": "expected a real number",
    f"x * {10**400}": "a number beyond float64's range",
    "x +": "at position 3: invalid syntax",
    "(x": "at position 0: .*never closed",
    "": "in ''.*: invalid syntax",
    "x; x": "invalid syntax",
    "x\0": "null bytes",
    "-" * 100_000 + "x": "in '---",
    "+".join(["x"] * 100_000): "in 'x",
    "polygamma(x, x)": "polygamma has no derivative to its order",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_a_text_is_refused_with_the_reason(text):
    with pytest.raises(ValueError, match=f"(?s){REFUSED[text]}"):
        bn.hessian(text, X)


def test_a_link_is_a_function_of_s():
    with pytest.raises(ValueError, match="unknown name 'x'; expected one of s, or a parameter"):
        bn.hessian("x**2", X, link="exp(x)")


def test_the_names_that_are_known_are_said():
    with pytest.raises(
        ValueError, match="unknown name 'd'; expected one of x, a, c, or a parameter"
    ):
        bn.hessian("a * c * d", X, c=1.0, a=2.0)


def test_a_parameter_that_no_text_reads_is_refused():
    with pytest.raises(ValueError, match="unexpected parameter d, e: neither function='c \\* x'"):
        bn.hessian("c * x", X, c=1.0, d=2.0, e=3.0)


def test_a_parameter_may_vanish_and_may_have_the_name_of_a_constant():
    np.testing.assert_array_equal(bn.laplacian("x**2 + 0 * c", X, c=1.0), [6.0, 6.0])
    np.testing.assert_array_equal(bn.laplacian("pi * x**2", X, pi=2.0), [12.0, 12.0])


def test_a_function_too_long_for_a_program_is_a_ValueError_that_names_it():
    text = " * ".join(f"sin(x + {i})" for i in range(40))
    with pytest.raises(ValueError, match=r"function='sin\(x \+ 0\).*at most 256 fit"):
        bn.hessian(text, X)


def test_a_call_without_a_function_is_refused():
    with pytest.raises(ValueError, match="at least one of function, S and b"):
        bn.hessian(None, X, link="exp(s)")


@pytest.mark.parametrize("function", [1.0, np.sin, ["x**2"], []])
def test_a_function_that_is_no_text_is_a_TypeError(function):
    with pytest.raises(TypeError, match="function is text, None, a Term or a sequence of them"):
        bn.hessian(function, X)


def test_what_stands_in_terms_is_not_given_beside_them():
    for arguments in ({"S": np.eye(3)}, {"b": np.ones(3)}, {"link": "s"}, {"c": 1.0}):
        with pytest.raises(ValueError, match="given within each Term"):
            bn.hessian(bn.Term("x**2"), X, **arguments)
