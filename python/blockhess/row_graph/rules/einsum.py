"""The rule of Einsum, read from its equation: one letter an axis, ellipses spelled out first."""

from __future__ import annotations

import dataclasses
import math
import string
from dataclasses import dataclass

import tensorflow as tf

from blockhess.row_graph.builder import Builder, Rule
from blockhess.row_graph.nodes import (
    ARGUMENTS,
    Elementwise,
    Geometry,
    LinearMap,
    Node,
    Opaque,
    Operand,
    Parameter,
    Product,
    Total,
    Value,
)


@dataclass(frozen=True)
class _Labels:
    """A node of an einsum: the letters of its row axes and of its features, with their sizes."""

    node: Node
    rows: str
    features: str

    @property
    def sizes(self) -> dict[str, int]:
        return dict(zip(self.features, self.node.geometry.features, strict=True))


def _equation(op: tf.Operation, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each input and of the output, an ellipsis replaced by letters of its own."""
    inputs, output = op.get_attr("equation").decode().split("->")
    spare = "".join(letter for letter in string.ascii_letters if letter not in inputs + output)
    terms = inputs.split(",")
    # Ellipses are aligned at their right end, as axes are when they are broadcast.
    covered = [rank - len(t) + 3 if "..." in t else 0 for t, rank in zip(terms, ranks, strict=True)]
    own = [spare[len(spare) - count :] for count in covered]
    letters = [term.replace("...", o) for term, o in zip(terms, own, strict=True)]
    return letters, output.replace("...", max(own, key=len))


def _labels(node: Node, letters: str) -> _Labels:
    geometry = node.geometry
    rows = "".join(letters[axis] for axis in geometry.row_axes)
    return _Labels(node, rows, "".join(letters[axis] for axis in geometry.feature_axes))


def _result(rows: str, output: str, sizes: dict[str, int]) -> Geometry | None:
    """The geometry of an output whose letters hold all row axes side by side, or none of them."""
    features = tuple(sizes[letter] for letter in output if letter not in rows)
    if not any(letter in output for letter in rows):
        return Geometry(len(rows), features)  # Summed over the rows afterwards.
    if rows not in output:
        return None
    return Geometry(len(rows), features, output.index(rows))


def _einsum(builder: Builder, op: tf.Operation, inputs: list[Value]) -> Value:
    shapes = [builder.dimensions(value) for value in inputs]
    summed = [v for v in inputs if isinstance(v, Node) and v.geometry.summed]
    if None in shapes or (summed and all(isinstance(v, Node) for v in inputs)):
        return builder.unproven(op, "is not a product within the rows")
    terms, output = _equation(op, [len(shape) for shape in shapes])
    if any(len(set(term)) < len(term) for term in terms):
        return builder.unproven(op, "takes a diagonal")
    nodes = [_labels(v, t) for v, t in zip(inputs, terms, strict=True) if isinstance(v, Node)]
    if any(labels.rows != nodes[0].rows for labels in nodes):
        return builder.unproven(op, "multiplies rows with rows")
    rows, sizes = nodes[0].rows, {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            if size is not None and sizes.setdefault(letter, size) != size:
                return builder.unproven(op, "broadcasts an axis of size one")
    if any(letter not in sizes for letter in output if letter not in rows):
        return builder.unproven(op, "the size of an axis is not known")
    geometry = _result(rows, output, sizes)
    if geometry is None:
        return builder.unproven(op, "it keeps some of the row axes and sums over others")
    if summed:
        geometry = dataclasses.replace(geometry, summed=True)
    result = _product(builder, op, nodes, inputs, terms, output, geometry)
    if summed and isinstance(result, (LinearMap, Opaque)):
        return builder.unproven(op, "maps a sum over rows")
    if rows and not any(letter in output for letter in rows):
        summed = Geometry(0, geometry.features, 0, True)
        return Total(op.outputs[0], summed, result)
    return result


def _product(builder: Builder, op, nodes, inputs, terms, output: str, geometry: Geometry) -> Value:
    """The product with the row axes kept."""
    features = "".join(letter for letter in output if letter not in nodes[0].rows)
    if len(nodes) == 2:
        expression, cells = ARGUMENTS[0] * ARGUMENTS[1], nodes[0].features
        arguments = tuple(labels.node for labels in nodes)
        if cells + nodes[1].features == features:
            return Product(op.outputs[0], geometry, *arguments)
        if nodes[1].features != cells:
            return builder.opaque(op, geometry)
        return _cells(builder, op, nodes[0], expression, arguments, features, geometry)
    labels = nodes[0]
    parameter = next(
        ((v, t) for v, t in zip(inputs, terms, strict=True) if isinstance(v, Parameter)), None
    )
    if parameter is None:
        return _cells(builder, op, labels, ARGUMENTS[0], (labels.node,), features, geometry)
    value, letters = parameter
    rows = labels.rows if any(row in letters for row in labels.rows) else ""
    if any(row not in letters for row in rows):
        return builder.opaque(op, geometry)
    own = set(letters) - set(labels.features) - set(rows)
    if not own and (set(letters) - set(rows) <= set(features) or not features):
        operand = _operand(builder, value, letters, labels, rows)
        product = ARGUMENTS[0] * ARGUMENTS[1]
        return _cells(builder, op, labels, product, (labels.node, operand), features, geometry)
    if set(labels.features) <= set(letters) - set(features) and set(features) <= own:
        return _linear(builder, op, labels, value, letters, rows, features, geometry)
    return builder.opaque(op, geometry)


def _cells(
    builder: Builder, op, labels, expression, arguments, features: str, geometry: Geometry
) -> Value:
    """An expression of the cells, kept as cells or summed up."""
    size = math.prod(labels.sizes.values())
    inner = dataclasses.replace(geometry, features=labels.node.geometry.features, before=0)
    node = Elementwise(op.outputs[0], inner, expression, arguments)
    if features == labels.features:
        return builder.moved(op, node, geometry)
    if math.prod(geometry.features) == 1:
        return (
            builder.sum_of_cells(op, node, geometry)
            if size != 1
            else builder.moved(op, node, geometry)
        )
    return builder.opaque(op, geometry)


def _operand(
    builder: Builder, value: Parameter, letters: str, labels: _Labels, rows: str
) -> Operand:
    """The parameter laid out like the cells of the node, axes that it lacks of size 1."""
    kept = rows + "".join(letter for letter in labels.features if letter in letters)
    tensor = tf.einsum(f"{letters}->{kept}", value.tensor)
    sizes = tf.unstack(tf.shape(tensor), num=len(kept))
    full = labels.rows + labels.features
    shape = [sizes[kept.index(letter)] if letter in kept else 1 for letter in full]
    known = [tensor.shape[kept.index(letter)] if letter in kept else 1 for letter in full]
    tensor = tf.ensure_shape(tf.reshape(tensor, tf.stack(shape) if shape else []), known)
    geometry = Geometry(len(labels.rows), labels.node.geometry.features)
    return builder.operand(Parameter(tensor), geometry)


def _linear(
    builder: Builder, op, labels, value, letters, rows, features: str, geometry: Geometry
) -> Value:
    """A contraction of all cells with a matrix, shared or one a row."""
    tensor = tf.einsum(f"{letters}->{rows}{labels.features}{features}", value.tensor)
    cells, width = math.prod(labels.sizes.values()), geometry.size
    if not rows:
        return LinearMap(
            op.outputs[0], geometry, labels.node, tf.reshape(tensor, [cells, width]), False
        )
    matrix = tf.reshape(tensor, [-1, cells, width])
    return LinearMap(op.outputs[0], geometry, labels.node, matrix, True)


RULES: dict[str, Rule] = {"Einsum": _einsum}
