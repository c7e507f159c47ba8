"""A condition over whole columns at once, by Arrow's kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.expression import (
    Among,
    Calculation,
    Comparison,
    Constant,
    Like,
    Logic,
    Name,
    Node,
    Nothing,
)

Columns = Callable[[str], pa.Array]
"""Column name -> (n,) its values: numbers are float64."""
_Value = Any
"""An Arrow array or scalar."""

_COMPARE: Final = {
    "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip
_CALCULATE: Final = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}
_TYPES: Final = {"number": pa.float64(), "text": pa.string(), "flag": pa.bool_(), "date": pa.date32()}


def evaluated(node: Node, columns: Columns, n: int) -> pa.Array:
    """(n,) its value; null: unknown."""
    value = _of(node, columns)
    return pa.repeat(value, n) if isinstance(value, pa.Scalar) else value


def _of(node: Node, columns: Columns) -> _Value:
    match node:
        case Name():
            return columns(node.name)
        case Constant():
            return pa.scalar(node.value, _TYPES[node.kind])
        case Calculation():
            return _calculated(node, columns)
        case Comparison():
            return _COMPARE[node.operator](_of(node.left, columns), _of(node.right, columns))
        case Among():
            return _among(_of(node.value, columns), node)
        case Like():
            return pc.match_like(_of(node.value, columns), node.pattern)
        case Nothing():
            return pc.is_null(_of(node.value, columns))
        case Logic():
            return _logic(node, columns)


def _calculated(node: Calculation, columns: Columns) -> _Value:
    left, right = _of(node.left, columns), _of(node.right, columns)
    if node.left.kind == "date":
        days = (side.cast(pa.int32()).cast(pa.float64()) for side in (left, right))
        return pc.subtract(*days)
    if node.operator == "/":
        # By nothing: unknown, and no infinity that is above every limit.
        return pc.divide(left, pc.if_else(pc.equal(right, 0.0), pa.scalar(None, pa.float64()), right))
    return _CALCULATE[node.operator](left, right)


def _among(value: _Value, node: Among) -> _Value:
    choices = pa.array([choice.value for choice in node.choices], _TYPES[node.value.kind])
    if node.value.kind == "number":  # Arrow tells -0 from 0 here, and nowhere else
        value, choices = pc.add(value, 0.0), pc.add(choices, 0.0)
    found = pc.is_in(value, value_set=choices)
    return pc.if_else(pc.is_null(value), pa.scalar(None, pa.bool_()), found)


def _logic(node: Logic, columns: Columns) -> _Value:
    value = _of(node.parts[0], columns)
    if node.operator == "not":
        return pc.invert(value)
    join = pc.and_kleene if node.operator == "and" else pc.or_kleene
    for part in node.parts[1:]:
        value = join(value, _of(part, columns))
    return value
