"""Rules of operations that work cell by cell: each is an expression of its inputs."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from blockhess import expressions as e
from blockhess.expressions import Expression
from blockhess.expressions.composed import clip, divide_no_nan, xdivy, xlog1py, xlogy
from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import ARGUMENTS, Geometry, Parameter, Value


def _relu(a: Expression) -> Expression:
    # The derivative at zero is zero, as TensorFlow has it; NaN stays NaN through the product.
    return e.select(e.less_equal(a, 0.0), 0.0, a)


def _elu(a: Expression) -> Expression:
    return e.select(e.less(a, 0.0), e.expm1(a), a)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # arXiv:1706.02515, section 2


def _selu(a: Expression) -> Expression:
    return SELU_SCALE * e.select(e.less(a, 0.0), SELU_ALPHA * e.expm1(a), a)


def _softsign(a: Expression) -> Expression:
    return a / (1.0 + e.abs(a))


_SAME = {  # TensorFlow's name: the instruction
    **{"Add": "add", "AddV2": "add", "Sub": "sub", "Mul": "mul", "RealDiv": "div", "Div": "div"},
    **{"Neg": "neg", "Square": "square", "Pow": "pow", "Sqrt": "sqrt", "Rsqrt": "rsqrt"},
    **{"Reciprocal": "reciprocal", "Inv": "reciprocal", "Abs": "abs", "BiasAdd": "add"},
    **{"Minimum": "min", "Maximum": "max", "Less": "less", "LessEqual": "less_equal"},
    **{"Greater": "greater", "GreaterEqual": "greater_equal", "Equal": "equal"},
    **{"NotEqual": "not_equal", "Exp": "exp", "Expm1": "expm1", "Log1p": "log1p"},
    **{"Sin": "sin", "Cos": "cos", "Tan": "tan", "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh"},
    **{"Asin": "asin", "Acos": "acos", "Atan": "atan", "Asinh": "asinh", "Acosh": "acosh"},
    **{"Atanh": "atanh", "Sigmoid": "sigmoid", "Softplus": "softplus", "Erf": "erf"},
    **{"Erfc": "erfc", "Lgamma": "lgamma", "Digamma": "digamma", "Polygamma": "polygamma"},
    **{"LogicalAnd": "mul", "LogicalOr": "max", "Sign": "sign"},
}

_COMPOSED: dict[str, Callable[..., Expression]] = {
    "Relu": _relu,
    "Relu6": lambda a: e.select(e.greater_equal(a, 6.0), 6.0, _relu(a)),
    "Elu": _elu,
    "Selu": _selu,
    "Softsign": _softsign,
    "SquaredDifference": lambda a, b: e.square(a - b),
    "DivNoNan": divide_no_nan,
    "Xdivy": xdivy,
    "Xlogy": xlogy,
    "Xlog1py": xlog1py,
    "LogicalNot": lambda a: 1.0 - a,
    "SelectV2": e.select,
    "ClipByValue": clip,
    "Identity": lambda a: a,
    "Snapshot": lambda a: a,
    "EnsureShape": lambda a: a,
}


def of_expression(build: Callable[..., Expression]) -> Rule:
    """The rule of an operation whose output is, cell by cell, an expression of its inputs."""

    def rule(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
        return builder.elementwise(op, build(*ARGUMENTS[: len(inputs)]), inputs)

    return rule


def _leaky_relu(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    a = ARGUMENTS[0]
    slope = float(op.get_attr("alpha"))
    return builder.elementwise(op, e.select(e.greater(a, 0.0), a, slope * a), inputs)


def _add_n(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    if len(inputs) > len(ARGUMENTS):
        return builder.unproven(op, f"adds {len(inputs)} tensors")
    return builder.elementwise(op, sum(ARGUMENTS[1 : len(inputs)], ARGUMENTS[0]), inputs)


def _select(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    shapes = [builder.dimensions(value) for value in inputs]
    if None in shapes or len({len(shape) for shape in shapes}) > 1:
        return builder.unproven(op, "its condition picks whole rows")
    return builder.elementwise(op, e.select(*ARGUMENTS[:3]), inputs)


def _cast(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """A cast to another floating type, without the rounding; else a parameter or opaque."""
    source, target = op.inputs[0].dtype, op.outputs[0].dtype
    if target.is_complex:
        return builder.unproven(op, "gives complex numbers")
    if not target.is_floating:
        return Parameter(op.outputs[0])
    known = source.is_floating or source == tf.bool
    if known and target.size <= builder.dtype.size:
        return builder.elementwise(op, ARGUMENTS[0], inputs)
    return builder.opaque(op, inputs[0].geometry)


def _bias_add(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    if op.get_attr("data_format") == b"NCHW":
        return builder.unproven(op, "has the data format NCHW")
    return builder.elementwise(op, e.add(*ARGUMENTS[:2]), inputs)


def _checked(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """The tensor itself; the check runs although the fused op does not read what it guards."""
    builder.checks.append(op)
    return builder.elementwise(op, ARGUMENTS[0], inputs)


def _prevent_gradient(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    return builder.unproven(op, f"forbids gradients: {op.get_attr('message').decode()!r}")


def _identity_n(builder: Builder, op: tf.Operation, inputs: list[Value]) -> tuple[Value, ...]:
    return tuple(inputs)


def _opaque_cells(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    """A function that works cell by cell, but has no instruction."""
    geometry = builder.align(op, inputs)
    if not isinstance(geometry, Geometry):
        return geometry
    if geometry.summed:
        return builder.unproven(op, "is not linear in a sum over rows")
    return builder.opaque(op, geometry)


OPAQUE = (
    *("Erfinv", "Ndtri", "Atan2", "Igamma", "Igammac", "Zeta", "Betainc"),
    *("FloorMod", "Mod", "MulNoNan"),
)

RULES: dict[str, Rule] = {
    **{name: of_expression(getattr(e, instruction)) for name, instruction in _SAME.items()},
    **{name: of_expression(build) for name, build in _COMPOSED.items()},
    "BiasAdd": _bias_add,
    "LeakyRelu": _leaky_relu,
    "AddN": _add_n,
    "Select": _select,
    "Cast": _cast,
    **dict.fromkeys(("CheckNumerics", "CheckNumericsV2"), _checked),
    "PreventGradient": _prevent_gradient,
    "IdentityN": _identity_n,
    **dict.fromkeys(OPAQUE, _opaque_cells),
}
