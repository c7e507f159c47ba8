"""Order lines to export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from scaleinv.config.export import ExportConfig
from scaleinv.schema import check, table

AS_OF = date(2026, 9, 20)
_DEFAULTS: dict[str, Any] = {
    "as_of": AS_OF, "order_id": "SIAAAAAAAAAA", "line": 1, "vendor_id": "17300001", "location_id": "1710",
    "sku_id": "TG11", "quantity": 48.0, "unit": "EA", "unit_cost": 3.25, "currency": "EUR", "gtin": None,
    "order_date": AS_OF, "delivery_date": date(2026, 9, 27), "inventory_position": 1.0,
    "reorder_point": 2.0, "order_up_to_level": 3.0, "reason": "position 1 below 2", "disposition": "approve",
    "rule": None, "need": 48.0, "rounding": 0.0,
    "constraint_change": 0.0, "constraint": None,
}  # fmt: skip

Lines = Callable[..., pa.Table]


@pytest.fixture
def as_of() -> date:
    return AS_OF


@pytest.fixture
def lines() -> Lines:
    """``lines({...}, {...})``: a table with one row for each; what is not given is a plain order of one line."""

    def build(*overrides: dict[str, Any]) -> pa.Table:
        contract = table("gold/order_proposals")
        rows = [{**_DEFAULTS, **row} for row in overrides]
        for row in rows:
            row.setdefault("unique_id", f"{row['sku_id']}@{row['location_id']}")
            row.setdefault("value", round(row["quantity"] * row["unit_cost"] + 1e-9, 2))
        columns = {c.name: pa.array([row[c.name] for row in rows], c.type) for c in contract.columns}
        return check(pa.table(columns), contract, unique=False)

    return build


@pytest.fixture
def some(lines: Lines) -> pa.Table:
    """Three orders, two currencies, GTINs here and there, prices of two to four decimals, goods by weight."""
    return lines(
        {"sku_id": "TG11", "gtin": "4000862141404", "quantity": 48.0, "unit_cost": 3.25},
        {"sku_id": "TG12", "line": 2, "quantity": 6.0, "unit_cost": 2.779, "delivery_date": date(2026, 9, 25)},
        {"sku_id": "TG13", "line": 3, "quantity": 0.125, "unit": "KGM", "unit_cost": 9.9999},
        {"order_id": "SIBBBBBBBBBB", "location_id": "1720", "quantity": 1e6, "unit_cost": 1234.56},
        {"order_id": "SICCCCCCCCCC", "vendor_id": "17300002", "currency": "USD", "quantity": 0.1 + 0.2, "unit": "KGM",
         "unit_cost": 1.1},
    )  # fmt: skip


@pytest.fixture
def config() -> ExportConfig:
    return ExportConfig(folder="orders")
