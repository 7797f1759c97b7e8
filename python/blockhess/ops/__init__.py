"""The TensorFlow ops, with typed wrappers, registered gradients and registered converters."""

from . import pfor, terms_gradient  # noqa: F401  registers the gradients and the converters
from .map import map
from .terms import Outputs, Term, terms
from .vjp import TermCotangents, terms_vjp

__all__ = ["Outputs", "Term", "TermCotangents", "map", "terms", "terms_vjp"]
