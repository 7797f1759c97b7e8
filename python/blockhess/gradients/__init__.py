"""Gradients in a graph as TensorFlow takes them, by rules of our own where its own are wrong.

TensorFlow looks for an operation's gradient function first in the operation itself, then in its
registry. `prepare` puts a function into each operation between x and a result that the tables of
`rules` name: one that is right, or one that refuses. The registry, and with it everybody else's
gradients, stays as it is.
"""

from blockhess.gradients.copies import apart, copied
from blockhess.gradients.marks import prepare, prepared_on_demand
from blockhess.gradients.pull_back import NO_DERIVATIVE, pull_back
from blockhess.gradients.shared import share
from blockhess.gradients.trusted import is_trusted

__all__ = [
    "NO_DERIVATIVE",
    "apart",
    "copied",
    "is_trusted",
    "prepare",
    "prepared_on_demand",
    "pull_back",
    "share",
]
