"""Children of a fork. TensorFlow's threads stay with the parent: a call of any `tf.function` in a
child waits for them for ever, once TensorFlow has run in the parent. So say so instead.
"""

from __future__ import annotations

import os

from blockhess import _tensorflow

_without_threads = False


def _after_fork() -> None:
    global _without_threads
    _without_threads = _tensorflow.has_run()


os.register_at_fork(after_in_child=_after_fork)


def check() -> None:
    """Raises RuntimeError in a process where an eager call would never return."""
    if _without_threads:
        raise RuntimeError(
            "this process was forked after TensorFlow had run, and TensorFlow's threads did not "
            "come with it: the call would never return. Start the process by multiprocessing's "
            "'spawn' or 'forkserver', or fork before TensorFlow runs"
        )
