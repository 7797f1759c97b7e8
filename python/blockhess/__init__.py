"""blockhess: the diagonal blocks of Hessians of functions whose rows do not interact.

import blockhess as bh
blocks = bh.hessian(f, x)                 # (N, K, K) for x of shape (N, K)
"""

from blockhess import ops
from blockhess.api import (
    ValueGradHessian,
    explain,
    hessian,
    hessians,
    value_grad_hessian,
)
from blockhess.facts import __version__, build_info
from blockhess.hvp import hvp
from blockhess.laplacian import laplacian
from blockhess.minimize import RowMinima, RowStatus, minimize_rows
from blockhess.newton import newton_direction
from blockhess.operator import hessian_operator
from blockhess.plan import Plan, PlanOfOutputs

__all__ = [
    "Plan",
    "PlanOfOutputs",
    "RowMinima",
    "RowStatus",
    "ValueGradHessian",
    "__version__",
    "build_info",
    "explain",
    "hessian",
    "hessian_operator",
    "hessians",
    "minimize_rows",
    "newton_direction",
    "hvp",
    "laplacian",
    "ops",
    "value_grad_hessian",
]
