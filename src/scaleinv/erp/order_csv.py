"""Orders as CSV: RFC 4180, UTF-8, one header line, lines end with carriage return and line feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from scaleinv.config.models import ExportConfig
from scaleinv.erp.document import Document
from scaleinv.erp.layout import CSV_LINE, CSV_VERSION
from scaleinv.erp.orders import Orders, orders_of
from scaleinv.erp.segments import Filled, check_filled

_END = "\r\n"


def csv_document(lines: pa.Table, config: ExportConfig, *, as_of: date) -> Document:
    """All order lines of a night in one file, in the columns of ``layout.CSV_LINE``.

    Only identifiers, numbers and dates are written, no free text. They are written as they are: an identifier that
    begins with ``=`` would be a formula to a spreadsheet, but changed it would be unknown to the ERP.

    Args:
        lines: gold/order_proposals, one night, rows in any order; none gives a file with the header only.
        config: nothing of it changes this format.
        as_of: the night.

    Raises:
        DataError: lines that contradict themselves, or characters that no field takes.
    """
    del config
    return csv_of(orders_of(lines, as_of=as_of), as_of=as_of)


def csv_of(orders: Orders, *, as_of: date) -> Document:
    """The file of an order model."""
    check_filled(Filled(CSV_LINE, _columns(orders.lines), optional=True), orders.name)

    def chunks() -> Iterator[bytes]:
        yield (",".join(field.name for field in CSV_LINE.fields) + _END).encode()
        for _, piece in orders.pieces():
            yield _text(piece).encode()

    return Document(
        name=f"orders-{as_of.isoformat()}.csv",
        format="csv",
        orders=len(orders),
        lines=orders.lines.num_rows,
        quantity=orders.quantity(),
        value=orders.value(),
        schema_version=CSV_VERSION,
        chunks=chunks,
    )


def _columns(lines: pa.Table) -> dict[str, pa.Array]:
    """(n,) each column as text; decimals with all their digits, dates as YYYY-MM-DD."""
    return {field.name: lines[field.name].combine_chunks().cast(pa.string()) for field in CSV_LINE.fields}


def _text(orders: Orders) -> str:
    cells = [_quoted(pc.fill_null(column, "")) for column in _columns(orders.lines).values()]
    rows = pc.binary_join_element_wise(*cells, ",")
    return _END.join([*rows.to_pylist(), ""])


def _quoted(texts: pa.Array) -> pa.Array:
    needs = pc.match_substring_regex(texts, r'[",\r\n]')
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), texts)
