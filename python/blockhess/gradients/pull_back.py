"""Vector-Jacobian products in a graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockhess.gradients import bodies
from blockhess.row_graph import describe

NO_DERIVATIVE = (LookupError, NotImplementedError, TypeError, ValueError)
"""What is raised where TensorFlow has no derivative of an operation."""


def pull_back(
    y: tf.Tensor, sources: Sequence[tf.Tensor], cotangent: tf.Tensor | None = None
) -> tf.Tensor | None:
    """The gradient of `y`, summed over the sources and dense; None where no source leads to `y`.

    `prepare` must have seen the paths from the sources to `y`.

    Raises:
      One of `NO_DERIVATIVE`: an operation on a path, which is named, has none.
    """
    number = len(y.graph.get_operations())
    try:
        parts = tf.gradients(y, list(sources), grad_ys=cotangent)
    except NO_DERIVATIVE as error:
        reason = f"{_where_raised(error)}{error}"
        raise type(error)(
            f"the autodiff route differentiates f twice, and TensorFlow cannot: {reason}"
        ) from error
    _refuse_symbolic_gradients(tf.compat.v1.get_default_graph(), number, y)
    dense = [tf.convert_to_tensor(part) for part in parts if part is not None]
    if not dense:
        return None
    return tf.identity(dense[0]) if len(dense) == 1 else tf.add_n(dense)


def _where_raised(error: Exception) -> str:
    """The operation whose gradient function has raised, unless the error names it."""
    op, trace = None, error.__traceback__
    while trace is not None:
        found = trace.tb_frame.f_locals.get("op")
        op = found if isinstance(found, tf.Operation) else op
        trace = trace.tb_next
    return "" if op is None or op.name in str(error) else f"{describe(op)}: "


def _refuse_symbolic_gradients(graph: tf.Graph, number: int, y: tf.Tensor) -> None:
    """Raises LookupError for the gradient of a function that has no definition: TensorFlow cannot
    run it, and has ended the process over it."""
    first = number if graph is y.graph else 0
    for op in graph.get_operations()[first:]:
        types = bodies.operation_types(op) if bodies.calls_functions(op) else {op.type}
        if "SymbolicGradient" in types:
            raise LookupError(
                "the autodiff route differentiates f twice, and TensorFlow cannot: the gradient of "
                f"a function inside f, '{op.name}', is a SymbolicGradient, which does not run"
            )
