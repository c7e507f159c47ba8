"""One order of two lines in any format: what documentation shows, and what a new partner is sent to look at."""

from __future__ import annotations

import zipfile
from datetime import date
from importlib.resources import as_file, files
from io import BytesIO
from typing import Any, Final, cast

import pyarrow as pa

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
from scaleinv.erp.codes import Codes, read_codes
from scaleinv.erp.formats import FORMATS
from scaleinv.erp.orders import orders_of
from scaleinv.erp.view import View
from scaleinv.errors import ConfigError, explain
from scaleinv.schema import check, table

DAY: Final = date(2026, 9, 20)
_LINE: Final[dict[str, Any]] = {
    "as_of": DAY, "order_id": "SIU7BZRIKT6F", "vendor_id": "17300001", "location_id": "1710", "unit": "EA",
    "currency": "EUR", "order_date": DAY, "delivery_date": date(2026, 9, 27), "inventory_position": 1.0,
    "reorder_point": 2.0, "order_up_to_level": 49.0, "reason": "position 1 below 2", "disposition": "approve",
    "rounding": 0.0, "constraint_change": 0.0,
}  # fmt: skip
_LINES: Final = (
    {"line": 1, "sku_id": "TG11", "gtin": "4000862141404", "quantity": 48.0, "unit_cost": 3.25, "value": 156.0,
     "order_quantity": 4.0, "order_unit": "CT"},
    {"line": 2, "sku_id": "TG12", "quantity": 6.0, "unit_cost": 2.779, "value": 16.67},
)  # fmt: skip


def example_lines() -> pa.Table:
    """Two lines of ``gold/order_proposals``, the first in cartons of twelve."""
    contract = table("gold/order_proposals")
    rows = [{**_LINE, **line, "unique_id": f"{line['sku_id']}@1710", "need": line["quantity"]} for line in _LINES]
    return check(pa.table({c.name: pa.array([row.get(c.name) for row in rows], c.type) for c in contract.columns}),
                 contract)  # fmt: skip


def example_config(format: str) -> ExportConfig:
    """What the example's retailer says of a format.

    Raises:
        ConfigError: there is no such format.
    """
    if format not in FORMATS:
        raise ConfigError(explain(f"there is no format {format!r}", expected=", ".join(FORMATS), do="name one of them"))
    return ExportConfig(
        folder="orders",
        formats=(format,),
        x12=X12Config(sender="BUYERID"),
        edifact=EdifactConfig(sender="5412345000013"),
        oracle=OracleConfig(
            procurement_bu="UK Business Unit", requisitioning_bu="UK Business Unit", sold_to="UK Legal Entity",
            bill_to_bu="UK Business Unit", buyer="Smith, Jane",
        ),
        dynamics=DynamicsConfig(company="usmf"),
        netsuite=NetSuiteConfig(subsidiary="1"),
        erpnext=ErpNextConfig(company="Example Stores", currency="EUR"),
        quickbooks=QuickBooksConfig(realm="4620816365", payable_account="33"),
    )  # fmt: skip


def example_codes() -> Codes:
    """The codes of the example's order."""
    with as_file(files("scaleinv.erp").joinpath("example_codes.csv")) as path:
        return read_codes(path)


def example(format: str) -> tuple[str, bytes]:
    """Name and bytes of the example's only file in a format.

    Raises:
        ConfigError: there is no such format.
    """
    config = example_config(format)
    view = View(orders_of(example_lines(), as_of=DAY), config, DAY, codes=example_codes())
    (document,) = FORMATS[cast(ExportFormat, format)].documents(view)
    return document.name, document.content


def example_text(format: str) -> str:
    """The example as text; of an archive each file with its name before it."""
    name, content = example(format)
    if not name.endswith(".zip"):
        return content.decode("latin-1" if name.endswith(".edi") else "utf-8")
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return "".join(f"{name}:\n{archive.read(name).decode()}" for name in archive.namelist())


def layout_table(format: str) -> str:
    """The fields of a format as a table of Markdown.

    Raises:
        ConfigError: there is no such format.
    """
    example_config(format)
    rows = [
        f"| {segment.name} | `{field.name}` | {field.size} | {field.words} | {field.meaning} |"
        for segment in FORMATS[cast(ExportFormat, format)].segments
        for field in segment.fields
    ]
    head = ["| where | field | at most | kind | what stands there |", "|---|---|---:|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
