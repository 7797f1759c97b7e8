"""Expressions read as people write them."""

from __future__ import annotations

import pytest

from blockhess import expressions as e
from blockhess.expressions import Call, Variable

x, y = Variable("x"), Variable("y")

TEXTS = [
    (e.sin(x) * e.exp(-x * x), "sin(x) * exp(-x**2)"),
    (x + y * 2 - 1, "x + 2 * y - 1"),
    (x - (y - e.sin(x)), "x - (y - sin(x))"),
    (1 - x, "1 - x"),
    (-(x + y), "-(x + y)"),
    (-x * y, "-x * y"),
    ((-x) ** 2, "x**2"),
    (e.square(x + y), "(x + y)**2"),
    (x * x * x, "x**3"),
    (x**4, "x**4"),
    (x**7, "x**7"),
    (x**-1.3, "x**(-1.3)"),
    (x**y, "x**y"),
    ((x + 1) ** (y + 1), "(x + 1)**(y + 1)"),
    (2.0**x, "2**x"),
    (x / y, "x / y"),
    (x / (y * e.sin(y)), "x / (y * sin(y))"),
    (3 / x, "3 / x"),
    (x / 3, "x / 3"),
    (0.5 * x, "0.5 * x"),
    (1 / (1 + x * x), "1 / (x**2 + 1)"),
    (e.select(e.greater(x, 0), x, e.expm1(x)), "select(x > 0, x, expm1(x))"),
    (e.equal(x + 1, 0), "x + 1 == 0"),
    (y * e.less(x, y), "y * (x < y)"),
    (2 * e.less(x, y), "2 * (x < y)"),
    (e.ZERO, "0"),
    (e.Constant(-2.5), "-2.5"),
    (Call("neg", (Call("neg", (x,)),)), "--x"),
]


@pytest.mark.parametrize(("expression", "text"), TEXTS, ids=[t for _, t in TEXTS])
def test_text_is_infix_with_the_fewest_parentheses(expression, text):
    assert str(expression) == text
    assert repr(expression) == text


def test_a_subexpression_shared_2_to_the_60_times_prints_short():
    chain = x
    for _ in range(60):
        chain = e.add(e.exp(chain), e.sin(chain))
    assert len(str(chain)) < 10_000
    assert "..." in str(chain)
