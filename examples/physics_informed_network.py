"""A physics-informed network: a soap film in a bent square frame, from values, slopes and blocks.

    python examples/physics_informed_network.py

The film over (x, y) is the minimal surface u with (1 + u_y^2) u_xx - 2 u_x u_y u_xy +
(1 + u_x^2) u_yy = 0, here Scherk's, u = log(cos y / cos x), whose heights on the frame are given. A
network of Keras is trained until the equation holds at random points. Needs matplotlib.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import blockhess as bh
import pictures

SIDE = 1.2
tf.keras.utils.set_random_seed(0)
network = tf.keras.Sequential([tf.keras.layers.Dense(24, "tanh") for _ in range(3)])
network.add(tf.keras.layers.Dense(1))
network.build((None, 2))


def u(p):  # one value a row
    return network(p)[:, 0]


def exact(p: np.ndarray) -> np.ndarray:
    return np.log(np.cos(p[:, 1]) / np.cos(p[:, 0])).astype(np.float32)


def by_tapes(u, p):
    """What bh.value_grad_hessian gives, by TensorFlow's own means."""
    with tf.GradientTape() as outer:
        outer.watch(p)
        with tf.GradientTape() as inner:
            inner.watch(p)
            value = u(p)
        gradient = inner.gradient(value, p)
    return value, gradient, outer.batch_jacobian(gradient, p)


def stepper(derivatives, points, frame, rate):
    optimizer = tf.keras.optimizers.Adam(rate)
    optimizer.build(network.trainable_variables)

    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            _, slopes, H = derivatives(u, points)
            ux, uy = tf.unstack(slopes, axis=1)
            film = (1 + uy**2) * H[:, 0, 0] - 2 * ux * uy * H[:, 0, 1] + (1 + ux**2) * H[:, 1, 1]
            loss = tf.reduce_mean(film**2) + 10 * tf.reduce_mean((u(frame) - exact(frame)) ** 2)
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    return step


def seconds(call) -> float:
    start = time.perf_counter()
    call().numpy()
    return time.perf_counter() - start


def main(steps: int, points: int, picture: str) -> float:
    rng = np.random.default_rng(0)
    inside = tf.constant(rng.uniform(-SIDE, SIDE, (points, 2)), tf.float32)
    sides = [(s, a) for a in np.linspace(-SIDE, SIDE, 50) for s in (-SIDE, SIDE)]
    frame = np.array(sides + [(a, s) for s, a in sides], np.float32)

    ways = [stepper(way, inside, frame, 0.0) for way in (bh.value_grad_hessian, by_tapes)]
    rounds = np.array([[seconds(way) for way in ways] for _ in range(22)])[2:]
    ours, theirs = 1e3 * np.median(rounds, axis=0)
    ratio = np.median(rounds[:, 1] / rounds[:, 0])
    print(f"a step: {ours:.1f} ms; by batch_jacobian {theirs:.1f} ms, {ratio:.2f} times ours")

    step = stepper(
        bh.value_grad_hessian, inside, frame, tf.keras.optimizers.schedules.CosineDecay(0.01, steps)
    )
    losses = [step() for _ in range(steps)]
    axis = np.linspace(-SIDE, SIDE, 61)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(np.float32)
    film, truth = u(tf.constant(grid)).numpy(), exact(grid)
    error = float(np.abs(film - truth).max())
    print(f"after {steps} steps: largest error {error:.1e} of heights up to {truth.max():.2f}")

    figure = plt.figure(figsize=(12, 3.8))
    square = (axis.size, axis.size)
    left = figure.add_subplot(1, 3, 1, projection="3d")
    left.plot_surface(*(v.reshape(square) for v in (*grid.T, film)), cmap="cividis")
    left.set(xlabel="x", ylabel="y", zlabel="u", title="the film that was found")
    middle = figure.add_subplot(1, 3, 2, aspect="equal", title="its error, 1000 (u - exact)")
    shown = middle.contourf(axis, axis, 1e3 * (film - truth).reshape(square), 12, cmap="PuOr")
    middle.set(xlabel="x", ylabel="y")
    figure.colorbar(shown, ax=middle)
    right = figure.add_subplot(1, 3, 3, xlabel="step", title="loss")
    right.semilogy(np.array(losses), lw=0.8)
    pictures.save(figure, picture)
    return error


if __name__ == "__main__":
    parser = pictures.parser(__doc__, "physics_informed_network.png")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--points", type=int, default=500, help="where the equation shall hold")
    arguments = parser.parse_args()
    main(arguments.steps, arguments.points, arguments.picture)
