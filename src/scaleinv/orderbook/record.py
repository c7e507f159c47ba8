"""What vendors made of our orders: lines as the ERP's list would have them, for the vendors' record."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import ROWS_AT_ONCE, ZERO
from scaleinv.orderbook.tables import ORDER_LINES, ORDERS

RECORD: Final = pa.schema(
    [
        ("order_id", pa.string()),
        ("erp_number", pa.string()),
        ("line", pa.int32()),
        ("vendor_id", pa.string()),
        ("sku_id", pa.string()),
        ("location_id", pa.string()),
        ("order_date", pa.date32()),
        ("promised_date", pa.date32()),
        ("received_date", pa.date32()),
        ("quantity", pa.float64()),
        ("received_quantity", pa.float64()),
        ("unit_cost", pa.float64()),
        ("is_refused", pa.bool_()),
    ]
)
"""As ``silver/purchase_orders`` has them; ``order_id`` is our key, ``erp_number`` the ERP's.

``promised_date`` is what the vendor confirmed last, else what was asked for; ``unit_cost`` what it confirmed.
``is_refused``: the vendor rejected the line, or cut it to nothing. None of it came or will: it is short, and says
nothing of how long deliveries take.
"""
_MOST: Final = 500_000
"""Lines at most: memory is bounded, however many years and nights there were."""
_WITH_THE_VENDOR: Final = ("exported", "acknowledged", "shipped")


def vendor_record(book: Book, *, retailer: str, since: date, as_of: date) -> pa.Table:
    """``RECORD``: lines of orders sent after ``since`` and up to ``as_of`` that the vendor has, or has delivered.

    The last half a million of them, where there are more.
    A line of which something is still to come is open, whatever came of it, and so is one that came after ``as_of``.
    What the vendor refused is here, with nothing received; what was given up otherwise without any goods is left out.
    """
    line, order = ORDER_LINES.c, ORDERS.c
    is_open = sa.and_(order.status.in_(_WITH_THE_VENDOR), line.ordered > line.received + line.cancelled)
    # Before there was a column for it, the book did not keep the day of a receipt.
    is_closed = sa.and_(line.received_date.is_not(None), line.ordered <= line.received + line.cancelled)
    is_refused = sa.and_(
        line.ordered > ZERO, line.confirmed == ZERO, line.received == ZERO, line.ordered <= line.cancelled
    )
    promised = sa.func.coalesce(line.promised_date, line.delivery_date)
    columns = (
        line.order_id, order.erp_number, line.line, order.vendor_id, line.sku_id, order.location_id, order.order_date,
        promised, line.received_date, line.ordered, line.received, line.confirmed_cost, is_open,
        is_refused,
    )  # fmt: skip
    asked = sa.select(*columns).join(ORDERS, order.order_id == line.order_id)
    asked = asked.where(order.retailer == retailer, order.as_of > since, order.as_of <= as_of, order.exports > 0)
    asked = (
        asked.where(sa.or_(is_open, is_closed, is_refused))
        .order_by(order.as_of.desc(), line.order_id, line.line)
        .limit(_MOST)
    )
    with book.reading() as connection:
        parts = [
            pa.Table.from_pylist([_row(row, as_of) for row in rows], schema=RECORD)
            for rows in connection.execute(asked).partitions(ROWS_AT_ONCE)
        ]
    return pa.concat_tables([RECORD.empty_table(), *parts]).combine_chunks()


def _row(row: Any, as_of: date) -> dict[str, Any]:
    *said, received_date, ordered, received, cost, is_open, is_refused = row
    if is_refused:
        cost = None  # of goods that nobody invoices
    elif is_open or received_date > as_of:
        received_date = received = None
    numbers = (None if number is None else float(number) for number in (ordered, received, cost))
    return dict(zip(RECORD.names, (*said, received_date, *numbers, bool(is_refused)), strict=True))
