"""A function of x from the text that was typed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

import blockhess as bh
from blockhess.terminal.outcome import CommandError, Exit

NAMES = {"tf": tf, "np": np, "tnp": tnp, "math": math, "bh": bh}


def function_of(text: str) -> Callable[[tf.Tensor], Any]:
    """The function that `text` is, or whose value at x it is."""
    try:
        code = compile(text.strip(), "FUNCTION", "eval")
    except (SyntaxError, ValueError) as error:
        message = f"FUNCTION is no Python expression: {described(error)}"
        raise CommandError(Exit.WRONG_USAGE, message) from None

    def f(x: tf.Tensor) -> Any:
        value = eval(code, {**NAMES, "x": x})  # noqa: S307 - the user's own shell
        return value(x) if callable(value) else value

    return f


def described(error: Exception) -> str:
    """The error in one line."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}".rstrip(": ")
