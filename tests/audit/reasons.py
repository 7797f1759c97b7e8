"""What a user should know of operations that TensorFlow does not differentiate twice, or wrongly.

Each is a sentence of the page of operations, after the name of the operation.
"""

from __future__ import annotations

# The operation is differentiated once, or never.
NO_ENTRY = "TensorFlow has no derivative of the operation"
NO_ENTRY_OF_GRADIENT = "TensorFlow has no derivative of the operation's gradient"
NOT_DIFFERENTIABLE = "TensorFlow alone gives zero: it declares the operation not differentiable"
GRADIENT_NOT_DIFFERENTIABLE = (
    "TensorFlow alone gives zero: it declares the operation's gradient not differentiable"
)
ONE_INPUT = "TensorFlow alone gives zero: it has no derivative by this input"
GRADIENT_REFUSES = "TensorFlow's gradient function refuses it, or fails"
NO_16_BITS = "TensorFlow alone gives zero: its gradient is none in 16 bits"
PYTHON = "the gradient is a function of Python, too, which has none: write it in TensorFlow"
NUMPY = "a function of NumPy has no derivative: write it in TensorFlow"
NUMPY_GRADIENT = "a gradient that NumPy computes has no derivative: write it in TensorFlow"
RECOMPUTE = "TensorFlow differentiates what is recomputed once only"
CTC = "the derivative of TensorFlow's gradient fails when it runs, or ends the process"

# The gradient is right, its derivative not.
MOMENTS = (
    "TensorFlow's moments stop the gradient at the mean, so that second derivatives lack a term"
)
BATCH_NORM_SLOPE = "TensorFlow stops the gradient at the mean in third derivatives"
LABELS_OF_X = "TensorFlow's gradient is differentiated as if labels did not depend on x"
PROD = "TensorFlow divides by x, so that rows with a zero lose their second derivatives"
SEGMENT_PROD = "TensorFlow's derivatives are NaN or zero where a segment has a zero or two"
BESSEL = "TensorFlow takes the slope of I1 at 0 for 1: it is 1/2"
LIMIT_BY_WHERE = (
    "TensorFlow takes a constant for the gradient's limit, whose own derivative is lost"
)
COMPLEX_ABS = "TensorFlow's gradient of |z| is zero at 0, and so is the curvature of |z|^2"
ABS = "TensorFlow's gradient of |x| is zero at 0, and so is the curvature of |x|^2"
UPSTREAM_LOGARITHM = "TensorFlow takes the logarithm of the upstream gradient, which is zero here"
EUCLIDEAN_NORM = "TensorFlow divides by the upstream gradient, which is zero here"
EQUAL_EIGENVALUES = "TensorFlow leaves out terms where eigenvalues are equal, or nearly"
EQUAL_SINGULAR_VALUES = "TensorFlow leaves out terms where singular values are equal, or nearly"
MAX_POOL = (
    "where input and output have one shape TensorFlow's kernel clears what it reads: zero, in some "
    "calls or in all"
)

# The gradient is not right, either.
LABELS_SUM = "TensorFlow's gradient is that of labels that add up to one"
CUMPROD = "TensorFlow's gradient divides by x, and is wrong in rows with a zero"
XLOGY = "TensorFlow's slope is 0 where the first argument is, instead of the logarithm"
TIES = (
    "composed of |x| and max, whose derivatives at ties TensorFlow takes from one side or for zero"
)
PURE_COLOUR = "TensorFlow's gradient is wrong where the smallest channel is 0"
CHOLESKY = "TensorFlow's gradient takes a matrix to be symmetric of which one triangle is read"
SINGULAR = "TensorFlow's gradient divides by the determinant: it cancels, or the whole call fails"
BISECTION = (
    "found by bisection, which has no derivative: TensorFlow's gradient is that of its bounds"
)
OVERWRITTEN = "TensorFlow's gradient goes to what is overwritten, too"
NOT_THE_ADJOINT = "TensorFlow's gradient is the inverse transform, not the adjoint"
ALIGNED = "TensorFlow's gradient reads diagonals from the right that stand at the left"
POW = "TensorFlow multiplies 0 by an infinite power of 0 where the exponent is 0 or 1"
AT_THE_BORDER = "TensorFlow's gradient goes by way of log(x)"
SILU_BETA = "TensorFlow's gradient by beta has another shape than beta"
INFINITE_SLOPE = "TensorFlow multiplies an infinite slope by the zero of what is not taken"

# Conventions.
SAME_POINT = "NaN where x == c: a limit that the condition hides is not found"
SAFE_POINT = "NaN where x == c by the fused route; constant there by autodiff, as inside"
CONSTANT_LIMIT = "a constant in place of a limit is constant; write a Taylor polynomial instead"
DIVIDE_NO_NAN = "constant where the denominator is 0, as the operation defines it"
NORM_AT_ZERO = "NaN: the norm of a row of zeros has no derivative"
FIRST_OF_EQUALS = "of equal cells the first is the largest"
COMPARISONS = "zero: comparisons have no derivative"
ONLY_VALUES = "NaN where eigenvalues are equal, but for functions of tf.linalg.eigvalsh alone"
STRAIGHT = "the gradient that the operation declares, that of a straight line within its range"
NO_GRADIENT = "the clipped gradient is that of no function: its blocks are not symmetric"
AUTHOR = "the derivatives of the gradient that its author defines, whatever f's values are"
STOPPED = "what the author stops in the gradient has no derivative there"
