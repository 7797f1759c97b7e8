"""The formula in plain NumPy, for complex numbers too, and the scalar functions that tests use.

A derivative of anything here by the complex step, Im f(x + ih) / h, has no rounding error to speak
of, so the vector-Jacobian products are compared with that and with no second set of formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import program_writer
from numpy.typing import NDArray
from program_writer import cos, exp, sin

Array = NDArray


@dataclass(frozen=True)
class Scalar:
    """A scalar function: `outputs` gives f, f', f'', f''' and, for each parameter, the derivatives
    by it of f, f', f''."""

    name: str
    num_parameters: int
    outputs: Callable

    def program(self, vjp: bool) -> str:
        count = None if vjp else 3
        return program_writer.program(
            lambda *inputs: self.outputs(*inputs)[:count], self.num_parameters + 1
        )


SQUARE = Scalar("square", 0, lambda x: (x * x, 2 * x, 2, 0))
EXP = Scalar("exp", 0, lambda x: (exp(x), exp(x), exp(x), exp(x)))
IDENTITY = Scalar("identity", 0, lambda s: (s, 1, 0, 0))
GAUSSIAN = Scalar("gaussian", 0, lambda s: (exp(-s), -exp(-s), exp(-s), -exp(-s)))
SCALED_SQUARE = Scalar(
    "scaled square", 1, lambda x, p: (p * x * x, 2 * p * x, 2 * p, 0, x * x, 2 * x, 2)
)
WAVE = Scalar(
    "wave",
    2,
    lambda x, p, q: (
        p * sin(q * x),
        p * q * cos(q * x),
        -(p * q * q * sin(q * x)),
        -(p * q * q * q * cos(q * x)),
        sin(q * x),
        q * cos(q * x),
        -(q * q * sin(q * x)),
        p * x * cos(q * x),
        p * cos(q * x) - p * q * x * sin(q * x),
        -2.0 * p * q * sin(q * x) - p * q * q * x * cos(q * x),
    ),
)


@dataclass(frozen=True)
class Term:
    phi: Scalar | None
    phi_parameters: tuple[Array, ...]
    S: Array | None
    b: Array | None
    psi: Scalar
    psi_parameters: tuple[Array, ...] = field(default=())

    def text(self, vjp: bool = False) -> str:
        sections = ["blockhess 1"]
        sections += [f"phi {self.phi.program(vjp)}"] if self.phi else []
        sections += ["quadratic"] if self.S is not None else []
        sections += ["linear"] if self.b is not None else []
        return " | ".join([*sections, f"psi {self.psi.program(vjp)}"])

    @property
    def operands(self) -> list[Array]:
        parts = [*self.phi_parameters, self.S, self.b, *self.psi_parameters]
        return [part for part in parts if part is not None]

    def with_operands(self, operands: list[Array]) -> Term:
        """Takes its own from the front of the list."""
        return replace(
            self,
            phi_parameters=tuple(operands.pop(0) for _ in self.phi_parameters),
            S=None if self.S is None else operands.pop(0),
            b=None if self.b is None else operands.pop(0),
            psi_parameters=tuple(operands.pop(0) for _ in self.psi_parameters),
        )


def transposed(matrix: Array) -> Array:
    return np.swapaxes(matrix, -1, -2)


def one_term(x: Array, term: Term) -> tuple[Array, Array, Array]:
    N, K = x.shape
    s, u, D = np.zeros(N, x.dtype), np.zeros((N, K), x.dtype), np.zeros((N, K), x.dtype)
    if term.phi:
        outputs = term.phi.outputs(x, *term.phi_parameters)
        phi, phi1, phi2 = (np.broadcast_to(output, (N, K)) for output in outputs[:3])
        s, u, D = s + phi.sum(1), u + phi1, D + phi2
    S = np.zeros((K, K)) if term.S is None else (term.S + transposed(term.S)) / 2
    S = np.broadcast_to(S, (N, K, K))
    S_x = np.einsum("nij,nj->ni", S, x)
    s, u = s + (x * S_x).sum(1) / 2, u + S_x
    if term.b is not None:
        b = np.broadcast_to(term.b, (N, K))
        s, u = s + (x * b).sum(1), u + b
    parameters = [np.reshape(p, -1) if np.ndim(p) else p for p in term.psi_parameters]
    outputs = term.psi.outputs(s, *parameters)
    psi, psi1, psi2 = (np.broadcast_to(output, (N,)) for output in outputs[:3])
    blocks = S + D[:, :, None] * np.eye(K)
    hessian = psi1[:, None, None] * blocks + psi2[:, None, None] * u[:, :, None] * u[:, None, :]
    return psi, psi1[:, None] * u, hessian


def terms(x: Array, terms: list[Term], layout: str = "dense") -> tuple[Array, Array, Array]:
    """Value, gradient and Hessian blocks of the sum."""
    parts = [one_term(x, term) for term in terms]
    value, gradient, hessian = (sum(part) for part in zip(*parts, strict=True))
    return value, gradient, in_layout(hessian, layout)


def in_layout(hessian: Array, layout: str) -> Array:
    K = hessian.shape[-1]
    if layout == "diag":
        return np.einsum("nkk->nk", hessian)
    if layout == "trace":
        return np.einsum("nkk->n", hessian)
    return hessian[(slice(None), *np.triu_indices(K))] if layout == "packed" else hessian
