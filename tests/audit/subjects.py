"""The tables of the audit, by subject, in the order of the page."""

from __future__ import annotations

from importlib import import_module

from case import Case

# A table is imported by those who read it: the tests are collected without it.
SUBJECTS = {
    "elementwise": "Functions of cells",
    "special_function": "Special functions",
    "complex": "Complex numbers",
    "limit": "Limits and zeros",
    "reduction": "Reductions",
    "segment": "Segments",
    "loss": "Losses and softmax",
    "normalization": "Normalization",
    "convolution": "Convolution",
    "pooling": "Pooling and morphology",
    "keras": "Keras",
    "linalg": "Matrices",
    "decomposition": "Decompositions of matrices",
    "signal": "Signals",
    "image": "Images",
    "array": "Indexing and shapes",
    "sparse": "Sparse tensors",
    "ragged": "Ragged tensors",
    "control_flow": "Control flow",
    "python": "Python, NumPy and custom gradients",
    "random": "Random numbers",
    "slope": "Derivatives inside f",
}


def cases_of(subject: str) -> list[Case]:
    return import_module(f"{subject}_cases").CASES


def case_of(subject: str, name: str) -> Case:
    (found,) = (case for case in cases_of(subject) if case.name == name)
    return found
