"""Functions whose blocks need no check of symmetry, as all that they are made of is audited."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess.gradients.marks import ends_paths
from blockhess.gradients.paths import between
from blockhess.row_graph import inlining

# TensorFlow's second derivatives of these are right wherever there are any (tests/audit).
_TRUSTED = frozenset(
    {
        *(
            "Add",
            "AddV2",
            "AddN",
            "BiasAdd",
            "Sub",
            "Neg",
            "Mul",
            "RealDiv",
            "Square",
            "Reciprocal",
        ),
        *(
            "SquaredDifference",
            "Sqrt",
            "Rsqrt",
            "Pow",
            "Exp",
            "Expm1",
            "Log",
            "Log1p",
            "Sin",
            "Cos",
        ),
        *("Tan", "Sinh", "Cosh", "Tanh", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh"),
        *("Sigmoid", "Softplus", "Softsign", "Elu", "Selu", "Relu", "Relu6", "LeakyRelu", "Erf"),
        *("Erfc", "Lgamma", "Digamma", "Softmax", "LogSoftmax", "Sum", "Mean", "MatMul", "Einsum"),
        *(
            "BatchMatMul",
            "BatchMatMulV2",
            "Conv2D",
            "Reshape",
            "Transpose",
            "Squeeze",
            "ExpandDims",
        ),
        *("ConcatV2", "Pack", "Unpack", "Split", "SplitV", "StridedSlice", "GatherV2", "Tile"),
        *("BroadcastTo", "Identity", "Cast", "SelectV2", "Maximum", "Minimum", "Max", "Min"),
    }
)


def is_trusted(y: tf.Tensor, sources: Sequence[tf.Tensor]) -> bool:
    """Whether TensorFlow differentiates all rightly by which `y` depends on the sources."""
    return not any(
        op.type not in _TRUSTED or inlining.has_custom_gradient(op)
        for op, _ in between(sources, [y], ends_paths)
    )
