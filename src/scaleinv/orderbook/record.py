"""What vendors made of our orders: lines as the ERP's list would have them, for the vendors' record."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import ROWS_AT_ONCE
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
    ]
)
"""As ``silver/purchase_orders`` has them; ``order_id`` is our key, ``erp_number`` the ERP's.

``promised_date`` is what the vendor confirmed last, else what was asked for; ``unit_cost`` what it confirmed.
"""
_MOST: Final = 500_000
"""Lines at most: memory is bounded, however many years and nights there were."""
_WITH_THE_VENDOR: Final = ("exported", "acknowledged", "shipped")


def vendor_record(book: Book, *, retailer: str, since: date, as_of: date) -> pa.Table:
    """``RECORD``: lines of orders sent after ``since`` and up to ``as_of`` that the vendor has, or has delivered.

    The last half a million of them, where there are more.
    A line of which something is still to come is open, whatever came of it, and so is one that came after ``as_of``.
    What was given up without any goods is left out: whose fault that was is not known.
    """
    line, order = ORDER_LINES.c, ORDERS.c
    is_open = sa.and_(order.status.in_(_WITH_THE_VENDOR), line.ordered > line.received + line.cancelled)
    # Before there was a column for it, the book did not keep the day of a receipt.
    is_closed = sa.and_(line.received_date.is_not(None), line.ordered <= line.received + line.cancelled)
    promised = sa.func.coalesce(line.promised_date, line.delivery_date)
    columns = (
        line.order_id, order.erp_number, line.line, order.vendor_id, line.sku_id, order.location_id, order.order_date,
        promised, line.received_date, line.ordered, line.received, line.confirmed_cost, is_open,
    )  # fmt: skip
    asked = sa.select(*columns).join(ORDERS, order.order_id == line.order_id)
    asked = asked.where(order.retailer == retailer, order.as_of > since, order.as_of <= as_of, order.exports > 0)
    asked = asked.where(sa.or_(is_open, is_closed)).order_by(order.as_of.desc(), line.order_id, line.line).limit(_MOST)
    with book.reading() as connection:
        parts = [
            pa.Table.from_pylist([_row(row, as_of) for row in rows], schema=RECORD)
            for rows in connection.execute(asked).partitions(ROWS_AT_ONCE)
        ]
    return pa.concat_tables([RECORD.empty_table(), *parts]).combine_chunks()


def _row(row: Any, as_of: date) -> dict[str, Any]:
    *said, received_date, ordered, received, cost, is_open = row
    if is_open or received_date > as_of:
        received_date = received = None
    numbers = (None if number is None else float(number) for number in (ordered, received, cost))
    return dict(zip(RECORD.names, (*said, received_date, *numbers), strict=True))
