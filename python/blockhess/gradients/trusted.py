"""Functions whose blocks need no check of symmetry, as all that they are made of is audited."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess.gradients.paths import between
from blockhess.gradients.rules import GRADIENTS, PATTERNS
from blockhess.row_graph import inlining

# TensorFlow's second derivatives of these are right wherever there are any: each is on a path of a
# row of tests/audit.
_RIGHT = frozenset(
    """
    Add AddN AddV2 BiasAdd ClipByValue DivNoNan FloorMod Mul MulNoNan Neg RealDiv Reciprocal Square
    SquaredDifference Sub
    Acos Acosh Asin Asinh Atan Atanh Cos Cosh Sin Sinh Tan Tanh
    Exp Expm1 Log Log1p Pow Rsqrt Sqrt
    BesselI0 BesselI0e BesselJ0 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Dawsn
    Digamma Erf Erfc Expint FresnelCos FresnelSin Lgamma Polygamma Zeta
    SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits Xdivy Xlog1py Xlogy
    Elu LeakyRelu LogSoftmax Relu Relu6 Selu Sigmoid Softmax Softplus Softsign
    Angle Complex Conj FFT FFT2D FFT3D IFFT IFFT2D Imag Real
    AvgPool AvgPool3D Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2 DepthwiseConv2dNative
    ExtractImagePatches ExtractVolumePatches
    BandedTriangularSolve BatchMatMul BatchMatMulV2 Cross Einsum MatMul MatrixInverse MatrixSolve
    MatrixTriangularSolve TridiagonalMatMul TridiagonalSolve
    Cumsum Max Maximum Mean Min Minimum NthElement Prod Select SelectV2 Sum TopKV2
    SegmentMax SegmentMean SegmentMin SegmentSum UnsortedSegmentMax UnsortedSegmentMin
    UnsortedSegmentSum
    BatchToSpaceND BroadcastTo Cast CheckNumerics ConcatV2 DepthToSpace DynamicPartition EnsureShape
    ExpandDims GatherNd GatherV2 Identity MatrixBandPart MatrixSetDiagV3 MirrorPad Pack Pad Reshape
    ReverseSequence ReverseV2 Roll ScatterNd Slice SpaceToBatchND SpaceToDepth Split SplitV Squeeze
    StridedSlice TensorScatterAdd TensorScatterSub TensorStridedSliceUpdate Tile Transpose Unpack
    SparseDenseCwiseDiv SparseDenseCwiseMul SparseReduceSum SparseReorder SparseTensorDenseAdd
    SparseTensorDenseMatMul SparseToDense
    """.split()
)
TRUSTED = _RIGHT | GRADIENTS.keys() | PATTERNS.keys()


def is_trusted(y: tf.Tensor, sources: Sequence[tf.Tensor]) -> bool:
    """Whether all is differentiated rightly by which `y` depends on the sources."""
    return not any(
        op.type not in TRUSTED or inlining.has_custom_gradient(op)
        for op, _ in between(sources, [y])
    )
