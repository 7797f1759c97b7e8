"""AutoGraph rewrites what a tf.function calls: a user's f it shall, this library it need not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

_Function = TypeVar("_Function", bound=Callable)


def converting_only_f(function: _Function) -> _Function:
    """`function(f, ...)`, unconverted, with f converted where the caller is.

    Python's `if`, `for` and `while` inside f so mean what they mean in the tf.function around the
    call. Without this AutoGraph would convert every function of the library at each trace.
    """
    unconverted = tf.autograph.experimental.do_not_convert(function)

    @functools.wraps(function)
    def call(f: Any, *arguments: Any, **keywords: Any) -> Any:
        if not callable(f):
            raise TypeError(f"f is {type(f).__name__}; expected a callable")
        if tf.executing_eagerly():
            return function(f, *arguments, **keywords)
        return unconverted(_converted_here(f), *arguments, **keywords)

    # What marks the functions that AutoGraph leaves alone; do_not_convert has no way to look at
    # the caller's state first.
    call.autograph_info__ = unconverted.autograph_info__
    return call


def _converted_here(f: Callable) -> Callable:
    context = tf.__internal__.autograph.control_status_ctx()
    converted = tf.__internal__.autograph.tf_convert(f, context, convert_by_default=False)

    def call(*arguments: tf.Tensor) -> Any:
        with context:  # A lambda of converted code looks at the state where it is called.
            return converted(*arguments)

    return call
