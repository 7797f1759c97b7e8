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
        "a power of a power whose exponent is zero",
        NumpyExample(
            """x = np.array([-0.625, 0.0], "float32").reshape((1, 2))
terms = [dict(function='pow(0.25 + abs((pow(0.25 + abs((exp(x))), (x)))), (1.875))', S=None, b=None, link=None, parameters=dict())]
"""
        ),
    ),
    Case(
        "a power of an exponent that is zero, below a link",
        NumpyExample(
            """x = np.array([0.001, 0.0], "float64").reshape((1, 2))
p1 = np.array([-3.0, 1.625], "float64").reshape((2,))
terms = [dict(function='pow(0.25 + abs(acos(tanh(x))), (p1) * (x))', S=None, b=None, link='softplus(s - 2.0)', parameters=dict(p1=p1))]
"""
        ),
    ),
    Case(
        "no rows in bfloat16, whose mean is nan",
        Example("""x = np.array([], "bfloat16").reshape((0, 1))
p1 = np.array([-2.625], "bfloat16").reshape((1,))
def f(x):
    return tf.reduce_mean(tf.squeeze(x @ tf.reshape(p1, [1, 1]), -1) - tf.reduce_sum(x, -1))
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
        "the square of an absolute value at zero",
        NumpyExample(
            """x = np.array([-0.75, 0.5, 0.0], "float64").reshape((3, 1))
terms = [dict(function='x', S=None, b=None, link='log1p(0.5 + square(abs(s)))', parameters=dict())]
"""
        ),
    ),
    Case(
        "slopes whose product overflows in a choice that is not taken",
        NumpyExample(
            """x = np.array([1.0, 0.5], "float32").reshape((1, 2))
terms = [dict(function='1e22 * x', S=None, b=None, link='minimum(s, 1.0) ** 2', parameters=dict())]
"""
        ),
    ),
    Case(
        "an arcsine of a choice that is -1, where its slope is infinite",
        NumpyExample(
            """x = np.array([-2.125, -0.125], "float32").reshape((1, 2))
terms = [dict(function='asin(maximum(x, -1.0))', S=None, b=None, link=None, parameters=dict())]
"""
        ),
    ),
    Case(
        "an exponent that is zero, with a curvature and no slope",
        NumpyExample(
            """x = np.array([0.0, -1.5], "float32").reshape((1, 2))
terms = [dict(function='pow(0.75, square(x))', S=None, b=None, link=None, parameters=dict())]
"""
        ),
    ),
    Case(
        "the slope of tanh said by its value",
        Example(
            """x = np.array([1.75, -1.5, 1.125, -2.375, 0.0, 2.0, -1.375, -1.625, -2.125, 1.75, 2.0, 1.0], "float32").reshape((1, 3, 4))
p1 = np.array([-0.125, 2.625, 2.75, -1.625, 1.375, -0.375, -2.25, 0.875], "float32").reshape((4, 2))
def f(x):
    return tf.reduce_sum(tf.reduce_sum(tf.math.tanh(x @ p1), -1))
"""
        ),
    ),
    Case(
        "the slope of selu said by its value",
        Example(
            """x = np.array([1.25, 20.0, 0.125, 0.25, 89.0, -20.0], "float32").reshape((3, 2))
p1 = np.array([2.625, -3.0], "float32").reshape((2,))
def f(x):
    return tf.reduce_mean(tf.nn.selu(tf.reduce_sum(x * p1, -1)))
"""
        ),
    ),
    Case(
        "gelu, whose constant is a float32",
        Example("""x = np.array([0.875, 20.0, -0.0], "float64").reshape((3, 1))
def f(x):
    return tf.norm(tf.nn.gelu(x), ord=1, axis=-1)
"""),
    ),
    Case(
        "a factor of a logarithm that is zero",
        NumpyExample(
            """x = np.array([-2.0, 2.0, 1.25], "float32").reshape((1, 3))
p1 = np.array([-1.25], "float32").reshape(())
terms = [dict(function='x', S=None, b=None, link='xlogy(((s) + (p1)), 0.5 + square((0.0)))', parameters=dict(p1=p1)), dict(function='exp(x)', S=None, b=None, link=None, parameters=dict())]
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
    Case(
        "an infinite slope of what is constant",
        Example("""x = np.array([-2.0, 0.25, -1.5, 0.5], "float32").reshape((2, 2))
def f(x):
    return tf.reduce_sum(tf.math.asin(tf.math.maximum(x, -1.0)), -1)
"""),
    ),
    Case(
        "a link with an infinite slope of what is constant",
        Example("""x = np.array([-2.0, 0.25, 1.5, 0.5], "float64").reshape((2, 2))
def f(x):
    return tf.math.sqrt(tf.nn.relu(tf.reduce_sum(x, -1)))
"""),
    ),
    Case(
        "a product that does not vary",
        NumpyExample("""x = np.array([2.125, 0.5, -0.625], "float64").reshape((3,))
p1 = np.array([-0.25], "float64").reshape(())
terms = [dict(function='p1 * ((x - 1.0) - (3.0 + x))', S=None, b=None, link='log(2.0 + square(s))', parameters=dict(p1=p1))]
"""),
    ),
    Case(
        "a link that does not vary",
        NumpyExample("""x = np.array([2.125, 0.5, -0.625], "float64").reshape((3,))
p1 = np.array([0.25], "float64").reshape(())
terms = [dict(function='exp(x)', S=None, b=None, link='log(p1 + (s - s))', parameters=dict(p1=p1))]
"""),
    ),
    Case(
        "an exponential that does not vary, below a logarithm",
        Example("""x = np.array([2.0, 0.5, -0.625, 1.0], "float32").reshape((2, 2))
p1 = np.array([0.25, 2.0], "float32").reshape((2,))
def f(x):
    return tf.math.log(tf.reduce_sum(tf.math.exp(p1 + (x - x)), -1))
"""),
    ),
    Case(
        "rows that a function knows to be none, and a sum that meets them: TensorFlow divided by 0",
        Example(
            """x = np.array([], "float32").reshape((0, 3))
def f(x):
    cells = tf.reshape(tf.reshape(x, [-1, 3, 1]), tf.shape(x))
    return tf.reduce_sum(x * tf.reduce_sum(x, -1, keepdims=True) - cells, -1)
""",
            "dense",
            "function",
        ),
    ),
    Case(
        "lgamma far below zero, where TensorFlow's polygamma is wrong in float32",
        Example(
            """x = np.array([2.125, 2.125, -1.5], "float32").reshape((1, 3, 1))
p1 = np.array([-0.625, -2.25, 2.0], "float32").reshape((1, 3, 1, 1))
def f(x):
    return tf.reduce_mean(tf.math.lgamma(tf.reduce_sum(x * tf.linalg.matvec(p1, x), -1)))
"""
        ),
    ),
    Case(
        "a sum and a mean near the largest number",
        Example("""x = np.array([-2.0, 3.0, 0.75, -2.75, 2.75, -4.4942328371557893e+307], "float64").reshape((3, 2))
p1 = np.array([-1.875, -2.0], "float64").reshape((2,))
def f(x):
    return tf.reduce_sum(tf.reduce_sum(p1 * x, -1)) * 0.5 + tf.reduce_mean(1.0 - x)
"""),
    ),
    Case(
        "the size of what a cast to float32 makes zero",
        Example("""x = np.array([1.5, -2.2250738585072014e-308], "float64").reshape((1, 2))
def f(x):
    return tf.reduce_sum(tf.sqrt(tf.abs(tf.cast(tf.cast(x, tf.float32), x.dtype)) + 0.25), -1)
"""),
    ),
    Case(
        "nan that a weight of zero meets",
        Example("""x = np.array([20.0, 0.5, -1.5, 2.0, np.nan, 0.375], "float64").reshape((3, 2))
p1 = np.array([-1.25, 0.0], "float64").reshape((2,))
def f(x):
    return tf.reduce_sum(tf.square(tf.reduce_sum(x * p1, -1)))
"""),
    ),
]
