"""From the row graph of f to its terms, or the reason that it has none."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess import expressions as e
from blockhess import ops
from blockhess.expressions import ZERO, Expression
from blockhess.expressions.program import check_length
from blockhess.formula.term_programs import ScalarFunction
from blockhess.routes.fused.addends import TooMany
from blockhess.routes.fused.forms import Forms
from blockhess.routes.fused.leaves import S_ARGUMENT, Leaves, NotFused, X
from blockhess.routes.fused.terms_of_form import terms_of
from blockhess.row_graph import Node, Parameter


@dataclass(frozen=True, eq=False)
class FusedTerms:
    """f as a sum of terms over the rows, plus a constant."""

    terms: tuple[ops.Term, ...]
    constant: Expression
    leaves: Leaves


def terms_of_value(value: Node | Parameter, K: int, dtype: tf.DType) -> FusedTerms:
    """The terms of f, whose result was read as `value`; raises NotFused with the reason.

    The terms are computed in `dtype`, of rows of K columns.
    """
    forms = Forms(K, dtype)
    try:
        if isinstance(value, Parameter):
            cells, constant = ZERO, ZERO
        else:
            cells, constant = _summed(forms, value)
        terms = tuple(terms_of(cells, forms.leaves))
        for term in terms:
            _check_length(term)
    except (TooMany, e.ProgramTooLong, RecursionError) as error:
        raise NotFused(str(error)) from error
    return FusedTerms(terms, constant, forms.leaves)


def _summed(forms: Forms, node: Node) -> tuple[Expression, Expression]:
    """(what is summed over the rows, what is added to that sum)."""
    form, size = forms.form(node), node.geometry.size
    return forms.row_sum(form.cells, size), forms.row_sum(form.constant, size)


def _check_length(term: ops.Term) -> None:
    """Raises ProgramTooLong where the programs of the term do not fit the op."""
    for function, argument, parameters in (
        (term.phi, X, term.phi_parameters),
        (term.psi, S_ARGUMENT, term.psi_parameters),
    ):
        if function is not None:
            inputs = (argument, *(variable for variable, _ in parameters))
            outputs = ScalarFunction(inputs, (function,)).orders(2)
            check_length(outputs, inputs)
