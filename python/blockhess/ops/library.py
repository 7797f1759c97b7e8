"""The op library, loaded once."""

from __future__ import annotations

import tensorflow as tf

from ..facts import build_info, check_tensorflow

check_tensorflow(tf.__version__, build_info()["tensorflow"])
library = tf.load_op_library(build_info()["library"])
