"""docs/erp.md says what the code does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa

from scaleinv.config.export import ExportConfig
from scaleinv.erp import ISO_UNITS, csv_document, idoc_documents
from scaleinv.erp.layouts.order_csv import LINE as CSV_LINE
from scaleinv.erp.layouts.orders05 import SEGMENTS as ORDERS05

PAGE = (Path(__file__).parents[2] / "docs" / "erp.md").read_text(encoding="utf-8")


def _example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def example_lines(lines: Callable[..., pa.Table]) -> pa.Table:
    return lines(
        {"order_id": "SIU7BZRIKT6F", "gtin": "4000862141404"},
        {"order_id": "SIU7BZRIKT6F", "line": 2, "sku_id": "TG12", "quantity": 6.0, "unit_cost": 2.779},
    )


def test_the_examples_are_what_is_written(lines: Callable[..., pa.Table], config: ExportConfig, as_of: date) -> None:
    table = example_lines(lines)
    assert _example("csv") == csv_document(table, config, as_of=as_of).content.decode().replace("\r\n", "\n").rstrip()
    (document,) = idoc_documents(table, config, as_of=as_of)
    assert _dense(_example("idoc")) == _dense(document.content.decode())


def _dense(xml: str) -> str:
    return re.sub(r">\s+<", "><", xml.strip())


def test_every_field_and_unit_is_in_the_tables() -> None:
    for field in CSV_LINE.fields:
        assert f"| `{field.name}` | " in PAGE
    for segment in ORDERS05.values():
        for field in segment.fields:
            assert f"| {segment.name} | `{field.name}` | {field.length} | " in PAGE
    assert all(f"{code} → {iso}" in PAGE for code, iso in ISO_UNITS.items())
