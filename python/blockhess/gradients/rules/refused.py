"""Operations of which no second derivative can be had, and what to write instead."""

_PYTHON = (
    "runs Python, which TensorFlow differentiates once at most; write it in TensorFlow operations"
)

_UNIQUE = "has no gradient in TensorFlow; tf.gather by indices that do not depend on x has one"
_DENSE = "has no gradient in TensorFlow; the same of tf.sparse.to_dense has one"
_CTC = (
    "is differentiated once at most by TensorFlow; a second derivative needs the recurrence of its "
    "forward probabilities written in TensorFlow operations"
)
_CELL = (
    "has no second derivative in TensorFlow; keras.layers.LSTM and keras.layers.GRU have, and a "
    "cell written in matmul, sigmoid and tanh"
)
_DRAWN = "has no gradient in TensorFlow; leave the drawing out of f"
_GLIMPSE = "has no gradient in TensorFlow; tf.image.crop_and_resize has derivatives"
_FRACTIONAL = (
    "has no second derivative in TensorFlow; tf.nn.max_pool and tf.nn.avg_pool of tf.image.resize "
    "have"
)
_SELECTED = (
    "has no gradient in TensorFlow; tf.image.non_max_suppression of values by tf.stop_gradient "
    "and tf.gather have"
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
    "IgammaGradA": "has no derivative: of igamma(a, x) there is no second one by 'a'",
    "RandomShuffle": "moves cells in an order that is not known afterwards; write tf.gather(x, "
    "tf.random.shuffle(tf.range(n)))",
    **dict.fromkeys(("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"), _UNIQUE),
    **dict.fromkeys(("SparseSparseMaximum", "SparseSparseMinimum"), _DENSE),
    **dict.fromkeys(("SparseReduceMax", "SparseReduceMaxSparse"), _DENSE),
    "SparseSplit": "has no gradient in TensorFlow; tf.sparse.slice has",
    **dict.fromkeys(("CTCLoss", "CTCLossV2"), _CTC),
    **dict.fromkeys(("GRUBlockCell", "LSTMBlockCell", "BlockLSTM", "BlockLSTMV2"), _CELL),
    **dict.fromkeys(("DrawBoundingBoxes", "DrawBoundingBoxesV2"), _DRAWN),
    **dict.fromkeys(("ExtractGlimpse", "ExtractGlimpseV2"), _GLIMPSE),
    **dict.fromkeys(("FractionalMaxPool", "FractionalAvgPool"), _FRACTIONAL),
    "CombinedNonMaxSuppression": _SELECTED,
}

_BY = "has no derivative by '{}' in TensorFlow"

REFUSED_INPUTS = {
    "Betainc": {0: _BY.format("a"), 1: _BY.format("b")},
    "Zeta": {0: _BY.format("x")},
    "Polygamma": {0: _BY.format("a")},
    "ScaleAndTranslate": {2: _BY.format("scale"), 3: _BY.format("translation")},
    "MatrixSolveLs": {2: _BY.format("l2_regularizer")},
}
