"""f on the autodiff route: as TensorFlow differentiates it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from blockhess.routes.autodiff import columns, coupling
from blockhess.routes.plan import PROVED, UNPROVED, Plan, bytes_of, written
from blockhess.routes.route import Derivatives, Reading, Route
from blockhess.row_graph import Unproven, Value


@dataclass(frozen=True, eq=False)
class AutodiffRoute(Route):
    """f by columns of its Hessian.

    Attributes:
      y: the result of f, a scalar or one value a row.
      sources: the tensor that f took, shape (..., K), and further reads of it.
      value: `y` in the row graph.
      asked_coupling: what the caller asked for where rows are not proved independent.
      refused: (route, reason) for each faster route that did not fit.
    """

    name = "autodiff"

    y: tf.Tensor
    sources: tuple[tf.Tensor, ...]
    value: Value
    asked_coupling: str
    refused: tuple[tuple[str, str], ...]

    @classmethod
    def match(cls, reading: Reading) -> AutodiffRoute:
        r = reading
        return cls(r.y, r.sources, r.value, r.coupling, r.refused)

    @property
    def x(self) -> tf.Tensor:
        return self.sources[0]

    @property
    def coupling(self) -> str:
        """What to do about coupling: nothing where the graph proves that rows do not interact."""
        return self.asked_coupling if self._may_interact else "assume_independent"

    @property
    def _may_interact(self) -> bool:
        return isinstance(self.value, Unproven) and not all(n == 1 for n in self.x.shape[:-1])

    def derivatives(self, *, layout: str, value: bool, gradient: bool) -> Derivatives:
        gradient_of_f, hessian = columns.differentiate(
            self.y, self.x, layout=layout, coupling=self.coupling, reads=self.sources[1:]
        )
        return Derivatives(self.y if value else None, gradient_of_f if gradient else None, hessian)

    def hvp(self, v: tf.Tensor) -> tf.Tensor:
        return columns.multiply(self.y, self.x, v, coupling=self.coupling, reads=self.sources[1:])

    def in_order(self, gradient: tf.Tensor) -> tf.Tensor:
        if self.coupling != "check":
            return gradient
        return coupling.probed_order(gradient, self.y, self.sources)

    def plan(self, layout: str) -> Plan:
        how = PROVED
        if self._may_interact:
            how = f"{UNPROVED[self.asked_coupling]}: {self.value.reason}"
        return Plan(
            self.name,
            layout,
            how,
            refused=self.refused,
            bytes_read="what f and its gradients read",
            bytes_written=bytes_of(self.x, written(self.x, layout)),
        )
