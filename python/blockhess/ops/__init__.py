"""The TensorFlow ops, with typed wrappers and registered gradients."""

from .map import map
from .terms import Outputs, Term, terms
from .terms_gradient import terms_vjp

__all__ = ["Outputs", "Term", "map", "terms", "terms_vjp"]
