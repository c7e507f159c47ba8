"""Oracle Fusion's file-based import of purchase orders: a zip archive of four CSV files without header lines."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.export import OracleConfig
from scaleinv.erp.codes import Want, coded
from scaleinv.erp.csv_text import csv_rows
from scaleinv.erp.document import Document
from scaleinv.erp.files import ORDERS_PER_FILE, checked, numbered
from scaleinv.erp.layouts.oracle_fbdi import DISTRIBUTIONS, FILES, HEADERS, LINES, LOCATIONS, VERSION
from scaleinv.erp.segments import Filled
from scaleinv.erp.texts import plain, whole
from scaleinv.erp.units import ORACLE_UNITS
from scaleinv.erp.view import View
from scaleinv.errors import ConfigError, explain

FORMAT: Final = "oracle-fbdi"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16


def fbdi_of(config: OracleConfig, view: View, orders_per_file: int = ORDERS_PER_FILE) -> Iterator[Document]:
    """The documents of an order model; everything is checked before the first comes out.

    Raises:
        ConfigError: ``export.oracle.columns`` lacks a column that must be told.
        DataError: a value that a column does not take.
    """
    columns = {name: _columns(config, name) for name in FILES}
    wants = (
        Want("vendor"), Want("vendor_site", default=config.vendor_site), Want("location"), Want("site"), Want("sku"),
        Want("unit", known=ORACLE_UNITS),
    )  # fmt: skip
    view = view.of(coded(view.orders.in_order_units(), view.codes, FORMAT, _with_site(view, wants)), view.first)

    checked(
        view, lambda piece: [_headers(config, piece)],
        lambda piece: [fill(config, piece) for fill in _OF_LINES.values()],
    )  # fmt: skip
    return numbered(
        view, orders_per_file, stem=FORMAT, suffix="zip", format=FORMAT, version=VERSION,
        chunks=partial(_zip, config, columns),
    )  # fmt: skip


def _with_site(view: View, wants: tuple[Want, ...]) -> tuple[Want, ...]:
    """An organisation's code is the location's where there are no codes of sites."""
    if view.codes.has("site", FORMAT):
        return wants
    return tuple(want for want in wants if want.kind != "site")


def _columns(config: OracleConfig, name: str) -> tuple[str, ...]:
    segment = FILES[name]
    given = dict(config.columns).get(name)  # type: ignore[call-overload]
    if given is None:
        return tuple(field.name for field in segment.fields)
    lost = [field.name for field in segment.fields if field.required and field.name not in given]
    if lost or len(set(filter(None, given))) != len([column for column in given if column]):
        raise ConfigError(
            explain(f"export.oracle.columns.{name} cannot be written", expected="each column that scaleinv fills, once",
                    found=", ".join(given), which=lost, do="take the order of your release's template")
        )  # fmt: skip
    return tuple(given)


def _headers(config: OracleConfig, view: View) -> Filled:
    """(n_orders,) a row for each order."""
    order_id = view.head("order_id")
    values = {
        "INTERFACE_HEADER_KEY": order_id, "ACTION": "ORIGINAL", "BATCH_ID": f"{view.as_of:%Y%m%d}",
        "INTERFACE_SOURCE_CODE": config.source, "APPROVAL_ACTION": config.approval, "DOCUMENT_NUM": order_id,
        "DOCUMENT_TYPE_CODE": "STANDARD", "STYLE_DISPLAY_NAME": config.style, "PRC_BU_NAME": config.procurement_bu,
        "REQ_BU_NAME": config.requisitioning_bu, "SOLDTO_LE_NAME": config.sold_to,
        "BILLTO_BU_NAME": config.bill_to_bu, "AGENT_NAME": config.buyer, "CURRENCY_CODE": view.head("currency"),
        "VENDOR_NAME": view.head("vendor_code"), "VENDOR_SITE_CODE": view.head("vendor_site_code"),
    }  # fmt: skip
    return Filled(HEADERS, values)


def _key(view: View) -> pa.Array:
    return pc.binary_join_element_wise(view.line("order_id"), whole(view.line("line")), "-")


def _lines(config: OracleConfig, view: View) -> Filled:
    """(n_lines,) what is ordered."""
    values = {
        "INTERFACE_LINE_KEY": _key(view), "INTERFACE_HEADER_KEY": view.line("order_id"),
        "LINE_NUM": whole(view.line("line")), "LINE_TYPE": config.line_type, "ITEM": view.line("sku_code"),
        "SHIPPING_UNIT_OF_MEASURE": view.line("unit_code"), "SHIPPING_UOM_QUANTITY": plain(view.line("quantity")),
        "UNIT_PRICE": plain(view.line("unit_cost")),
    }  # fmt: skip
    return Filled(LINES, values)


def _locations(config: OracleConfig, view: View) -> Filled:
    """(n_lines,) where to, and until when."""
    del config
    key = _key(view)
    site = "site_code" if "site_code" in view.orders.lines.column_names else "location_code"
    values = {
        "INTERFACE_LINE_LOCATION_KEY": key, "INTERFACE_LINE_KEY": key, "SHIPMENT_NUM": "1",
        "SHIP_TO_LOCATION": view.line("location_code"), "SHIP_TO_ORGANIZATION_CODE": view.line(site),
        "SHIPPING_UOM_QUANTITY": plain(view.line("quantity")),
        "NEED_BY_DATE": pc.replace_substring(view.line("delivery_date").cast(pa.string()), "-", "/"),
    }  # fmt: skip
    return Filled(LOCATIONS, values)


def _distributions(config: OracleConfig, view: View) -> Filled:
    """(n_lines,) which account pays."""
    key = _key(view)
    values = {
        "INTERFACE_DISTRIBUTION_KEY": key, "INTERFACE_LINE_LOCATION_KEY": key, "DISTRIBUTION_NUM": "1",
        "SHIPPING_UOM_QUANTITY": plain(view.line("quantity")),
        **{f"CHARGE_ACCOUNT_SEGMENT{i}": code for i, code in enumerate(config.charge_account, start=1)},
    }  # fmt: skip
    return Filled(DISTRIBUTIONS, values)


_OF_LINES: Final = {"lines": _lines, "locations": _locations, "distributions": _distributions}
_FILLED: Final = {"headers": _headers, **_OF_LINES}
"""Name of a file -> what fills it."""


class _Sink:
    """A file that only remembers what was written since it was last asked; zip goes on without going back."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        written, self._written = b"".join(self._written), []
        return written


def _zip(config: OracleConfig, columns: dict[str, tuple[str, ...]], view: View) -> Iterator[bytes]:
    # Deflated: the same bytes with the same zlib only, the same content with any. Stored entries would do with any, but
    # one that is written without going back has its length behind it, which Java's ZipInputStream does not read.
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, segment in FILES.items():
            entry = zipfile.ZipInfo(f"{segment.name}.csv", _EPOCH)  # no time of day, no system
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _READABLE, 3
            with archive.open(entry, "w") as file:
                for first, piece in view.orders.pieces():
                    values = _FILLED[name](config, view.of(piece, first)).values
                    file.write(csv_rows([values.get(column, "") for column in columns[name]]).encode())
                    yield sink.taken()
    yield sink.taken()
