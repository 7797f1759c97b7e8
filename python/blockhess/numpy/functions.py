"""The functions of `blockhess.numpy`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from blockhess import _core
from blockhess.formula.layouts import LAYOUTS
from blockhess.formula.term_programs import Parts, TermPrograms, join_terms
from blockhess.formula.vjp_programs import vjp_programs
from blockhess.numpy.text_terms import Term, operands_of, programs_of, real_array

#: Text, or terms that are summed.
Function: TypeAlias = str | Term | Sequence[Term] | None


class ValueGradHessian(NamedTuple):
    """What `value_grad_hessian` returns.

    Attributes:
      value: (...,), one number a row.
      gradient: (..., K).
      hessian: the blocks, in the layout that was asked for.
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


def hessian(
    function: Function,
    x: ArrayLike,
    *,
    S: ArrayLike | None = None,
    b: ArrayLike | None = None,
    link: str | None = None,
    layout: str = "dense",
    threads: int | None = None,
    **parameters: ArrayLike,
) -> np.ndarray:
    """The Hessian of each row's own function: for every row x_i of x, that of

        link(s_i),    s_i = sum_k function(x_ik) + 1/2 x_i' S x_i + b' x_i

    Args:
      function: text in NumPy's spelling, a function of x and of parameters: numbers, + - * / **,
        comparisons, and the functions that `blockhess.numpy.FUNCTIONS` lists, with or without `np.`
        in front. None where only S and b count. Or a `Term`, or a sequence of them, whose sum is
        meant; then S, b, link and the parameters stand in the terms.
      x: (..., K). float32 and float64 are computed as they are, integers in float64. All axes but
        the last are rows; one row may come as (K,). Contiguous arrays are read where they are,
        others copied once.
      S: (K, K), or (..., K, K) for one a row; its symmetric part counts.
      b: (K,), or (..., K) for one a row.
      link: text, a function of s and of parameters; None for s itself.
      layout: "dense" (..., K, K); "diag" (..., K); "packed" (..., K (K + 1) / 2), the upper
        triangle in the order of `np.triu_indices`; "trace" (...,), which is `laplacian`.
      threads: at most so many; None for all processors that the process may use. Small calls take
        one.
      parameters: arrays by the names that they have in the texts. Those of the function are scalar,
        (K,), (..., 1) or (..., K); those of the link scalar or (...,). They, S and b are converted
        to the type of x.

    Returns:
      Array of the type of x, in the shape that `layout` says.

    Raises:
      TypeError: x is of another type.
      ValueError: a text cannot be read, or is too long for a program; a parameter is missing, or
        read by no text; shapes disagree.

    Other Python threads run during the call.

    Examples:
      >>> x = np.array([[0.0, 1.0], [2.0, 3.0]])
      >>> blockhess.numpy.hessian("c * x**3", x, c=0.5, layout="diag")
      array([[0., 3.],
             [6., 9.]])
      >>> blockhess.numpy.hessian(None, x, S=np.eye(2), link="exp(-s)")[0]
      array([[-0.60653066,  0.        ],
             [ 0.        ,  0.        ]])
    """
    call = _Call(function, x, S, b, link, parameters, threads)
    return call.forward(Parts(False, False, True), layout)[2]


def value_grad_hessian(
    function: Function,
    x: ArrayLike,
    *,
    S: ArrayLike | None = None,
    b: ArrayLike | None = None,
    link: str | None = None,
    layout: str = "dense",
    threads: int | None = None,
    **parameters: ArrayLike,
) -> ValueGradHessian:
    """Value, gradient and Hessian of each row's own function, in one pass.

    Arguments and errors are those of `hessian`.

    Returns:
      ValueGradHessian: the values (...,), the gradients (..., K), the Hessians in their layout.

    Examples:
      >>> value, gradient, hessian = blockhess.numpy.value_grad_hessian("x**2", [1.0, 2.0])
      >>> float(value), gradient.tolist(), hessian.tolist()
      (5.0, [2.0, 4.0], [[2.0, 0.0], [0.0, 2.0]])
    """
    call = _Call(function, x, S, b, link, parameters, threads)
    return ValueGradHessian(*call.forward(Parts(True, True, True), layout))


def laplacian(
    function: Function,
    x: ArrayLike,
    *,
    S: ArrayLike | None = None,
    b: ArrayLike | None = None,
    link: str | None = None,
    threads: int | None = None,
    **parameters: ArrayLike,
) -> np.ndarray:
    """The trace of each row's Hessian, (...,).

    Arguments and errors are those of `hessian`.

    Examples:
      >>> blockhess.numpy.laplacian("x**3", [[1.0, 2.0], [3.0, 4.0]])
      array([18., 42.])
    """
    call = _Call(function, x, S, b, link, parameters, threads)
    return call.forward(Parts(False, False, True), "trace")[2]


def hvp(
    function: Function,
    x: ArrayLike,
    v: ArrayLike,
    *,
    S: ArrayLike | None = None,
    b: ArrayLike | None = None,
    link: str | None = None,
    threads: int | None = None,
    **parameters: ArrayLike,
) -> np.ndarray:
    """The product of each row's Hessian with a vector, (..., K), without the Hessians.

    Args:
      v: (..., K), or (K,) for the same in every row.

    The other arguments and the errors are those of `hessian`.

    Examples:
      >>> blockhess.numpy.hvp("x**3", [[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0])
      array([[  6., 120.],
             [ 18., 240.]])
    """
    return _Call(function, x, S, b, link, parameters, threads).times(v)


class _Call:
    """The arguments of one call, checked."""

    def __init__(
        self,
        function: Function,
        x: ArrayLike,
        S: ArrayLike | None,
        b: ArrayLike | None,
        link: str | None,
        parameters: dict[str, ArrayLike],
        threads: int | None,
    ) -> None:
        self.x = _floating(x)
        self.rows = self.x.shape[:-1]
        self.threads = len(os.sched_getaffinity(0)) if threads is None else _positive(threads)
        if function is None or isinstance(function, str):
            self.terms = [Term(function, S, b, link, parameters)]
            return
        if S is not None or b is not None or link is not None or parameters:
            raise ValueError("of terms, S, b, link and parameters are given within each Term")
        self.terms = [function] if isinstance(function, Term) else function
        is_sequence = isinstance(self.terms, Sequence) and len(self.terms) > 0
        if not is_sequence or not all(isinstance(term, Term) for term in self.terms):
            raise TypeError("function is text, None, a Term or a sequence of them")

    def forward(self, wanted: Parts, layout: str) -> tuple[Any, ...]:
        """(value, gradient, hessian), None for what is not wanted."""
        if layout not in LAYOUTS:
            raise ValueError(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
        programs = self._programs(wanted)
        results = _core.terms(
            self._matrix(self.x),
            self._operands(programs),
            join_terms([p.text for p in programs]),
            layout,
            wanted.value,
            wanted.gradient,
            self.threads,
        )
        return tuple(None if result is None else self._by_row(result) for result in results)

    def times(self, v: ArrayLike) -> np.ndarray:
        """H v: what v, as the cotangent of the gradient, gives x."""
        try:
            v = np.broadcast_to(real_array("v", v, self.x.dtype), self.x.shape)
        except ValueError:
            raise ValueError(
                f"v has shape {np.shape(v)}; expected that of x, {self.x.shape}"
            ) from None
        gradient = Parts(False, True, False)
        forward = self._programs(gradient)
        unwanted = [(False,) * p.num_operands for p in forward]
        programs = [
            vjp_programs(p, gradient, True, flags)
            for p, flags in zip(forward, unwanted, strict=True)
        ]
        x_bar, *_ = _core.terms_vjp(
            self._matrix(self.x),
            self._operands(forward),
            join_terms([p.text for p in programs]),
            gradient_cotangent=self._matrix(v),
            wanted=[True, *(flag for flags in unwanted for flag in flags)],
            threads=self.threads,
        )
        return self._by_row(x_bar)

    def _programs(self, wanted: Parts) -> list[TermPrograms]:
        return [programs_of(term, wanted) for term in self.terms]

    def _operands(self, programs: Iterable[TermPrograms]) -> list[np.ndarray]:
        pairs = zip(self.terms, programs, strict=True)
        return [operand for pair in pairs for operand in operands_of(*pair, self.x)]

    def _matrix(self, array: np.ndarray) -> np.ndarray:
        """(..., K) as (N, K)."""
        return array.reshape(math.prod(self.rows), array.shape[-1])

    def _by_row(self, result: np.ndarray) -> Any:
        """(N, ...) with the axes of x's rows; of a single row without such axes, the number."""
        return result.reshape(self.rows + result.shape[1:])[()]


def _floating(x: ArrayLike) -> np.ndarray:
    array = np.asarray(x)
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind in "biu":
        array = array.astype(np.float64)
    elif kind != "f" or size not in (4, 8):
        raise TypeError(f"x has dtype {array.dtype}; expected float32, float64 or integers")
    elif not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder())
    if array.ndim == 0:
        raise ValueError("x is a number; expected an array of shape (..., K)")
    return array


def _positive(threads: int) -> int:
    if threads < 1:
        raise ValueError(f"threads is {threads}; expected a positive number, or None")
    return threads
