"""The row graph: f as blockhess sees it, row-wise nodes between x and the result."""

from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    Input,
    LinearMap,
    Node,
    Opaque,
    Operand,
    Parameter,
    Product,
    Reduction,
    Total,
    Unproven,
    Value,
)
from blockhess.row_graph.reader import Reader, describe
from blockhess.row_graph.rules.table import register

__all__ = [
    "ARGUMENTS",
    "Elementwise",
    "Geometry",
    "Input",
    "LinearMap",
    "Node",
    "Opaque",
    "Operand",
    "Parameter",
    "Product",
    "Reader",
    "Reduction",
    "Total",
    "Unproven",
    "Value",
    "describe",
    "register",
]
