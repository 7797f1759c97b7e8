"""The TensorFlow ops, with typed wrappers and all that is registered for them."""

from . import newton_gradient, pfor, statistics, terms_gradient  # noqa: F401  each registers something
from .hvp import terms_hvp
from .map import map
from .newton import NewtonOutputs, newton, newton_solve
from .terms import Outputs, Term, terms
from .vjp import TermCotangents, terms_vjp

__all__ = [
    "NewtonOutputs",
    "Outputs",
    "Term",
    "TermCotangents",
    "map",
    "newton",
    "newton_solve",
    "terms",
    "terms_hvp",
    "terms_vjp",
]
