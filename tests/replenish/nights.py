"""Small nights, for tests: rows as they come to a person's mind, as the tables that ``propose`` reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from scaleinv.config.models import ReplenishConfig
from scaleinv.replenish import Known, Part, Proposals, propose
from scaleinv.schema import series_id, table

AS_OF = date(2026, 9, 20)
"""A Sunday."""
DEFAULTS: dict[str, Any] = {
    "sku": "A", "loc": "S1", "vendor": "V1", "lead": 2.0, "rop": 20.0, "oul": 42.0, "on_hand": 12.0, "on_order": 0.0,
    "reserved": 0.0, "backorders": 0.0, "stock_date": AS_OF, "moq": 6.0, "multiple": 6.0, "cost": 1.25, "price": 2.0,
    "unit": "EA", "demand_class": "smooth", "abc": "A", "category": "dry", "interval": 9.0, "review": 1,
    "expected": 10.0, "spread": 5.0, "limit": None, "bound": None, "problem": None, "overdue": 0.0, "discount": 0.0,
    "supply": (),
}  # fmt: skip
_COLUMNS = {
    "sku_id": "sku", "location_id": "loc", "vendor_id": "vendor", "lead_time": "lead", "reorder_point": "rop",
    "order_up_to_level": "oul", "protection_interval": "interval", "expected_demand": "expected",
    "demand_safety_stock": "spread", "level_limit": "limit", "constraint": "bound", "problem": "problem",
    "on_hand": "on_hand", "on_order": "on_order", "reserved": "reserved", "backorders": "backorders",
    "stock_date": "stock_date", "on_order_overdue": "overdue", "on_order_discount": "discount", "unit": "unit",
    "unit_cost": "cost", "unit_price": "price", "min_order_quantity": "moq", "order_multiple": "multiple",
    "demand_class": "demand_class", "abc_class": "abc", "category": "category", "review_period": "review",
}  # fmt: skip
_BESIDE = ("recent_demand", "days_since_sale", "last_unit_cost")


@dataclass
class Night:
    """Tables of one night."""

    policies: pa.Table
    position: pa.Table
    series: pa.Table
    items: pa.Table
    vendors: pa.Table
    as_of: date = AS_OF
    options: dict[str, Any] = field(default_factory=dict)

    def propose(self, *rules: dict[str, Any], parts: list[Part] | None = None, **config: Any) -> Proposals:
        known = config.pop("known", Known())
        made = ReplenishConfig.model_validate({"rules": rules, **config})
        return propose(
            parts or [(self.policies, self.position, self.series)], self.items, self.vendors, retailer="retailer",
            as_of=self.as_of, config=made, known=known,
        )  # fmt: skip


def rows_in(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows in the table's schema; a column not given gets a value that plays no part."""
    filler = {pa.string(): "x", pa.float64(): 0.0, pa.int32(): 1, pa.date32(): AS_OF, pa.int64(): 1}
    contract = table(name)
    columns = {
        c.name: pa.array([row.get(c.name, None if c.nullable else filler.get(c.type, [])) for row in rows], c.type)
        for c in contract.columns
    }
    return pa.table(columns)


def night(*overrides: dict[str, Any], as_of: date = AS_OF) -> Night:
    """A night of these series; what is not said of one is as in ``DEFAULTS``."""
    rows = [{**DEFAULTS, "stock_date": as_of, **o} for o in overrides]
    full = [
        {"as_of": as_of, "group_id": "g", "unique_id": series_id(r["sku"], r["loc"])}
        | {column: r[name] for column, name in _COLUMNS.items()}
        | {"supply_dates": [day for day, _ in r["supply"]], "supply_units": [units for _, units in r["supply"]]}
        | {"review_date": None}
        for r in rows
    ]
    series = rows_in("gold/series", full)
    for name in _BESIDE:
        series = series.append_column(name, pa.array([r.get(name) for r in rows], pa.float64()))
    items = [{"sku_id": s, "vendor_id": "V1"} for s in sorted({r["sku"] for r in rows})]
    vendors = [{"vendor_id": v, "currency": "EUR"} for v in sorted({r["vendor"] for r in rows})]
    return Night(
        rows_in("gold/policies", full), rows_in("gold/stock_position", full), series, rows_in("silver/items", items),
        rows_in("silver/vendors", vendors), as_of,
    )  # fmt: skip


def by_series(lines: pa.Table) -> dict[str, dict[str, Any]]:
    """Lines by their series."""
    return {row["unique_id"]: row for row in lines.to_pylist()}
