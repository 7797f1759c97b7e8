"""The TensorFlow ops, with typed wrappers and all that is registered for them."""

from . import pfor, statistics, terms_gradient  # noqa: F401  each registers something
from .hvp import terms_hvp
from .map import map
from .terms import Outputs, Term, terms
from .vjp import TermCotangents, terms_vjp

__all__ = ["Outputs", "Term", "TermCotangents", "map", "terms", "terms_hvp", "terms_vjp"]
