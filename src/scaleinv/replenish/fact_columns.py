"""The columns that conditions are written with (``schema.facts``), made when a condition asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scaleinv.replenish.decision import Decision
from scaleinv.replenish.facts import Facts

_Floats = NDArray[np.float64]


class FactColumns:
    """Of every row, by name. ``more``: what is known only later, or otherwise than the decision says."""

    def __init__(
        self, facts: Facts, decision: Decision, as_of: date, more: Mapping[str, pa.Array] | None = None
    ) -> None:
        self._facts, self._decision, self._as_of = facts, decision, as_of
        self._made: dict[str, pa.Array] = dict(more or {})

    def __len__(self) -> int:
        return len(self._facts)

    def __call__(self, name: str) -> pa.Array:
        """(n,) numbers are float64, and null where they are not known."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> pa.Array:
        if name in _DERIVED:
            return pa.array(_DERIVED[name](self))
        if name in ("as_of", "weekday"):
            value = pa.scalar(self._as_of) if name == "as_of" else pa.scalar(float(self._as_of.isoweekday()))
            return pa.repeat(value, len(self))
        if name == "level_limit":
            limit = self._facts.number(name)
            return pa.array(limit, mask=np.isinf(limit))
        if name == "days_of_stock":
            return _unless(self.position, _daily_demand(self))
        if name == "stock_age":
            days = self._facts["stock_date"].cast(pa.int32()).cast(pa.float64())
            return pa.compute.subtract(float((self._as_of - date(1970, 1, 1)).days), days)
        column = self._facts[name]
        is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
        return column.cast(pa.float64()) if is_number else column

    def number(self, name: str) -> _Floats:
        """(n,) a column of the facts."""
        return self._facts.number(name)

    @property
    def position(self) -> _Floats:
        """(n,) as the decision counts it."""
        return self._decision.inventory_position

    @property
    def decision(self) -> Decision:
        """What the base rule says."""
        return self._decision


def _unless(above: _Floats, below: _Floats) -> pa.Array:
    is_none = below == 0
    return pa.array(above / np.where(is_none, 1.0, below), mask=is_none)


def _daily_demand(rows: FactColumns) -> _Floats:
    return rows.number("expected_demand") / np.maximum(rows.number("protection_interval"), 1.0)


def _confidence(rows: FactColumns) -> _Floats:
    expected = np.maximum(rows.number("expected_demand"), 0.0)
    whole = expected + np.maximum(rows.number("demand_safety_stock"), 0.0)
    return np.where(whole > 0, expected / np.where(whole > 0, whole, 1.0), 1.0)


_DERIVED: Final[dict[str, Callable[[FactColumns], NDArray[np.float64] | NDArray[np.bool_]]]] = {
    "inventory_position": lambda rows: rows.position,
    "need": lambda rows: rows.decision.need,
    "quantity": lambda rows: np.where(rows.decision.is_known, rows.decision.quantity, 0.0),
    "value": lambda rows: np.where(rows.decision.is_known, rows.decision.quantity, 0.0) * rows.number("unit_cost"),
    "daily_demand": _daily_demand,
    "confidence": _confidence,
    "is_below": lambda rows: rows.decision.is_below,
    "is_known": lambda rows: rows.decision.is_known,
}
