"""One call of a public function: from what was kept of f, or in the graph that is being built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from blockhess._tensorflow import FuncGraph, record
from blockhess.api.request import Request
from blockhess.eager import forks
from blockhess.eager.cache import Results, trace
from blockhess.routes.fused.fused_route import FusedRoute


def computed(
    f: Callable[[tf.Tensor], Any], x: tf.Tensor, request: Request, *arguments: tf.Tensor
) -> Results:
    """What is asked for of f at x: from a kept trace, or in the graph that is being built.

    `arguments` are tensors that the request takes beside x; their first axes are the rows.
    """
    if tf.executing_eagerly():
        forks.check()
        return trace(f, request)(x, *arguments)
    graph = tf.compat.v1.get_default_graph()
    if isinstance(graph, FuncGraph) and record.could_possibly_record():
        return _recorded(f, x, request, *arguments)
    with tf.name_scope("blockhess"):
        return request.apply(f, x, *arguments)


def _recorded(
    f: Callable[[tf.Tensor], Any], x: tf.Tensor, request: Request, *arguments: tf.Tensor
) -> Results:
    """The same while a tape records what a function does.

    A tape differentiates what it has seen operation by operation, by TensorFlow's gradients; it
    knows neither the rules of the autodiff route nor that tf.gradients, which the route is built
    on, replaces loops and branches. Of a function that is called it takes the whole gradient.
    """
    routes: list[object] = []

    def results(x: tf.Tensor, *arguments: tf.Tensor) -> Results:
        with tf.name_scope("blockhess"):
            if type(request).apply is not Request.apply:
                return request.apply(f, x, *arguments)
            routes.extend(request.routes_of(f, x))
            return request.joined(routes, *arguments)

    function = tf.function(results, autograph=False)
    concrete = function.get_concrete_function(x, *arguments)
    if routes and all(isinstance(route, FusedRoute) for route in routes):
        with tf.name_scope("blockhess"):
            return request.apply(f, x, *arguments)
    return concrete(x, *arguments)
