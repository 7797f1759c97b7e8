"""Every private name of TensorFlow's that blockhess uses: what another version may break.

No public name of TensorFlow's does what one of these does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context, core, execute, record
from tensorflow.python.eager.backprop_util import IsTrainable
from tensorflow.python.framework import op_def_registry, ops
from tensorflow.python.framework.func_graph import FuncGraph
from tensorflow.python.framework.function_def_to_graph import (
    function_def_to_graph,
    function_def_to_graph_def,
)
from tensorflow.python.ops import cond_v2, list_ops, while_v2
from tensorflow.python.ops.linalg.linear_operator import make_composite_tensor
from tensorflow.python.ops.parallel_for.control_flow_ops import pfor

try:
    from tensorflow.python.ops.parallel_for.pfor import (
        ConversionNotImplementedError,
        RegisterPFor,
        wrap,
    )
except ImportError:  # Without the registry of converters `tf.vectorized_map` loops over the ops.
    ConversionNotImplementedError, wrap = NotImplementedError, None

    def RegisterPFor(op_type: str) -> Callable:  # noqa: N802 - TensorFlow's name
        return lambda converter: converter


__all__ = [
    "ConversionNotImplementedError",
    "FuncGraph",
    "IsTrainable",
    "RegisterPFor",
    "TensorShapeProto",
    "cond_v2",
    "function_def_to_graph",
    "function_def_to_graph_def",
    "list_ops",
    "make_composite_tensor",
    "op_def_registry",
    "ops",
    "pfor",
    "record",
    "while_v2",
    "wrap",
]


def has_run() -> bool:
    """Whether TensorFlow has run anything eagerly, and so has threads."""
    current = context.context_safe()
    return current is not None and current._initialized


def type_and_shape(tensor: tf.Tensor) -> tuple[int, tuple[int, ...]]:
    """Of an eager tensor, in a fifth of the time that its dtype and shape take to compare."""
    return tensor._datatype_enum(), tensor._shape_tuple()


def execution() -> Callable[[str, list, tuple, int], list[tf.Tensor]]:
    """Runs operations eagerly, here and now: takes type, arguments, attributes, number of results.

    Raises `NotOk` where one fails, of which `status_error` makes what TensorFlow raises.
    """
    current = context.context()
    if execute.execute is execute.quick_execute:
        current.ensure_initialized()
        return functools.partial(pywrap_tfe.TFE_Py_Execute, current._handle, current.device_name)
    # Something watches operations by another function in its place.
    return lambda kind, arguments, attributes, number: execute.execute(
        kind, number, arguments, attributes, current
    )


NotOk, status_error = core._NotOkStatusException, core._status_to_exception


def own_gradient(op: tf.Operation) -> Callable | None:
    """The gradient function kept in the operation itself, where TensorFlow looks first, or None."""
    return op._gradient_function


def set_own_gradient(op: tf.Operation, function: Callable | None) -> None:
    op._gradient_function = function


def replace_input(op: tf.Operation, number: int, tensor: tf.Tensor) -> None:
    """The operation takes the tensor as its input of this number, from now on."""
    op._update_input(number, tensor)


def function_of(graph: tf.Graph, name: str) -> Any:
    """The function of this name that the graph holds, or None."""
    return graph._get_function(name) if graph._is_function(name) else None


def functions_of(graph: tf.Graph) -> list:
    """All functions that operations of the graph may call."""
    return list(graph._functions.values())


def add_function(graph: tf.Graph, function: Any) -> None:
    """Gives the graph the function, and those that it calls."""
    graph._add_function_recursive(function)


def loop_graph(op: tf.Operation, name: str) -> tf.Graph:
    """The graph of a loop's `cond` or `body`, kept in the operation for TensorFlow's gradients."""
    kept = f"_{name}_graph"
    if getattr(op, kept, None) is None:
        setattr(op, kept, while_v2._get_graph(op, name, kept))
    return getattr(op, kept)
