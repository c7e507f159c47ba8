"""Every format, read back by an independent reader, is the order table, field by field and to the cent."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from tests.erp.conftest import CODES
from tests.erp.readers import READERS, Row

from scaleinv.config.export import ExportConfig, ExportFormat
from scaleinv.erp import FORMATS, write_documents
from scaleinv.errors import DataError

Lines = Callable[..., pa.Table]
NAMES = get_args(ExportFormat)
UNITS = {
    "csv": {"EA": "EA", "KGM": "KGM"}, "idoc": {"EA": "PCE", "KGM": "KGM"}, "preqcr": {"EA": "PCE", "KGM": "KGM"},
    "sap-order": {"EA": "EA", "KGM": "KG"}, "sap-requisition": {"EA": "EA", "KGM": "KG"},
    "x12-850": {"EA": "EA", "KGM": "KG"}, "edifact-orders": {"EA": "PCE", "KGM": "KGM"},
    "oracle-fbdi": {"EA": "Each", "KGM": "Kilogram"}, "dynamics-365": {"EA": "ea", "KGM": "kg"},
    "netsuite": {"EA": "1", "KGM": "2"}, "odoo": {"EA": "1", "KGM": "2"}, "erpnext": {"EA": "Nos", "KGM": "Kg"},
}  # fmt: skip


def test_every_format_of_the_configuration_is_there() -> None:
    assert set(FORMATS) == set(READERS) == set(NAMES)


def theirs(kind: str, format: str, ours: str) -> str:
    rows = [row for row in csv.DictReader(io.StringIO(CODES)) if row["kind"] == kind and row["ours"] == ours]
    for name in (format, "*"):
        for row in rows:
            if row["format"] == name and format != "csv":
                return row["theirs"]
    return ours


def expected(table: pa.Table, format: str) -> dict[tuple[str, int], Row]:
    rows = {}
    for r in table.to_pylist():
        row = {
            "order": r["order_id"], "line": r["line"], "vendor": theirs("vendor", format, r["vendor_id"]),
            "location": theirs("location", format, r["location_id"]), "sku": theirs("sku", format, r["sku_id"]),
            "quantity": Decimal(str(round(r["quantity"], 3))), "price": Decimal(str(r["unit_cost"])),
            "currency": theirs("currency", format, r["currency"]), "delivery": r["delivery_date"].isoformat(),
            "ordered": r["order_date"].isoformat(), "gtin": r["gtin"], "value": Decimal(repr(r["value"])),
            "unit": UNITS.get(format, {}).get(r["unit"]),
        }  # fmt: skip
        rows[r["order_id"], r["line"]] = row
    return rows


def written(table: pa.Table, config: ExportConfig, format: str, folder: Path, as_of: date) -> list[bytes]:
    rows = write_documents(table, config.model_copy(update={"formats": (format,)}), folder, as_of=as_of)
    return [(folder / str(row["file"])).read_bytes() for row in rows]


@pytest.mark.parametrize("format", NAMES)
def test_read_back_it_is_the_table_to_the_cent(
    format: str, some: pa.Table, pieces: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    table = pieces if format == "shopify" else some
    folder = tmp_path / "out"
    read = [row for content in written(table, full, format, folder, as_of) for row in READERS[format](content)]
    found = {(row["order"], row["line"]): row for row in read}
    assert len(found) == len(read)
    wanted = expected(table, format)
    assert set(found) == set(wanted)
    for key, row in found.items():
        shared = {name: value for name, value in row.items() if name in wanted[key]}
        assert shared == {name: wanted[key][name] for name in shared}, key
    assert {"quantity", "sku", "location"} <= set(read[0])
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert sum(row["quantity"] for row in read) == Decimal(manifest["quantity"])
    assert sum(file["lines"] for file in manifest["files"]) == manifest["lines"] == len(read)
    assert sum(Decimal(file["quantity"]) for file in manifest["files"]) == Decimal(manifest["quantity"])
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest()
    if format != "shopify":  # Shopify's stock has no price
        cents = {
            key: (row["quantity"] * row["price"]).quantize(Decimal("0.01"), ROUND_HALF_UP) for key, row in found.items()
        }
        assert cents == {key: row["value"].quantize(Decimal("0.01")) for key, row in wanted.items()}
        by_currency: dict[str, Decimal] = {}
        for key, value in cents.items():
            currency = next(r["currency"] for r in table.to_pylist() if r["order_id"] == key[0])
            by_currency[currency] = by_currency.get(currency, Decimal(0)) + value
        assert {name: str(value) for name, value in by_currency.items()} == manifest["value"]


@pytest.mark.parametrize("format", NAMES)
def test_again_and_in_any_row_order_the_same_bytes(
    format: str, pieces: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    first = written(pieces, full, format, tmp_path / "a", as_of)
    assert first == written(pieces.take([3, 1, 4, 0, 2]), full, format, tmp_path / "b", as_of)


@pytest.mark.parametrize("format", NAMES)
def test_pieces_of_a_file_make_the_same_lines(
    format: str, pieces: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(pieces, full, format, tmp_path / "a", as_of)
    monkeypatch.setattr("scaleinv.erp.orders._LINES_AT_ONCE", 1)
    parts = written(pieces, full, format, tmp_path / "b", as_of)
    assert [list(READERS[format](one)) for one in whole] == [list(READERS[format](one)) for one in parts]
    if format != "oracle-fbdi":  # deflate's blocks end where pieces do
        assert whole == parts


@pytest.mark.parametrize("format", NAMES)
def test_no_order_gives_no_file_but_the_csvs_header(
    format: str, some: pa.Table, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    assert len(written(some.slice(0, 0), full, format, tmp_path / "a", as_of)) == (format == "csv")


_LONG: list[tuple[str, dict[str, Any], str]] = [
    ("preqcr", {"sku_id": "S" * 19}, r"E1BPEBANC\.MATERIAL: too long(.|\n)*at most 18(.|\n)*line 2 .* has 19"),
    ("preqcr", {"line": 10_000}, r"E1BPEBANC\.PREQ_ITEM: too long(.|\n)*at most 5"),
    ("preqcr", {"quantity": 1e10, "unit_cost": 0.0}, r"QUANTITY: too long(.|\n)*13 digits, 3 of them"),
    ("sap-order", {"sku_id": "S" * 41}, r"Material: too long(.|\n)*at most 40(.|\n)*line 2"),
    ("sap-order", {"quantity": 1e10, "unit_cost": 0.0}, r"OrderQuantity: too long(.|\n)*13 digits, 3"),
    ("sap-order", {"order_id": "S" * 13}, r"CorrespncInternalReference: too long(.|\n)*order S{13} has 13"),
    ("sap-order", {"unit_cost": 1e9}, r"NetPriceAmount: too long(.|\n)*12 digits, 3"),
    ("sap-requisition", {"vendor_id": "V" * 11, "order_id": "B"}, r"no code for the vendor(.|\n)*order B line 2"),
    ("sap-requisition", {"location_id": "L" * 5, "order_id": "B"}, r"Plant: too long(.|\n)*at most 4"),
    ("x12-850", {"sku_id": "S" * 49}, r"PO1\.PO107: too long(.|\n)*at most 48"),
    ("x12-850", {"sku_id": "A*B"}, r"PO1\.PO107: characters(.|\n)*without \* > ~(.|\n)*line 2"),
    ("x12-850", {"sku_id": "Ä"}, r"PO1\.PO107: characters"),
    ("x12-850", {"location_id": "L", "order_id": "B"}, r"no code for the location(.|\n)*order B line 2"),
    ("x12-850", {"gtin": "123"}, r"PO109: not a GTIN(.|\n)*line 2 .*123"),
    ("edifact-orders", {"sku_id": "日本"}, r"no code for the sku(.|\n)*line 2 .*日本"),
    ("edifact-orders", {"quantity": 9e12, "unit_cost": 0.0, "line": 1_000_000}, r"1082: too long(.|\n)*at most 6"),
    ("oracle-fbdi", {"sku_id": "S" * 301}, r"ITEM: too long(.|\n)*at most 300"),
    ("dynamics-365", {"sku_id": "S" * 21}, r"ItemNumber: too long(.|\n)*at most 20"),
    ("netsuite", {"sku_id": "NEW"}, r"netsuite: no code for the sku(.|\n)*line 2 .*NEW(.|\n)*export\.codes"),
    ("odoo", {"sku_id": "NEW"}, r"odoo: no code for the sku(.|\n)*line 2"),
    ("erpnext", {"currency": "JPY", "order_id": "B"}, r"no conversion rate(.|\n)*EUR, USD(.|\n)*order B line 2 .*JPY"),
    ("quickbooks", {"order_id": "S&x=1"}, r"request\.key: characters(.|\n)*letters and digits(.|\n)*order S&x=1"),
    ("quickbooks", {"order_id": "S" * 22}, r"DocNumber: too long(.|\n)*at most 21"),
    ("shopify", {"quantity": 1.5}, r"delta: characters(.|\n)*whole number(.|\n)*line 2 .*1\.5"),
    *(
        (name, {"unit": "XSA"}, rf"{name}: unknown unit(.|\n)*expected: (.|\n)*line 2 .*XSA(.|\n)*export\.codes")
        for name in NAMES if name != "csv"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("format", "row", "message"), _LONG)
def test_what_does_not_fit_is_refused_and_never_cut(
    format: str, row: dict[str, Any], message: str, lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        written(lines({}, {"line": 2, **row}), full, format, tmp_path / "a", as_of)
    assert not (tmp_path / "a").exists()


def test_at_most_a_thousand_orders_a_file(lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path) -> None:
    table = lines(*({"order_id": f"SI{i:010d}"} for i in range(1_001)))
    for format in NAMES:
        contents = written(table, full, format, tmp_path / format, as_of)
        assert len(contents) == (1 if format == "csv" else 2), format
        keys = [row["order"] for content in contents for row in READERS[format](content)]
        assert len(set(keys)) == 1_001, format


def test_a_request_to_shopify_has_at_most_250_items(
    lines: Lines, full: ExportConfig, as_of: date, tmp_path: Path
) -> None:
    table = lines(*({"line": i} for i in range(1, 602)))
    (content,) = written(table, full, "shopify", tmp_path / "a", as_of)
    assert [json.loads(line)["key"] for line in content.decode().splitlines()] == [
        "SIAAAAAAAAAA", "SIAAAAAAAAAA/2", "SIAAAAAAAAAA/3"
    ]  # fmt: skip
    assert len(list(READERS["shopify"](content))) == 601
    sent = {json.loads(line)["body"]["variables"]["key"] for line in content.decode().splitlines()}
    assert len(sent) == 3, "Shopify would take the second part for the first one, come again"
    (again,) = written(table, full, "shopify", tmp_path / "b", as_of)
    assert again == content
