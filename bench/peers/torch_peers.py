"""PyTorch's torch.func, both ways, as they are and under torch.compile."""

from __future__ import annotations

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


PEERS = [
    Peer(
        f"torch: compile(vmap({name}))" if compile_it else f"torch: vmap({name})",
        "torch",
        _builder(name, compile_it),
    )
    for compile_it in (False, True)
    for name in ("hessian", "jacrev(grad)")
]
