"""PyTorch's torch.func, both ways, as they are and under torch.compile."""

from __future__ import annotations

import functools
import subprocess
import sys

from environment import cores
from task import Task

from .peer import Call, Peer


def _builder(name: str, compile_it: bool):
    def build(task: Task) -> Call:
        import torch
        from torch.func import grad, hessian, jacrev, vmap

        torch.set_num_threads(cores())
        A, x = torch.from_numpy(task.A), torch.from_numpy(task.x)

        def f(row):
            return task.case.torch(torch, row, A)

        call = vmap({"hessian": hessian(f), "jacrev(grad)": jacrev(grad(f))}[name])
        if compile_it:
            torch.compiler.reset()
            call = torch.compile(call, dynamic=False)
        return lambda: call(x)

    return build


_PROBE = """
import logging, torch
from torch.func import grad, hessian, jacrev, vmap
logging.getLogger("torch").setLevel(logging.CRITICAL)
f = lambda x: torch.exp(-torch.sum(x * x))
x = torch.ones(4, 3)
way = {way}
try:
    assert torch.allclose(torch.compile(vmap(way(f)), dynamic=False)(x), vmap(way(f))(x))
except Exception as error:
    print(type(error).__name__, *str(error).split())
"""
_LONGEST_REASON = 160


def _probe(name: str) -> str | None:
    """What torch.compile says of a small example.

    In a child: a compilation that fails leaves torch.func's stack of transformations behind, and
    what is differentiated after that in the same process fails or is slow.
    """
    way = {"hessian": "hessian", "jacrev(grad)": "lambda f: jacrev(grad(f))"}[name]
    command = [sys.executable, "-c", _PROBE.format(way=way)]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout.strip() or (done.returncode and f"exit code {done.returncode}")
    return f"torch.compile fails on it: {said[:_LONGEST_REASON]}" if said else None


PEERS = [
    Peer(
        f"torch: compile(vmap({name}))" if compile_it else f"torch: vmap({name})",
        "torch",
        _builder(name, compile_it),
        probe=functools.partial(_probe, name) if compile_it else lambda: None,
    )
    for compile_it in (False, True)
    for name in ("hessian", "jacrev(grad)")
]
