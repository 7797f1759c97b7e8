"""The TensorFlow ops, with typed wrappers and registered gradients."""

from . import terms_gradient  # noqa: F401  registers the gradients
from .map import map
from .terms import Outputs, Term, terms
from .vjp import TermCotangents, terms_vjp

__all__ = ["Outputs", "Term", "TermCotangents", "map", "terms", "terms_vjp"]
