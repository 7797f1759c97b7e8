"""blockhess: the diagonal blocks of Hessians of functions whose rows do not interact.

import blockhess as bh
blocks = bh.hessian(f, x)                 # (N, K, K) for x of shape (N, K)

TensorFlow is imported when a name that needs it is first used: `blockhess.numpy` works without.
Once TensorFlow is imported, before or after, its graphs and SavedModels may hold the ops.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from blockhess.build import __version__, build_info

if TYPE_CHECKING:
    from blockhess import ops
    from blockhess.api.explain import explain
    from blockhess.api.hessian import hessian
    from blockhess.api.hessian_operator import hessian_operator
    from blockhess.api.hessians import hessians
    from blockhess.api.hvp import hvp
    from blockhess.api.laplacian import laplacian
    from blockhess.api.minimize_rows import RowMinima, RowStatus, minimize_rows
    from blockhess.api.newton_direction import newton_direction
    from blockhess.api.register_rule import register_rule
    from blockhess.api.value_grad_hessian import ValueGradHessian, value_grad_hessian
    from blockhess.routes.plan import Plan, PlanOfOutputs

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
    "register_rule",
    "value_grad_hessian",
]

_SUBMODULES = ("expressions", "numpy", "ops")

#: The names that need TensorFlow, by the module they are in.
_NAMES = {
    "api.explain": ("explain",),
    "api.hessian": ("hessian",),
    "api.hessian_operator": ("hessian_operator",),
    "api.hessians": ("hessians",),
    "api.hvp": ("hvp",),
    "api.laplacian": ("laplacian",),
    "api.minimize_rows": ("RowMinima", "RowStatus", "minimize_rows"),
    "api.newton_direction": ("newton_direction",),
    "api.register_rule": ("register_rule",),
    "api.value_grad_hessian": ("ValueGradHessian", "value_grad_hessian"),
    "routes.plan": ("Plan", "PlanOfOutputs"),
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"blockhess.{name}")
    module = next((module for module, names in _NAMES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module 'blockhess' has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(f"blockhess.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _register_ops(tensorflow: ModuleType) -> None:
    try:
        importlib.import_module("blockhess.ops")
    except Exception as error:
        # TensorFlow works without; whoever uses the ops meets the error itself.
        warnings.warn(f"the ops of blockhess are not registered: {error}", stacklevel=2)


wrapt.register_post_import_hook(_register_ops, "tensorflow")
