"""The ops on /GPU:0 against /CPU:0, with gradients, on a machine whose TensorFlow sees a GPU.

    python bench/gpu/tensorflow_ops.py

Exit code: 0 all equal, 1 a result is wrong, 2 no GPU, or a build without CUDA.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import tensorflow as tf

import blockhess as bh
from cases import CASES
from task import LAYOUTS, Task

# Relative to the largest entry, or to one where that is less. The CPU has no kernels for 16 bits;
# it computes in float32 with the same values.
TOLERANCES = {"float32": 2e-5, "float64": 1e-11, "float16": 2e-3, "bfloat16": 1.6e-2}
SIZES = ((1000, 8), (777, 3), (129, 33), (40, 128), (3, 700), (0, 4))


def results(task: Task, stored: str, computed: str, device: str) -> dict[str, np.ndarray]:
    """Value, gradient, blocks, a map, and gradients of these, for values of the type `stored`."""
    e = bh.expressions
    x_, s_ = e.Variable("x"), e.Variable("s")

    def tensor(values: np.ndarray) -> tf.Tensor:
        return tf.cast(tf.cast(values, stored), computed)

    with tf.device(device):
        x, A = tensor(task.x), tensor(task.A)
        with tf.GradientTape() as tape:
            tape.watch([x, A])
            if stored == task.dtype:
                ours = bh.value_grad_hessian(
                    lambda x: task.case.tensorflow(tf, x, A), x, layout=task.layout
                )
            else:
                term = task.case.term(bh, x_, s_, A)
                ours = bh.ops.terms(
                    x, [term], layout=task.layout, want_value=True, want_gradient=True
                )
            (mapped,) = bh.ops.map([e.sin(x_) * e.exp(-x_ * x_)], {x_: x})
        M = np.random.default_rng(3).uniform(-1, 1, ours.hessian.shape)
        to_x, to_A = tape.gradient(
            [ours.hessian, mapped],
            [x, A],
            output_gradients=[tensor(M), tf.ones_like(mapped)],
            unconnected_gradients="zero",
        )
        named = {**ours._asdict(), "map": mapped, "to x": to_x, "to A": to_A}
        return {name: tf.cast(result, tf.float64).numpy() for name, result in named.items()}


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(actual - expected), initial=0) / np.max(np.abs(expected), initial=1))


def compare(name: str, device: str) -> bool:
    """Whether a type's results on the device are those of the CPU."""
    worst, equal = 0.0, True
    wide = name if name in ("float32", "float64") else "float32"
    for case in CASES:
        for N, K in SIZES:
            for layout in LAYOUTS:
                task = Task("gpu", case, N, K, wide, layout=layout)
                actual = results(task, name, name, device)
                expected = results(task, name, wide, "/CPU:0")
                for what in expected:
                    difference = error(actual[what], expected[what])
                    worst = max(worst, difference)
                    if not difference <= TOLERANCES[name]:
                        equal = False
                        print(f"WRONG {name} {task}: {what} is off by {difference:.1e}")
    print(f"{name}: off by at most {worst:.1e}, allowed {TOLERANCES[name]:.0e}")
    return equal


def main() -> int:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        print("there is no GPU here that TensorFlow sees")
        return 2
    if not bh.build_info()["cuda"]:
        print("this build of blockhess has no CUDA kernels")
        return 2
    details = tf.config.experimental.get_device_details(gpus[0])
    print(details.get("device_name"), details.get("compute_capability"))
    return 0 if all([compare(name, "/GPU:0") for name in TOLERANCES]) else 1


if __name__ == "__main__":
    sys.exit(main())
