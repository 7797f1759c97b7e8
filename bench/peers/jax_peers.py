"""JAX, both ways."""

from __future__ import annotations

import numpy as np

from task import LAYOUTS, Task

from .peer import Call, Peer


def row_function(task: Task):
    """The case for one row."""
    import jax

    A = jax.numpy.asarray(task.A)
    return lambda row: task.case.jax(jax, row, A)


def compiled(row, task: Task) -> Call:
    """A function of one row over all rows; JAX returns before it has computed."""
    import jax

    call, x = jax.jit(jax.vmap(row)), jax.numpy.asarray(task.x)
    return lambda: call(x).block_until_ready()


def _blocks(block, task: Task) -> Call:
    import jax.numpy as jnp

    def row(x):
        if task.layout == "diag":
            return jnp.diagonal(block(x))
        if task.layout == "packed":
            return block(x)[np.triu_indices(task.K)]
        return block(x)

    return compiled(row, task)


def _hessian(task: Task) -> Call:
    import jax

    return _blocks(jax.hessian(row_function(task)), task)


def _jacrev(task: Task) -> Call:
    import jax

    return _blocks(jax.jacrev(jax.grad(row_function(task))), task)


_COMPUTES = frozenset(("hessian", layout) for layout in LAYOUTS)
PEERS = [
    Peer("jax: jit(vmap(hessian))", "jax", _hessian, _COMPUTES),
    Peer("jax: jit(vmap(jacrev(grad)))", "jax", _jacrev, _COMPUTES),
]
