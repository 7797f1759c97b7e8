"""Operations of which no second derivative can be had, and what to write instead."""

_PYTHON = (
    "runs Python, which TensorFlow differentiates once at most; write it in TensorFlow operations"
)

REFUSED = {
    "EagerPyFunc": _PYTHON,
    "PyFunc": _PYTHON,
    "PyFuncStateless": _PYTHON,
    "ReduceDataset": "runs over a data set, which TensorFlow does not differentiate; write a loop "
    "over a tensor that holds the data",
    "IgammaGradA": "has no derivative: of igamma(a, x) there is no second one by 'a'",
}

_BY = "has no derivative by '{}' in TensorFlow"

REFUSED_INPUTS = {
    "Betainc": {0: _BY.format("a"), 1: _BY.format("b")},
    "Zeta": {0: _BY.format("x")},
    "Polygamma": {0: _BY.format("a")},
    "ScaleAndTranslate": {2: _BY.format("scale"), 3: _BY.format("translation")},
    "MatrixSolveLs": {2: _BY.format("l2_regularizer")},
}
