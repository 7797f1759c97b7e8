"""A process whose threads are all the first to use the library, or TensorFlow."""

from __future__ import annotations

import faulthandler
import importlib
import threading

import numpy as np

X = np.ones((4, 3))


def cubes(x):
    return x[:, 0] ** 3 + x[:, 1] ** 3 + x[:, 2] ** 3


def first_hessian() -> float:
    import blockhess as bh

    return bh.hessian(cubes, X, layout="trace").numpy()[0]


def first_numpy() -> float:
    import blockhess.numpy as bn

    return bn.hessian("x**3", X, layout="trace")[0]


def first_tensorflow() -> float:
    import tensorflow as tf

    return float(tf.reduce_sum(tf.fill([3], 6.0)))


def first_newton() -> float:
    import blockhess as bh

    return -36.0 * float(bh.newton_direction(cubes, X)[0, 0])


def first_hvp() -> float:
    import blockhess as bh

    return float(sum(bh.hvp(cubes, X, X)[0]))


def first_ops() -> float:
    return 18.0 * (importlib.import_module("blockhess.ops").terms is not None)


FIRST = [
    first_hessian,
    first_tensorflow,
    first_numpy,
    first_hvp,
    first_ops,
    first_newton,
    first_hessian,
    first_tensorflow,
]


def main() -> None:
    faulthandler.dump_traceback_later(120, exit=True)
    start = threading.Barrier(len(FIRST))
    results: list[float] = []

    def work(first) -> None:
        start.wait()
        results.append(first())

    threads = [threading.Thread(target=work, args=(first,)) for first in FIRST]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(results, 18.0)
    print(f"{len(results)} threads")


if __name__ == "__main__":
    main()
