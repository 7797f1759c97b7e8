"""The op library, loaded once."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

library = tf.load_op_library(str(Path(__file__).parent.parent / "_tf.so"))
