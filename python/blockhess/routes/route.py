"""What every route gives."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Derivatives(NamedTuple):
    """value as f gave it, or None; gradient (..., K), or None; hessian in its layout."""

    value: tf.Tensor | None
    gradient: tf.Tensor | None
    hessian: tf.Tensor
