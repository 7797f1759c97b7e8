"""One call of a public function: from what was kept of f, or in the graph that is being built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from blockhess._tensorflow import FuncGraph, record
from blockhess.eager import forks
from blockhess.eager.cache import trace
from blockhess.eager.computation import Computation, Results


def computed(
    f: Callable[..., Any], x: tf.Tensor, computation: Computation, *arguments: tf.Tensor
) -> Results:
    """What is asked for of f at x: from a kept trace, or in the graph that is being built.

    `arguments` are tensors that the computation takes beside x; their first axes are the rows.
    """
    if tf.executing_eagerly():
        forks.check()
        return trace(f, computation).for_shapes(x, *arguments)(x, *arguments)
    graph = tf.compat.v1.get_default_graph()
    if isinstance(graph, FuncGraph) and record.could_possibly_record():
        return _recorded(f, x, computation, *arguments)
    with tf.name_scope("blockhess"):
        return computation(f, x, *arguments).results


def _recorded(
    f: Callable[..., Any], x: tf.Tensor, computation: Computation, *arguments: tf.Tensor
) -> Results:
    """The same while a tape records what a function does.

    A tape differentiates what it has seen operation by operation, by TensorFlow's gradients; it
    knows neither the rules of the autodiff route nor that tf.gradients, which the route is built
    on, replaces loops and branches. Of a function that is called it takes the whole gradient.
    """
    is_taped_rightly: list[bool] = []

    def results(x: tf.Tensor, *arguments: tf.Tensor) -> Results:
        with tf.name_scope("blockhess"):
            found = computation(f, x, *arguments)
        is_taped_rightly.append(found.is_taped_rightly)
        return found.results

    concrete = tf.function(results, autograph=False).get_concrete_function(x, *arguments)
    if all(is_taped_rightly):
        with tf.name_scope("blockhess"):
            return computation(f, x, *arguments).results
    return concrete(x, *arguments)
