"""What is open in the book: supply that is to come."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import ROWS_AT_ONCE, ZERO
from scaleinv.orderbook.tables import ORDER_LINES, ORDERS
from scaleinv.schema.life import OPEN_LINES, OPEN_STATUSES


def open_lines(book: Book, *, retailer: str | None = None, before: date | None = None) -> pa.Table:
    """Lines of open orders that are still to come (``schema.life.OPEN_LINES``), sorted by order and line.

    Open is what is ordered and neither received nor cancelled; where the vendor confirmed less, what it confirmed; but
    never less than what is on its way. An order that the ERP failed to take is open, too: it goes out again or is
    posted by hand, and if its goods were proposed once more, who releases both would order them twice.

    ``before``: of orders of nights before this one, so that a night that is done again counts neither its own orders
    nor those of nights after it.
    """
    line, order = ORDER_LINES.c, ORDERS.c
    columns = (
        line.order_id, order.as_of, line.line, line.unique_id, line.sku_id, order.location_id, order.vendor_id,
        order.status, line.ordered, line.confirmed, line.shipped, line.received, line.cancelled, line.expected_date,
        order.erp_number,
    )  # fmt: skip
    is_failed = sa.and_(order.status == "held", order.exports > 0)
    query = sa.select(*columns).join(ORDERS, order.order_id == line.order_id)
    query = query.where(sa.or_(order.status.in_(OPEN_STATUSES), is_failed))
    query = query.where(line.ordered > line.received + line.cancelled)
    if retailer is not None:
        query = query.where(order.retailer == retailer)
    if before is not None:
        query = query.where(order.as_of < before)
    with book.reading() as connection:
        result = connection.execute(query.order_by(line.order_id, line.line))
        parts = [_table(list(zip(*rows, strict=True))) for rows in result.partitions(ROWS_AT_ONCE)]
    return pa.concat_tables([OPEN_LINES.empty_table(), *parts]).combine_chunks()


def _table(columns: list[tuple[object, ...]]) -> pa.Table:
    *names, ordered, confirmed, shipped, received, cancelled, expected, number = columns
    quantities = map(_open, ordered, confirmed, shipped, received, cancelled)
    return pa.table([*names, list(map(float, quantities)), expected, number], schema=OPEN_LINES)


def _open(ordered: object, confirmed: object, shipped: object, received: object, cancelled: object) -> Decimal:
    """Of one line. Decimals, so that 0.3 less 0.1 is 0.2."""
    assert isinstance(ordered, Decimal)
    assert isinstance(shipped, Decimal)
    assert isinstance(received, Decimal)
    assert isinstance(cancelled, Decimal)
    wanted = ordered - cancelled
    if isinstance(confirmed, Decimal):
        wanted = min(wanted, confirmed)
    return max(wanted - received, shipped - received, ZERO)
