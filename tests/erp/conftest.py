"""Order lines to export."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest

from scaleinv.config.export import (
    DynamicsConfig,
    EdifactConfig,
    ErpNextConfig,
    ExportConfig,
    ExportFormat,
    NetSuiteConfig,
    OracleConfig,
    QuickBooksConfig,
    X12Config,
)
from scaleinv.schema import check, table

AS_OF = date(2026, 9, 20)
_DEFAULTS: dict[str, Any] = {
    "as_of": AS_OF, "order_id": "SIAAAAAAAAAA", "line": 1, "vendor_id": "17300001", "location_id": "1710",
    "sku_id": "TG11", "quantity": 48.0, "unit": "EA", "unit_cost": 3.25, "currency": "EUR", "gtin": None,
    "order_date": AS_OF, "delivery_date": date(2026, 9, 27), "inventory_position": 1.0,
    "reorder_point": 2.0, "order_up_to_level": 3.0, "reason": "position 1 below 2", "disposition": "approve",
    "rule": None, "rules": None, "queue": None, "vendor_reason": None, "order_quantity": None, "order_unit": None,
    "need": 48.0, "rounding": 0.0,
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
        columns = {c.name: pa.array([row.get(c.name) for row in rows], c.type) for c in contract.columns}
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


CODES = """\
kind,format,ours,theirs
vendor,x12-850,17300001,VEND1
vendor,x12-850,17300002,VEND2
vendor,edifact-orders,17300001,4012345500004
vendor,edifact-orders,17300002,SUPPLIER+2
location,edifact-orders,1710,5412345678908
location,edifact-orders,1720,DC'20
sku,edifact-orders,TG11,A:1
sku,edifact-orders,TG12,A?2
sku,edifact-orders,TG13,A3+
location,x12-850,1710,0614141000005
location,x12-850,1720,DC EAST
vendor,oracle-fbdi,17300001,"Northern ""Fresh"", Ltd"
vendor,oracle-fbdi,17300002,Südwest AG
vendor_site,oracle-fbdi,17300002,ULM
site,dynamics-365,1720,2
vendor,*,17300001,11
vendor,*,17300002,12
location,netsuite,1710,21
location,netsuite,1720,22
location,odoo,1710,31
location,odoo,1720,32
location,shopify,1710,gid://shopify/Location/1
location,shopify,1720,gid://shopify/Location/2
sku,netsuite,TG11,41
sku,netsuite,TG12,42
sku,netsuite,TG13,43
sku,odoo,TG11,51
sku,odoo,TG12,52
sku,odoo,TG13,53
sku,quickbooks,TG11,61
sku,quickbooks,TG12,62
sku,quickbooks,TG13,63
sku,shopify,TG11,gid://shopify/InventoryItem/1
sku,shopify,TG12,gid://shopify/InventoryItem/2
sku,shopify,TG13,gid://shopify/InventoryItem/3
unit,netsuite,EA,1
unit,netsuite,KGM,2
unit,odoo,EA,1
unit,odoo,KGM,2
unit,quickbooks,KGM,kg
currency,netsuite,EUR,4
currency,netsuite,USD,5
currency,odoo,EUR,125
currency,odoo,USD,2
"""


@pytest.fixture
def codes_file(tmp_path: Path) -> Path:
    path = tmp_path / "codes.csv"
    path.write_text(CODES, encoding="utf-8")
    return path


@pytest.fixture
def full(codes_file: Path) -> ExportConfig:
    """Every format is configured, and every key of ``some`` has its codes."""
    return ExportConfig(
        folder="orders", codes=str(codes_file), formats=get_args(ExportFormat),
        x12=X12Config(sender="BUYERID"), edifact=EdifactConfig(sender="5412345000013"),
        oracle=OracleConfig(procurement_bu="BU", requisitioning_bu="BU", sold_to="LE", bill_to_bu="BU", buyer="Doe, J",
                            charge_account=("01", "100")),
        dynamics=DynamicsConfig(company="usmf"), netsuite=NetSuiteConfig(subsidiary="1"),
        erpnext=ErpNextConfig(company="Shop", currency="EUR", conversion_rates={"USD": Decimal("0.92")}),
        quickbooks=QuickBooksConfig(realm="1", payable_account="33"),
    )  # fmt: skip


@pytest.fixture
def pieces(some: pa.Table) -> pa.Table:
    """The same in whole pieces: what Shopify can be told."""
    quantity = pa.array([48.0, 6.0, 3.0, 1e6, 7.0])
    value = pa.array(
        [round(q * c, 2) for q, c in zip(quantity.to_pylist(), some["unit_cost"].to_pylist(), strict=True)]
    )
    table = some.set_column(some.column_names.index("quantity"), some.schema.field("quantity"), quantity)
    table = table.set_column(table.column_names.index("value"), table.schema.field("value"), value)
    return table.set_column(table.column_names.index("unit"), table.schema.field("unit"), pa.array(["EA"] * 5))
