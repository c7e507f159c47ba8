"""Units of order: what the vendor counts in stands in the document, and is worth the same to the cent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.erp.readers import READERS, Row
from tests.erp.test_erp_formats import NAMES, written

from scaleinv.config.export import ExportConfig
from scaleinv.erp.orders import orders_of
from scaleinv.errors import DataError
from scaleinv.schema import check, table

Lines = Callable[..., pa.Table]
IN_STOCK = ("csv", "preqcr", "sap-requisition", "quickbooks", "shopify")
"""Formats whose quantity is one of stock; CSV has both."""
CENT = Decimal("0.01")
SOME: list[dict[str, Any]] = [
    {"quantity": 144.0, "unit_cost": 3.25, "order_quantity": 12.0, "order_unit": "CT"},
    {"sku_id": "TG12", "line": 2, "quantity": 7.0, "unit_cost": 2.779},
    {"sku_id": "TG13", "line": 3, "quantity": 40.0, "unit_cost": 0.3333, "order_quantity": 5.0, "order_unit": "TRAY"},
]
MAPPED = "".join(
    f"unit,{format},{ours},{theirs}\n"
    for format, ct, tray in (
        ("idoc", "", "TRA"), ("sap-order", "CAR", "TRA"), ("x12-850", "", "TY"), ("edifact-orders", "", "TRY"),
        ("oracle-fbdi", "Carton", "Tray"), ("dynamics-365", "ct", "tray"), ("netsuite", "8", "9"), ("odoo", "8", "9"),
        ("erpnext", "Carton", "Tray"),
    )
    for ours, theirs in (("CT", ct), ("TRAY", tray))
    if theirs
)  # fmt: skip
UNITS = {
    "idoc": ("CT", "PCE", "TRA"), "sap-order": ("CAR", "EA", "TRA"), "x12-850": ("CT", "EA", "TY"),
    "edifact-orders": ("CT", "PCE", "TRY"), "oracle-fbdi": ("Carton", "Each", "Tray"),
    "dynamics-365": ("ct", "ea", "tray"), "netsuite": ("8", "1", "9"), "odoo": ("8", "1", "9"),
    "erpnext": ("Carton", "Nos", "Tray"),
}  # fmt: skip


@pytest.fixture
def mapped(full: ExportConfig) -> ExportConfig:
    assert full.codes is not None
    with Path(full.codes).open("a", encoding="utf-8") as file:
        file.write(MAPPED)
    return full


def by_line(contents: list[bytes], format: str) -> dict[int, Row]:
    return {row["line"]: row for content in contents for row in READERS[format](content)}


@pytest.mark.parametrize("format", [name for name in NAMES if name not in IN_STOCK])
def test_the_vendor_reads_what_he_counts_in(
    format: str, lines: Lines, mapped: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    found = by_line(written(lines(*SOME), mapped, format, tmp_path / "out", as_of), format)
    assert [found[n]["quantity"] for n in (1, 2, 3)] == [Decimal(12), Decimal(7), Decimal(5)]
    assert tuple(found[n]["unit"] for n in (1, 2, 3)) == UNITS[format]
    assert [found[n]["price"] for n in (1, 2, 3)] == [Decimal("39"), Decimal("2.779"), Decimal("2.6664")]
    values = [(found[n]["quantity"] * found[n]["price"]).quantize(CENT, ROUND_HALF_UP) for n in (1, 2, 3)]
    assert values == [Decimal("468.00"), Decimal("19.45"), Decimal("13.33")]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["value"] == {"EUR": str(sum(values))}
    assert (manifest["quantity"], manifest["files"][0]["quantity"]) == ("191.000", "24.000")
    if format == "erpnext":
        assert [found[n]["factor"] for n in (1, 2, 3)] == [12, 1, 8]


@pytest.mark.parametrize("format", IN_STOCK)
def test_what_has_no_such_unit_stays_in_units_of_stock(
    format: str, lines: Lines, mapped: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    found = by_line(written(lines(*SOME), mapped, format, tmp_path / "out", as_of), format)
    assert [found[n]["quantity"] for n in (1, 2, 3)] == [Decimal(144), Decimal(7), Decimal(40)]
    if format == "csv":
        said = [(found[n]["order_quantity"], found[n]["order_unit"], found[n]["order_price"]) for n in (1, 2, 3)]
        assert said == [
            (Decimal(12), "CT", Decimal(39)), (Decimal(7), "EA", Decimal("2.779")),
            (Decimal(5), "TRAY", Decimal("2.6664")),
        ]  # fmt: skip


def test_a_unit_that_nobody_has_mapped_is_named(lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x12-850: unknown unit(.|\n)*line 3 .*TRAY(.|\n)*export\.codes"):
        written(lines(*SOME), full, "x12-850", tmp_path / "out", as_of)


def test_a_price_that_has_no_four_decimals_is_named(
    lines: Lines, mapped: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    bad = {**SOME[0], "quantity": 10.0, "order_quantity": 3.0, "unit_cost": 1.0}
    with pytest.raises(
        DataError, match=r"price of a unit of order(.|\n)*line 1 .*10\.000 \* 1\.0000 / 3\.000(.|\n)*units"
    ):
        written(lines(bad), mapped, "csv", tmp_path / "out", as_of)
    factor = {**bad, "unit_cost": 3.0}
    with pytest.raises(DataError, match=r"conversion_factor has too many decimals(.|\n)*line 1 .*10\.000 / 3\.000"):
        written(lines(factor), mapped, "erpnext", tmp_path / "out", as_of)
    assert by_line(written(lines(factor), mapped, "x12-850", tmp_path / "out", as_of), "x12-850")[1]["price"] == 10


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 5_000), st.integers(0, 10**8)), min_size=1, max_size=5))
def test_quantity_times_price_is_the_same_to_the_last_digit(packs: list[tuple[int, int, int]]) -> None:
    """``packs``: units of order, what one holds, and the price of a unit of stock in ten-thousandths."""
    as_of = date(2026, 9, 20)
    contract = table("gold/order_proposals")
    rows = []
    for line, (ordered, held, cost) in enumerate(packs, start=1):
        value = (Decimal(ordered * held * cost) / 10_000).quantize(CENT, ROUND_HALF_UP)
        if ordered * held >= 10**9 or value >= 10**10:
            continue
        rows.append({
            "as_of": as_of, "order_id": "S", "line": line, "vendor_id": "V", "location_id": "L", "sku_id": f"s{line}",
            "unique_id": f"s{line}@L", "quantity": float(ordered * held), "need": 1.0, "rounding": 0.0,
            "constraint_change": 0.0, "unit": "EA", "unit_cost": cost / 10_000, "value": float(value),
            "currency": "EUR", "order_date": as_of, "delivery_date": as_of, "inventory_position": 0.0,
            "reorder_point": 0.0, "order_up_to_level": 0.0, "reason": "", "disposition": "approve",
            "order_quantity": float(ordered), "order_unit": "CT",
        })  # fmt: skip
    lines = check(pa.Table.from_pylist(rows, schema=contract.schema), contract, unique=False)
    stock = orders_of(lines, as_of=as_of)
    order = stock.in_order_units()
    for one, other in zip(stock.lines.to_pylist(), order.lines.to_pylist(), strict=True):
        assert one["quantity"] * one["unit_cost"] == other["quantity"] * other["unit_cost"]
        assert (other["unit"], other["stock_quantity"], other["value"]) == ("CT", one["quantity"], one["value"])
