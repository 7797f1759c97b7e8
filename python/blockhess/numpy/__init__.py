"""blockhess on NumPy arrays, without TensorFlow: functions as text, the same core.

import blockhess.numpy as bn
blocks = bn.hessian("sin(x) * exp(-x**2)", x)        # (N, K, K) for x of shape (N, K)
"""

from blockhess.numpy.functions import ValueGradHessian, hessian, hvp, laplacian, value_grad_hessian
from blockhess.numpy.names import FUNCTIONS
from blockhess.numpy.text_terms import Term

__all__ = [
    "FUNCTIONS",
    "Term",
    "ValueGradHessian",
    "hessian",
    "hvp",
    "laplacian",
    "value_grad_hessian",
]
