"""Orders as CSV: RFC 4180, UTF-8, one header line, lines end with carriage return and line feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa

from scaleinv.config.export import ExportConfig
from scaleinv.erp.csv_text import END, csv_rows
from scaleinv.erp.document import Document
from scaleinv.erp.files import checked, document
from scaleinv.erp.layouts.order_csv import LINE, VERSION
from scaleinv.erp.orders import orders_of
from scaleinv.erp.segments import Filled
from scaleinv.erp.view import View


def csv_document(lines: pa.Table, config: ExportConfig, *, as_of: date) -> Document:
    """All order lines of a night in one file, in the columns of ``layouts.order_csv``.

    Only identifiers, numbers and dates are written, no free text. They are written as they are: an identifier that
    begins with ``=`` would be a formula to a spreadsheet, but changed it would be unknown to the ERP. They are our own
    keys: ``export.codes`` is for the other formats.

    Args:
        lines: gold/order_proposals, one night, rows in any order; none gives a file with the header only.
        config: nothing of it changes this format.
        as_of: the night.

    Raises:
        DataError: lines that contradict themselves, or characters that no field takes.
    """
    return csv_of(View(orders_of(lines, as_of=as_of), config, as_of))


def csv_of(view: View) -> Document:
    """The file of an order model."""
    checked(view, lambda _: [], lambda piece: [_line(piece)])

    def chunks() -> Iterator[bytes]:
        yield (",".join(field.name for field in LINE.fields) + END).encode()
        for first, piece in view.orders.pieces():
            yield csv_rows(list(_line(view.of(piece, first)).values.values())).encode()

    return document(f"orders-{view.as_of.isoformat()}.csv", "csv", VERSION, view.orders, chunks)


def _line(view: View) -> Filled:
    """(n,) each column as text; decimals with all their digits, dates as YYYY-MM-DD."""
    return Filled(LINE, {field.name: view.line(field.name).cast(pa.string()) for field in LINE.fields})
