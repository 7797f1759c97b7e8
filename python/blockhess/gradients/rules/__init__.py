"""The tables: an operation of TensorFlow, and the gradient that is right, or the reason for none.

GRADIENTS
  operation type: gradient function, called as TensorFlow calls those of its registry,
  `function(op, *cotangents of the outputs) -> cotangents of the inputs`. What it computes with has
  to have right gradients in turn, here or in TensorFlow: it is differentiated again.
PATTERNS
  operation type: functions that look at one operation of the type and its neighbours, and return
  a gradient function for it, or None where they recognise nothing.
REFUSED
  operation type: what is wrong with its derivative, and what to write instead.
REFUSED_INPUTS
  operation type: the same, by the number of the input that has no derivative.
"""

from collections.abc import Callable, Iterator

from blockhess.gradients.rules import (
    activations,
    arrays,
    choices,
    colors,
    convolutions,
    cropped,
    determinants,
    factors,
    moduli,
    normalization,
    norms,
    pooling,
    powers,
    products,
    quantization,
    refused,
    resizing,
    sampling,
    softmaxes,
    sparse,
    special_functions,
    spectra,
    stopped,
    ties,
)

# The first pattern that fits an operation counts: those of the last two modules fit many.
_MODULES = (
    activations,
    arrays,
    colors,
    convolutions,
    cropped,
    determinants,
    factors,
    normalization,
    norms,
    pooling,
    powers,
    products,
    quantization,
    resizing,
    sampling,
    softmaxes,
    sparse,
    special_functions,
    spectra,
    stopped,
    ties,
    moduli,
    choices,
)


def _entries(table: str) -> Iterator[tuple[str, Callable]]:
    """The entries of a table, of all modules that have it."""
    for module in _MODULES:
        yield from getattr(module, table, {}).items()


GRADIENTS = dict(_entries("GRADIENTS"))
PATTERNS: dict[str, tuple[Callable, ...]] = {}
for _type, _pattern in _entries("PATTERNS"):
    PATTERNS[_type] = (*PATTERNS.get(_type, ()), _pattern)
REFUSED = refused.REFUSED
REFUSED_INPUTS = refused.REFUSED_INPUTS

__all__ = ["GRADIENTS", "PATTERNS", "REFUSED", "REFUSED_INPUTS"]
