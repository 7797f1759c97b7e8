"""Operations of which no second derivative can be had, and what to write instead."""

_PYTHON = (
    "runs Python, which TensorFlow differentiates once at most; write it in TensorFlow operations"
)

REFUSED = {
    "Lu": "has no gradient in TensorFlow; tf.linalg.qr, cholesky and solve have one",
    "MatrixLogarithm": "has no gradient in TensorFlow; of a symmetric matrix, take the logarithms "
    "of the eigenvalues that tf.linalg.eigh gives",
    "EagerPyFunc": _PYTHON,
    "PyFunc": _PYTHON,
    "PyFuncStateless": _PYTHON,
    "ReduceDataset": "runs over a data set, which TensorFlow does not differentiate; write a loop "
    "over a tensor that holds the data",
    "HSVToRGB": "has no gradient in TensorFlow; write the conversion in arithmetic",
}

_BY = "has no derivative by '{}' in TensorFlow"

REFUSED_INPUTS = {
    "Betainc": {0: _BY.format("a"), 1: _BY.format("b")},
    "Zeta": {0: _BY.format("x")},
    "Polygamma": {0: _BY.format("a")},
    "MatrixDiagV2": {4: _BY.format("padding_value")},
    "MatrixDiagV3": {4: _BY.format("padding_value")},
    "MatrixDiagPartV2": {2: _BY.format("padding_value")},
    "MatrixDiagPartV3": {2: _BY.format("padding_value")},
    "ScaleAndTranslate": {2: _BY.format("scale"), 3: _BY.format("translation")},
    "MatrixSolveLs": {2: _BY.format("l2_regularizer")},
}
