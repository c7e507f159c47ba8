"""The CSV file, read back by Arrow and by the standard library."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv
import pytest

from scaleinv.config.export import ExportConfig
from scaleinv.erp import csv_document
from scaleinv.errors import DataError

Lines = Callable[..., pa.Table]


def test_the_bytes_are_these(lines: Lines, config: ExportConfig, as_of: date) -> None:
    document = csv_document(lines({"gtin": "4000862141404"}), config, as_of=as_of)
    assert document.name == "orders-2026-09-20.csv"
    assert document.content == (
        b"order_id,line,vendor_id,location_id,sku_id,gtin,quantity,unit,unit_cost,currency,value,order_date,"
        b"delivery_date,order_quantity,order_unit,order_price\r\n"
        b"SIAAAAAAAAAA,1,17300001,1710,TG11,4000862141404,48.000,EA,3.2500,EUR,156.00,2026-09-20,2026-09-27,"
        b"48.000,EA,3.2500\r\n"
    )


def test_read_back_it_is_the_table(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    document = csv_document(some, config, as_of=as_of)
    text = {name: pa.string() for name in ("vendor_id", "location_id", "gtin")}
    money = {"quantity": pa.decimal128(18, 3), "unit_cost": pa.decimal128(18, 4), "value": pa.decimal128(18, 2)}
    options = pa.csv.ConvertOptions(column_types=text | money, strings_can_be_null=True)
    read = pa.csv.read_csv(io.BytesIO(document.content), convert_options=options)
    expected = some.sort_by([("vendor_id", "ascending"), ("location_id", "ascending"), ("line", "ascending")])
    for name in ("order_id", "line", "vendor_id", "location_id", "sku_id", "gtin", "unit", "currency", "order_date",
                 "delivery_date"):  # fmt: skip
        assert read[name].to_pylist() == expected[name].to_pylist(), name
    for name in money:
        assert [float(v) for v in read[name].to_pylist()] == pytest.approx(expected[name].to_pylist(), abs=1e-12), name
    assert sum(read["quantity"].to_pylist()) == document.quantity
    assert sum(read["value"].to_pylist()) == sum(document.value.values())
    assert document.value == {"EUR": Decimal("1234560173.92"), "USD": Decimal("0.33")}
    assert (document.orders, document.lines) == (3, 5)


def test_special_characters_come_back_as_they_were(lines: Lines, config: ExportConfig, as_of: date) -> None:
    skus = ['A,"B"', "Ä;ö&<ß>", "=1+1", "@x", "'q'", "日本", " lead"]
    table = lines(*({"sku_id": sku, "line": i} for i, sku in enumerate(skus, start=1)))
    rows = list(csv.DictReader(io.StringIO(csv_document(table, config, as_of=as_of).content.decode(), newline="")))
    assert [row["sku_id"] for row in rows] == skus


def test_no_order_gives_the_header_only(some: pa.Table, config: ExportConfig, as_of: date) -> None:
    document = csv_document(some.slice(0, 0), config, as_of=as_of)
    assert document.content.count(b"\r\n") == 1
    assert (document.orders, document.lines, document.quantity, document.value) == (0, 0, Decimal("0.000"), {})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"quantity": 0.0005}], r"quantity has too many decimals(.|\n)*at most 3(.|\n)*SIAAAAAAAAAA line 1 .*0\.0005"),
        ([{"unit_cost": 1.23456}], r"unit_cost has too many decimals(.|\n)*at most 4"),
        ([{"value": 156.004}], r"value has too many decimals(.|\n)*at most 2(.|\n)*SIAAAAAAAAAA line 1 .*156\.004"),
        ([{"quantity": 0.0}], r"quantity cannot be ordered(.|\n)*more than 0"),
        ([{"quantity": float("nan"), "value": 0.0}], r"quantity cannot be ordered(.|\n)*nan"),
        ([{"quantity": 1e14}], r"quantity cannot be ordered(.|\n)*less than 1e\+13"),
        ([{"value": 156.02}], r"value is not quantity \* unit cost(.|\n)*156\.02"),
        ([{}, {"line": 2, "vendor_id": "X"}], r"1 orders contradict themselves(.|\n)*SIAAAAAAAAAA"),
        ([{}, {"line": 2, "currency": "USD"}], r"1 orders contradict themselves"),
        ([{}, {}], r"1 keys occur more than once"),
        ([{"sku_id": "A\nB"}], r"orders\.sku_id: characters(.|\n)*line 1 .*'A\\nB'"),
        ([{"sku_id": ""}], r"orders\.sku_id: characters"),
        ([{"as_of": date(2026, 9, 19)}], r"order lines of another night(.|\n)*2026-09-19"),
    ],
)
def test_what_cannot_be_written_is_refused(
    lines: Lines, config: ExportConfig, as_of: date, rows: list[dict[str, object]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        csv_document(lines(*rows), config, as_of=as_of)
