"""blockhess: the diagonal blocks of Hessians of functions whose rows do not interact.

import blockhess as bh
blocks = bh.hessian(f, x)                 # (N, K, K) for x of shape (N, K)

TensorFlow is imported when a name that needs it is first used: `blockhess.numpy` works without.
Once TensorFlow is imported, before or after, its graphs and SavedModels may hold the ops.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from blockhess.facts import __version__, build_info

if TYPE_CHECKING:
    from blockhess import ops
    from blockhess.api import (
        ValueGradHessian,
        explain,
        hessian,
        hessians,
        value_grad_hessian,
    )
    from blockhess.hvp import hvp
    from blockhess.laplacian import laplacian
    from blockhess.minimize import RowMinima, RowStatus, minimize_rows
    from blockhess.newton import newton_direction
    from blockhess.plan import Plan

__all__ = [
    "Plan",
    "RowMinima",
    "RowStatus",
    "ValueGradHessian",
    "__version__",
    "build_info",
    "explain",
    "hessian",
    "hessians",
    "minimize_rows",
    "newton_direction",
    "hvp",
    "laplacian",
    "ops",
    "value_grad_hessian",
]

_SUBMODULES = ("expressions", "numpy", "ops")

#: The names that need TensorFlow, by the module they are in.
_NAMES = {
    "api": ("ValueGradHessian", "explain", "hessian", "hessians", "value_grad_hessian"),
    "hvp": ("hvp",),
    "laplacian": ("laplacian",),
    "minimize": ("RowMinima", "RowStatus", "minimize_rows"),
    "newton": ("newton_direction",),
    "plan": ("Plan",),
}


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Where a function has the name of its module, importing the module would put that there.
        if isinstance(value, ModuleType) and name in _NAMES.get(name, ()):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"blockhess.{name}")
    if not any(name in names for names in _NAMES.values()):
        raise AttributeError(f"module 'blockhess' has no attribute {name!r}")
    for module_name, names in _NAMES.items():
        module = importlib.import_module(f"blockhess.{module_name}")
        globals().update({public: getattr(module, public) for public in names})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _register_ops(tensorflow: ModuleType) -> None:
    try:
        importlib.import_module("blockhess.ops")
    except Exception as error:
        # TensorFlow works without; whoever uses the ops meets the error itself.
        warnings.warn(f"the ops of blockhess are not registered: {error}", stacklevel=2)


wrapt.register_post_import_hook(_register_ops, "tensorflow")
