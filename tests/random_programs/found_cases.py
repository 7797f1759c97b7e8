"""What random programs have found: each was wrong once, or was taken for wrong."""

from __future__ import annotations

from typing import NamedTuple

from random_functions import Example, NumpyExample


class Case(NamedTuple):
    name: str
    example: Example | NumpyExample


CASES = [
    Case(
        "the value of a mean of no rows",
        Example(
            """x = np.array([], "float32").reshape((0, 2))
def f(x):
    return tf.reduce_sum(x * x) * 0.5 + tf.reduce_mean(tf.math.sin(x))
"""
        ),
    ),
    Case(
        "a zero whose slope is zero and whose curvature is not",
        NumpyExample(
            """x = np.array([-0.5, 0.0], "float32").reshape((2, 1))
terms = [dict(function='acosh(1.5 + square(erf(x)))', S=None, b=None, link='acosh(1.5 + square(erf(s)))', parameters=dict())]
"""
        ),
    ),
]
