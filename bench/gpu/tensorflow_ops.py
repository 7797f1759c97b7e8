"""The ops on /GPU:0 against /CPU:0, with gradients, on a machine whose TensorFlow sees a GPU.

python bench/gpu/tensorflow_ops.py      exit code: 0 equal, 1 not, 2 no GPU or no CUDA build
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

TOLERANCES = {"float32": 2e-5, "float64": 1e-11}
SIZES = ((1000, 8), (777, 3), (129, 33), (40, 128), (3, 700), (0, 4))


def results(task: Task, device: str) -> dict[str, np.ndarray]:
    """Value, gradient, blocks, and the gradient of <M, blocks> to x and to the matrix."""
    with tf.device(device):
        x, A = tf.constant(task.x), tf.constant(task.A)
        with tf.GradientTape() as tape:
            tape.watch([x, A])
            ours = bh.value_grad_hessian(
                lambda x: task.case.tensorflow(tf, x, A), x, layout=task.layout
            )
        M = np.random.default_rng(3).standard_normal(ours.hessian.shape).astype(task.dtype)
        to_x, to_A = tape.gradient(
            ours.hessian, [x, A], output_gradients=tf.constant(M), unconnected_gradients="zero"
        )
        named = {**ours._asdict(), "to x": to_x, "to A": to_A}
        return {name: tensor.numpy() for name, tensor in named.items()}


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    scale = max(np.max(np.abs(expected), initial=0), 1e-30)
    return float(np.max(np.abs(actual - expected), initial=0) / scale)


def main() -> int:
    if not tf.config.list_physical_devices("GPU"):
        print("there is no GPU here, or this TensorFlow does not see it")
        return 2
    if not bh.build_info()["cuda"]:
        print("this build of blockhess has no CUDA kernels")
        return 2
    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    print(details.get("device_name"), details.get("compute_capability"))
    failed = 0
    for dtype, tolerance in TOLERANCES.items():
        worst = 0.0
        for case in CASES:
            for N, K in SIZES:
                for layout in LAYOUTS:
                    task = Task("gpu", case, N, K, dtype, layout=layout)
                    gpu, cpu = results(task, "/GPU:0"), results(task, "/CPU:0")
                    for name, expected in cpu.items():
                        difference = error(gpu[name], expected)
                        worst = max(worst, difference)
                        if not difference <= tolerance:
                            failed += 1
                            print(f"WRONG {task}: {name} differs by {difference:.1e}")
        print(f"{dtype}: the largest difference is {worst:.1e}, allowed {tolerance:.0e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
