"""What random programs have found: each was wrong once, or was taken for wrong."""

from __future__ import annotations

from typing import NamedTuple

from random_functions import Example, NumpyExample


class Case(NamedTuple):
    name: str
    example: Example | NumpyExample


CASES = [
    *(
        Case(
            f"{name}, {call}",
            Example(
                f"""x = np.array([], "float32").reshape((0, 2))
def f(x):
    return {result}
""",
                "dense",
                call,
            ),
        )
        for call in ("eager", "unknown rows")
        for name, result in [
            ("a mean of no rows", "tf.reduce_sum(x * x) * 0.5 + tf.reduce_mean(tf.math.sin(x))"),
            ("a mean of means of no rows", "tf.reduce_mean(tf.reduce_mean(tf.math.sin(x), -1))"),
        ]
    ),
    Case(
        "nan times a row sum",
        Example("""x = np.array([0.5, 2.0, 1.0, -0.25], "float64").reshape((2, 2))
def f(x):
    return tf.reduce_mean(tf.reduce_mean(tf.math.sin(x), -1) * tf.constant(np.nan, x.dtype))
"""),
    ),
    Case(
        "infinity times a mean with an offset",
        Example("""x = np.array([0.5, 2.0, 1.0, -0.25], "float64").reshape((2, 2))
def f(x):
    return tf.reduce_mean(tf.reduce_sum(x, -1) + 1.0) * tf.constant(np.inf, x.dtype)
"""),
    ),
    Case(
        "a power whose exponent passes through zero",
        Example("""x = np.array([0.0, 0.5, -0.0, -0.5], "float64").reshape((2, 2))
def f(x):
    return tf.reduce_sum(tf.pow(x + 2.0, x), -1)
"""),
    ),
    # What the reference had wrong.
    Case(
        "a zero whose slope is zero and whose curvature is not",
        NumpyExample(
            """x = np.array([-0.5, 0.0], "float32").reshape((2, 1))
terms = [dict(function='acosh(1.5 + square(erf(x)))', S=None, b=None, link='acosh(1.5 + square(erf(s)))', parameters=dict())]
"""
        ),
    ),
    Case(
        "the absolute value of a square at zero",
        NumpyExample(
            """x = np.array([0.0, 0.0], "float32").reshape((2,))
p1 = np.array([0.375], "float32").reshape(())
terms = [dict(function='polygamma(2.0, abs((x) * (x)) + 0.25)', S=None, b=None, link='(abs(s) + 0.25) ** 0.75 + p1', parameters=dict(p1=p1))]
"""
        ),
    ),
    Case(
        "a logarithm of a sum of exponentials of one row of rank one",
        Example("""x = np.array([0.5, -2.0], "float64").reshape((2,))
p1 = np.array([2.75, -1.25], "float64").reshape((2,))
def f(x):
    return tf.tensordot(x, p1, 1) + tf.math.log(tf.reduce_sum(tf.math.exp(x), -1))
"""),
    ),
]
