"""The public interface: blocks of second derivatives, and the plan by which they are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from blockhess import traces
from blockhess.autograph import converting_only_f
from blockhess.gradients import copied
from blockhess.outputs import BlocksOfOutputs
from blockhess.plan import Plan, PlanOfOutputs
from blockhess.request import Blocks, check_x, checked_result, checked_x
from blockhess.routes.derivatives import Derivatives

RowFunction = Callable[[tf.Tensor], Any]


class ValueGradHessian(NamedTuple):
    """What `value_grad_hessian` returns.

    Attributes:
      value: f(x), in the shape that f gave it.
      gradient: (..., K), the gradient of the sum of f; (..., M, K) with `outputs=M`.
      hessian: the blocks, in the layout that was asked for.
    """

    value: tf.Tensor
    gradient: tf.Tensor
    hessian: tf.Tensor


@converting_only_f
def hessian(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> tf.Tensor:
    """The diagonal blocks of the Hessian of f: for each row of x, its own K x K matrix.

    Works eagerly, under `tf.function` and in a TF1 graph, and is differentiable any number of
    times, with respect to x and to the tensors and variables that f captures.

    Args:
      f: takes x and returns a scalar, or one value a row, shape (...) or (..., 1), which is summed.
        Called eagerly, f is traced as under `tf.function` (without AutoGraph) and the trace kept
        until a variable or function that f refers to by name changes; attributes of objects are
        not watched.
      x: tensor, variable or array of shape (..., K), floating. An x of 16 bits is computed in
        float32 by the fused route, while the autodiff route computes in the types that f does, and
        f is called with x as it is. All axes but the last are rows; N, their product, may be
        unknown, zero or one. With K unknown only the autodiff route serves.
      layout: "dense" (..., K, K); "diag" (..., K); "packed" (..., K (K + 1) / 2), the upper
        triangle in the order of `np.triu_indices`; "trace" (...), the sum of the diagonal.
      route: "auto" takes the first that fits of "fused" and "autodiff".
      coupling: what to do where rows are not proved independent. "check" compares random
        Hessian-vector products with the blocks and fails the run if rows interact; "exact" computes
        the diagonal blocks of the true Hessian however rows interact, with N K backward passes;
        "assume_independent" trusts the caller.
      outputs: M, where f returns M values a row, shape (..., M): the blocks of each, in one graph.
        Each column y[..., m] takes the route that fits it.

    Returns:
      Tensor of the dtype of x; its shape is given by `layout`, and with `outputs=M` has an axis of
      M behind the rows: (..., M, K, K). Where f is provably constant in x (behind `stop_gradient`,
      say) the blocks are zero.

    Raises:
      TypeError: x is not floating.
      ValueError: x has no rank or is a scalar; f's result has another shape, is not floating or is
        not connected to x; the named route cannot serve f.
      tf.errors.InvalidArgumentError: at run time, rows interact under "check", or the shapes of
        parameters do not fit x.

    Examples:
      >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
      >>> blockhess.hessian(lambda x: tf.reduce_sum(x**3), x).numpy().tolist()
      [[[6.0, 0.0], [0.0, 12.0]], [[18.0, 0.0], [0.0, 24.0]]]
      >>> blockhess.hessian(lambda x: x**2, x[:1], outputs=2).numpy().tolist()
      [[[[2.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 2.0]]]]
    """
    return _apply(f, x, _request(outputs, route, coupling, layout)).hessian


@converting_only_f
def value_grad_hessian(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> ValueGradHessian:
    """f(x), its gradient and its blocks, in one pass where f takes the fused route.

    Arguments and errors are those of `hessian`.

    Returns:
      ValueGradHessian: the value in the shape of f's result, the gradient (..., K), the blocks.
      With `outputs=M` the value (..., M), the gradients (..., M, K), the blocks (..., M, K, K).

    Examples:
      >>> x = tf.constant([[1.0, 2.0]])
      >>> result = blockhess.value_grad_hessian(lambda x: tf.reduce_sum(x**2, 1), x)
      >>> result.value.numpy().tolist(), result.gradient.numpy().tolist()
      ([5.0], [[2.0, 4.0]])
    """
    result = _apply(f, x, _request(outputs, route, coupling, layout, value=True, gradient=True))
    return ValueGradHessian(*result)


@converting_only_f
def laplacian(f: RowFunction, x: Any, *, route: str = "auto", coupling: str = "check") -> tf.Tensor:
    """The Laplacian of f by each row of x: the sum of its second derivatives, the trace of a block.

    It is `hessian(f, x, layout="trace")`. On the fused route no diagonal is written: the trace of a
    term's block is

        psi'(s) (tr S + sum_k phi''(x_k)) + psi''(s) u'u,    u = phi'(x) + S x + b

    which is the trace of the formula of `ops.terms`. The autodiff route adds up the layout "diag".

    Args:
      f: as in `hessian`.
      x: tensor, variable or array of shape (..., K), floating.
      route: as in `hessian`.
      coupling: as in `hessian`.

    Returns:
      Tensor (...) of the dtype of x. Differentiable any number of times, with respect to x and to
      all that f captures.

    Errors are those of `hessian`.

    Examples:
      >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
      >>> blockhess.laplacian(lambda x: tf.reduce_sum(x**3), x).numpy().tolist()
      [18.0, 42.0]
    """
    return _apply(f, x, Blocks(route, coupling, "trace")).hessian


@tf.autograph.experimental.do_not_convert
def hessians(
    ys: Any,
    xs: Any,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    name: str = "hessians",
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
) -> list[tf.Tensor]:
    """Stands in for `tf.hessians(ys, xs)` while a graph is built: the same call, blocks out.

    Args:
      ys: a tensor or a list of them, each a scalar or one value a row; their sum is differentiated.
      xs: a tensor or variable of shape (..., K), or a list of them.
      gate_gradients: accepted as `tf.hessians` accepts it; it steers how `tf.gradients` works, not
        what it computes, and is not needed here.
      aggregation_method: the same.
      name: the name scope of the operations.
      layout: as in `hessian`.
      route: as in `hessian`.
      coupling: as in `hessian`.

    Returns:
      A list with the blocks for each of `xs`, shape (..., K, K) in the dense layout.

    Raises:
      RuntimeError: called eagerly, where `tf.hessians` raises it, too: there use `hessian`.
      TypeError, ValueError: as in `hessian`.

    Examples:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     x = tf.compat.v1.placeholder(tf.float32, (None, 2))
      ...     blocks, = blockhess.hessians(tf.reduce_sum(x * x), x)
      ...     print(session.run(blocks, {x: [[1.0, 2.0]]}).tolist())
      [[[2.0, 0.0], [0.0, 2.0]]]
    """
    del gate_gradients, aggregation_method
    if tf.executing_eagerly():
        raise RuntimeError(
            "blockhess.hessians works on the tensors of a graph, like tf.hessians; "
            "in eager mode call blockhess.hessian(f, x)"
        )
    request = Blocks(route, coupling, layout)
    results = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    sources = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    with tf.name_scope(name):
        return [_hessian_of(results, x, request) for x in sources]


@converting_only_f
def explain(
    f: RowFunction,
    x: Any,
    *,
    layout: str = "dense",
    route: str = "auto",
    coupling: str = "check",
    outputs: int | None = None,
) -> Plan | PlanOfOutputs:
    """The plan for f at x: its route and terms, and why faster routes did not fit.

    Arguments and errors are those of `hessian`. Nothing is computed; in a graph that is being built
    the operations of the plan are added to it, and pruned when it runs.

    Returns:
      Plan; `str()` of it is for people. With `outputs`, PlanOfOutputs: one for each.

    Examples:
      >>> plan = blockhess.explain(lambda x: tf.reduce_sum(tf.exp(-x * x)), tf.ones((5, 3)))
      >>> plan.route
      'fused'
    """
    request = _request(outputs, route, coupling, layout)
    tensor = checked_x(x)
    if not tf.executing_eagerly():
        return _plan(f, tensor, request)
    plans: list[Plan | PlanOfOutputs] = []

    def plan(x: tf.Tensor) -> None:
        plans.append(_plan(f, x, request))

    tf.function(plan, autograph=False).get_concrete_function(tf.TensorSpec.from_tensor(tensor))
    return plans[0]


def _plan(f: RowFunction, x: tf.Tensor, request: Blocks) -> Plan | PlanOfOutputs:
    if isinstance(request, BlocksOfOutputs):
        routes = request.routes_of(f, x)
        return PlanOfOutputs(tuple(route.plan(request.layout) for route in routes))
    return request.route_of(f, x).plan(request.layout)


def _request(outputs: int | None, route: str, coupling: str, layout: str, **wanted: bool) -> Blocks:
    if outputs is None:
        return Blocks(route, coupling, layout, **wanted)
    return BlocksOfOutputs(route, coupling, layout, **wanted, outputs=outputs)


def _apply(f: RowFunction, x: Any, request: Blocks) -> Derivatives:
    return traces.apply(f, checked_x(x), request)


def _hessian_of(ys: Sequence[Any], x: Any, request: Blocks) -> tf.Tensor:
    reads = _reads(x)
    source = reads[0] if reads else checked_x(x)
    check_x(source)
    results = [checked_result(y, source) for y in ys]
    y = results[0] if len(results) == 1 else tf.add_n([tf.reduce_sum(y) for y in results])
    # The operations of y are the caller's, whose own gradients of them stay what they are.
    y = copied(y, [source, *reads])
    return request.of(request.routed(y, source, reads)).hessian


def _reads(x: Any) -> list[tf.Tensor]:
    """Every read of a variable that the graph holds; nothing for a tensor."""
    handle = getattr(x, "handle", None)
    if handle is None or isinstance(x, tf.Tensor):
        return []
    graph = tf.compat.v1.get_default_graph()
    if hasattr(graph, "capture"):
        handle = graph.capture(handle)
    return [op.outputs[0] for op in handle.consumers() if op.type == "ReadVariableOp"]
