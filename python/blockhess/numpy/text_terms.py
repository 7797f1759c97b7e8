"""Terms of the formula, given as text and arrays: their programs, and the arrays in their order."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from blockhess import _core
from blockhess.expressions import Expression, ProgramTooLong, Variable, flat_without_a_choice
from blockhess.formula.forward_programs import forward_programs
from blockhess.formula.term_programs import (
    ARGUMENT_OF_PHI,
    ARGUMENT_OF_PSI,
    VERSION,
    Parts,
    ScalarFunction,
    TermPrograms,
)
from blockhess.numpy.shift import shifted
from blockhess.numpy.text import read


@dataclass(frozen=True, eq=False)
class Term:
    """One instance of the formula, for a sum of several: link(s), for every row x_i of x, with

        s_i = sum_k function(x_ik) + 1/2 x_i' S x_i + b' x_i

    Attributes:
      function: text, a function of x and of parameters; or None.
      S: (K, K), or (..., K, K) for one a row; its symmetric part counts. Or None.
      b: (K,), or (..., K) for one a row. Or None.
      link: text, a function of s and of parameters; None for s itself.
      parameters: arrays by the names that they have in the texts. Those of the function are scalar,
        (K,), (..., 1) or (..., K); those of the link scalar or (...,).

    Examples:
      >>> import blockhess.numpy as bn
      >>> logistic = bn.Term(None, b=[1.0, 2.0], link="softplus(s)")
      >>> bn.hessian([logistic, bn.Term("c * x**2", parameters={"c": 0.5})], [0.0, 0.0])
      array([[1.25, 0.5 ],
             [0.5 , 2.  ]])
    """

    function: str | None = None
    S: ArrayLike | None = None
    b: ArrayLike | None = None
    link: str | None = None
    parameters: Mapping[str, ArrayLike] = field(default_factory=dict)


def programs_of(term: Term, wanted: Parts) -> TermPrograms:
    """The programs that compute `wanted`; ValueError where a text is no function."""
    if term.function is None and term.S is None and term.b is None:
        raise ValueError("a term has at least one of function, S and b")
    for name, text in (("function", term.function), ("link", term.link)):
        if not isinstance(text, str | None):
            raise TypeError(f"{name} is {type(text).__name__}; expected text or None")
    return _programs(
        term.function,
        term.S is not None,
        term.b is not None,
        term.link,
        frozenset(term.parameters),
        wanted,
    )


class _Reading(NamedTuple):
    """The texts of a term as functions, and the exponent by whose largest both are shifted."""

    phi: Expression | None
    psi: Expression
    shift: Variable | None = None
    exponent: Expression | None = None


def _reading(term: Term) -> _Reading:
    only_function = term.S is None and term.b is None
    return _read(term.function, term.link, only_function, frozenset(term.parameters))


@functools.lru_cache(maxsize=512)
def _read(
    function: str | None, link: str | None, only_function: bool, parameters: frozenset[str]
) -> _Reading:
    phi, read_by_phi = None, frozenset()
    if function is not None:
        phi, read_by_phi = read(function, ARGUMENT_OF_PHI.name, parameters)
    psi, read_by_psi = read("s" if link is None else link, ARGUMENT_OF_PSI.name, parameters)
    unread = sorted(parameters - read_by_phi - read_by_psi)
    if unread:
        raise ValueError(
            f"unexpected parameter {', '.join(unread)}: neither function={function!r} nor "
            f"link={link!r} reads it"
        )
    if phi is not None and only_function:
        shift = Variable(max((*parameters, "shift"), key=len) + "_")  # No parameter's name.
        stable = shifted(phi, ARGUMENT_OF_PHI, psi, ARGUMENT_OF_PSI, shift)
        if stable is not None:
            return _Reading(stable.function, stable.link, shift, stable.exponent)
        psi = flat_without_a_choice(psi, ARGUMENT_OF_PSI, phi)
    return _Reading(phi, psi)


@functools.lru_cache(maxsize=512)
def _programs(
    function: str | None,
    quadratic: bool,
    linear: bool,
    link: str | None,
    parameters: frozenset[str],
    wanted: Parts,
) -> TermPrograms:
    reading = _read(function, link, not (quadratic or linear), parameters)
    phi = None if reading.phi is None else _scalar_function(reading.phi, ARGUMENT_OF_PHI)
    psi = _scalar_function(reading.psi, ARGUMENT_OF_PSI)
    programs = forward_programs(phi, quadratic, linear, psi, wanted)
    try:
        programs.text  # noqa: B018  Kept in the programs.
    except ProgramTooLong as error:
        raise ProgramTooLong(f"function={function!r}, link={link!r}: {error}") from None
    return programs


def _scalar_function(expression: Expression, argument: Variable) -> ScalarFunction:
    inputs = sorted(expression.variables - {argument}, key=lambda variable: variable.name)
    return ScalarFunction((argument, *inputs), (expression,))


def operands_of(term: Term, programs: TermPrograms, x: np.ndarray) -> list[np.ndarray]:
    """The arrays that the programs read, in the core's order and shapes and in the type of x."""
    K, of_phi, of_psi = x.shape[-1], dict(term.parameters), dict(term.parameters)
    reading = _reading(term)
    if reading.shift is not None:
        shift = _largest(reading.exponent, term, x)
        of_phi[reading.shift.name], of_psi[reading.shift.name] = shift[..., np.newaxis], shift
    operands = []
    for variable in programs.phi.inputs[1:] if programs.phi else ():
        operands.append(_parameter(variable.name, of_phi, x, [(K,), (1,)]))
    if programs.quadratic:
        operands.append(_fitted("S", real_array("S", term.S, x.dtype), x, [(K, K)]))
    if programs.linear:
        operands.append(_fitted("b", real_array("b", term.b, x.dtype), x, [(K,)]))
    for variable in programs.psi.inputs[1:]:
        operands.append(_parameter(variable.name, of_psi, x, [()]))
    return operands


def _largest(exponent: Expression, term: Term, x: np.ndarray) -> np.ndarray:
    """The largest exponent of each row, (...,); 0 where it is not finite."""
    values = x
    if exponent is not ARGUMENT_OF_PHI:
        function = _scalar_function(exponent, ARGUMENT_OF_PHI)
        shapes = [(x.shape[-1],), (1,)]
        arrays = [
            _parameter(variable.name, term.parameters, x, shapes)
            for variable in function.inputs[1:]
        ]
        rows = x.reshape(-1, x.shape[-1])
        full = [a if a.ndim == 0 else np.array(np.broadcast_to(a, rows.shape)) for a in arrays]
        (values,) = _core.map(f"{VERSION} | map {function.text}", [rows, *full])
        values = values.reshape(x.shape)
    largest = np.max(values, -1, initial=-np.inf)
    return np.where(np.isfinite(largest), largest, x.dtype.type(0))


def _parameter(
    name: str, given: Mapping[str, ArrayLike], x: np.ndarray, shapes: list[tuple[int, ...]]
) -> np.ndarray:
    array = real_array(name, given[name], x.dtype)
    return array if array.ndim == 0 else _fitted(name, array, x, shapes)


def real_array(name: str, given: ArrayLike, dtype: np.dtype) -> np.ndarray:
    """`given` as an array of that dtype; TypeError for what are no real numbers."""
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}; expected real numbers")
    return array.astype(dtype, copy=False)


def _fitted(
    name: str, array: np.ndarray, x: np.ndarray, shapes: list[tuple[int, ...]]
) -> np.ndarray:
    """The array if it is one for all rows; (N, ...) if it is one a row, of any of the shapes."""
    rows = x.shape[:-1]
    for shape in shapes:
        of_rows = array.ndim - len(shape)
        if of_rows < 0 or array.shape[of_rows:] != shape:
            continue
        if of_rows == 0 and shape:
            return array
        try:
            return np.broadcast_to(array, rows + shape).reshape(math.prod(rows), *shape)
        except ValueError:
            break
    known = " or ".join(
        f"(..., {', '.join(map(str, shape))})" if shape else "(...)" for shape in shapes
    )
    raise ValueError(
        f"{name} has shape {array.shape}; expected {known}, with or without the axes {rows} of x's "
        "rows"
    )
