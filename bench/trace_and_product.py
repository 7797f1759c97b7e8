"""laplacian and hvp beside what they have to read and write, interleaved in one process.

    python bench/trace_and_product.py [--rounds 101]

`read and write` is one TensorFlow operation that reads as much and writes as much: the sum of each
row of x for the Laplacian, x + v for the product. `programs` is bh.ops.map of the scalar functions
alone, those of phi in every cell, which also writes each of their results; `x @ A` is TensorFlow's
product with the matrix of the quadratic form. A ratio is the median over rounds of (ours / the
other's time in the same round). The calls are those of the raw ops, eagerly and warm; `public` is
bh.laplacian(f, x) or bh.hvp(f, x, v) in place of ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import blockhess as bh
import committed
from blockhess import expressions as e
from cases import CASES
from machine import processor
from measure import interleave

SIZES = ((100_000, 8), (2000, 128))
NAMES = ("squares", "quadratic", "gaussian", "logsumexp", "sine")
X, S = e.Variable("x"), e.Variable("s")
BUDGET = 3.0


def calls(
    name: str, quantity: str, x: tf.Tensor, v: tf.Tensor, A: tf.Tensor
) -> dict[str, Callable]:
    """Ours first, then what it is compared with."""
    case = CASES[name]
    term = case.term(bh, X, S, A)
    f = lambda x: case.tensorflow(tf, x, A)  # noqa: E731
    # The op computes what counts for this f of phi, phi' and phi''.
    first = None if term.phi is None else e.differentiate(term.phi, X)
    orders = [] if first is None else [e.differentiate(first, X)]
    if orders and term.psi is not S:
        orders += [term.phi, first]
    programs = list({o for o in orders if o.variables})
    by_quantity: dict[str, dict[str, Callable]] = {
        "laplacian": {
            "ours": lambda: bh.ops.terms(x, [term], layout="trace").hessian,
            "read and write": lambda: tf.reduce_sum(x, 1),
            "public": lambda: bh.laplacian(f, x),
        },
        "hvp": {
            "ours": lambda: bh.ops.terms_hvp(x, [term], v),
            "read and write": lambda: x + v,
            "public": lambda: bh.hvp(f, x, v),
        },
    }
    chosen = by_quantity[quantity]
    if programs:
        chosen["programs"] = lambda: bh.ops.map(programs, {X: x})
    if term.S is not None:
        chosen["x @ A"] = lambda: tf.matmul(x, A)
    return chosen


def expected(name: str, quantity: str, x: np.ndarray, v: np.ndarray, A: np.ndarray) -> np.ndarray:
    blocks = CASES[name].blocks(x, A)
    return (
        np.einsum("nkk->n", blocks)
        if quantity == "laplacian"
        else np.einsum("nkl,nl->nk", blocks, v)
    )


def check(name: str, quantity: str, tensors: tuple[tf.Tensor, ...], ours: np.ndarray) -> None:
    """Checks the first rows against the closed form, in float64."""
    x, v, A = (t.numpy().astype(np.float64) for t in tensors)
    truth = expected(name, quantity, x[:100], v[:100], A)
    assert np.max(np.abs(ours[:100] - truth)) < 1e-4 * max(1.0, np.max(np.abs(truth))), name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=101)
    rounds = parser.parse_args().rounds
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, {processor()}, float32")
    columns = ("read and write", "programs", "x @ A", "public")
    print(f"{'':12}{'':12}{'N':>8}{'K':>5}{'ours':>10}", *(f"{'/ ' + c:>18}" for c in columns))
    for quantity in ("laplacian", "hvp"):
        for name in NAMES:
            for N, K in SIZES:
                rng = np.random.default_rng(2)
                root = rng.normal(size=(K, K)) / K
                arrays = (*rng.normal(size=(2, N, K)), np.eye(K) / K + root @ root.T)
                tensors = tuple(tf.constant(a, tf.float32) for a in arrays)
                peers = calls(name, quantity, *tensors)
                ours = peers.pop("ours")
                check(name, quantity, tensors, ours().numpy())
                for call in (ours, *peers.values(), *peers.values(), *peers.values()):
                    call()
                pairs, failed = interleave(ours, peers, BUDGET, rounds)
                if failed:
                    raise next(iter(failed.values()))
                own = statistics.median(pairs["read and write"].ours)
                ratios = {
                    peer: statistics.median(1 / ratio for ratio in both.ratios)
                    for peer, both in pairs.items()
                }
                row = (f"{ratios[c]:.2f}" if c in ratios else "-" for c in columns)
                print(
                    f"{quantity:12}{name:12}{N:8}{K:5}{1e6 * own:7.0f} us",
                    *(f"{entry:>18}" for entry in row),
                    flush=True,
                )


if __name__ == "__main__":
    committed.run(main)
