"""Gradients that a library stops because it needs them only once."""

from __future__ import annotations

import tensorflow as tf

from blockhess.row_graph.locally_constant import is_stopped_to_save_time


def _mean_of_moments(stop: tf.Operation):
    return (lambda _, cotangent: cotangent) if is_stopped_to_save_time(stop) else None


PATTERNS = {"StopGradient": _mean_of_moments}
