"""Users' own rules for operations that blockhess does not know."""

from __future__ import annotations

from collections.abc import Callable

from blockhess._tensorflow import op_def_registry
from blockhess.expressions import Expression
from blockhess.row_graph import register
from blockhess.row_graph.rules.elementwise import of_expression
from blockhess.row_graph.rules.rows_apart import rows_apart


def register_rule(
    op_type: str,
    expression: Callable[..., Expression] | None = None,
    *,
    keeps_rows_apart: bool = False,
) -> None:
    """Tells blockhess what a TensorFlow operation does to one row, for the rest of the process.

    Where the operation works cell by cell, `expression` says what it computes: functions of it are
    fused, and differentiated by the expression, not by the operation's gradient. Else
    `keeps_rows_apart` says that row i of each output depends on rows i of the inputs alone, where
    they depend on x: functions of it take the autodiff route, and no probe looks whether rows
    interact. Rules are not checked: a wrong one makes wrong blocks. Functions that have been traced
    before keep their route.

    Args:
      op_type: the type of the operation, as `op.type` says it, "Addons>Gelu" say.
      expression: takes an Expression for each input of the operation, broadcast as TensorFlow
        broadcasts them, and returns the Expression of its output; it is made of operators and of
        the functions of `blockhess.expressions`.
      keeps_rows_apart: whether it does; inputs that depend on x and outputs have the row axes of x
        in front, and outputs known sizes behind.

    Raises:
      ValueError: blockhess has a rule for the operation; TensorFlow knows no such operation; it has
        several outputs, and an expression gives one; neither or both of `expression` and
        `keeps_rows_apart` are given.
      TypeError: `op_type` is no text, or `expression` not a function. When it is used: it takes
        another number of inputs than the operation has, or returns something else than an
        Expression.

    Examples:
      The gradient of tanh, in a function that has derivatives in it:

      >>> blockhess.register_rule("TanhGrad", lambda y, dy: dy * (1 - y * y))
      >>> def f(x):
      ...     return tf.reduce_sum(tf.raw_ops.TanhGrad(y=tf.tanh(x), dy=x))
      >>> blockhess.explain(f, tf.ones([5, 3])).route
      'fused'
    """
    if not isinstance(op_type, str):
        raise TypeError(
            f"op_type is {type(op_type).__name__}; expected the type of an operation, str"
        )
    if (expression is None) != keeps_rows_apart:
        raise ValueError(
            f"register_rule({op_type!r}) is given {'both' if keeps_rows_apart else 'neither'}; "
            "expected either an expression or keeps_rows_apart=True"
        )
    if keeps_rows_apart:
        register(op_type, rows_apart)
        return
    if not callable(expression):
        raise TypeError(f"expression is {type(expression).__name__}; expected a function")
    definition = op_def_registry.get(op_type)
    if definition is not None and len(definition.output_arg) != 1:
        raise ValueError(
            f"the operation {op_type!r} has {len(definition.output_arg)} outputs; an expression is "
            "of one"
        )
    register(op_type, of_expression(_checked(op_type, expression)))


def _checked(op_type: str, expression: Callable[..., Expression]) -> Callable[..., Expression]:
    """The expression's function, with errors that name the operation."""

    def checked(*inputs: Expression) -> Expression:
        try:
            result = expression(*inputs)
        except TypeError as error:
            raise TypeError(
                f"the rule of {op_type!r} cannot be applied to {len(inputs)} inputs: {error}"
            ) from error
        if not isinstance(result, Expression):
            raise TypeError(
                f"the rule of {op_type!r} returns {type(result).__name__}; expected an Expression"
            )
        return result

    return checked
