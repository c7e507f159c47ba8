"""What shipments carry, beside the order lines that it is of."""

from __future__ import annotations

import datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.shipment_tables import LINES, SHIPMENTS
from scaleinv.orderbook.state import ROWS_AT_ONCE, ZERO
from scaleinv.orderbook.tables import ORDER_LINES, ORDERS
from scaleinv.schema.life import ENDED_STATUSES, ORDER_STATUSES
from scaleinv.schema.shipping import UNDER_WAY

_OPEN: Final = tuple(status for status in ORDER_STATUSES if status not in ENDED_STATUSES)
CARRIED: Final = pa.schema(
    [
        ("shipment_id", pa.string()),
        ("status", pa.string()),
        ("order_id", pa.string()),
        ("line", pa.int32()),
        ("unique_id", pa.string()),
        ("location_id", pa.string()),
        ("sku_id", pa.string()),
        ("quantity", pa.decimal128(18, 6)),
        ("unit", pa.string()),
        ("stock_unit", pa.string()),
        ("order_unit", pa.string()),
        ("order_units", pa.int64()),
        ("stock_units", pa.int64()),
        ("erp_number", pa.string()),
        ("unit_cost", pa.decimal128(18, 4)),
        ("is_open", pa.bool_()),
        ("is_received", pa.bool_()),
        ("is_whole", pa.bool_()),
        ("diverted_to", pa.string()),
        ("arrived_place", pa.string()),
    ]
)
"""What shipments carry, and the order line that it is of; where ``unique_id`` is null the book has no such line.

``stock_unit`` is the line's, ``order_unit`` the one of its documents, null where that is the same (``packs.Pack``).
``is_open``: something of the line is still to come; ``is_received``: something came; ``is_whole``: all of it did.
"""


def carried(book: Book, *, retailer: str, since: datetime.datetime | None = None) -> pa.Table:
    """``CARRIED``: of shipments on their way, of lost ones, and of arrived ones while the order's line is still open.

    What is read is what is on its way, what was lost, and what open orders are waiting for, each by an index: what has
    arrived and was booked in all the years before is not.

    Args:
        book: the order book.
        retailer: whose orders; of what the book has no order, everybody's.
        since: of shipments that were lost before, only those whose order is open. ``None``: all that were ever lost;
            they are few, and one may come after all.
    """
    line, order, part, shipment = ORDER_LINES.c, ORDERS.c, LINES.c, SHIPMENTS.c
    by_name = sa.or_(
        line.sku_id == part.sku_id,
        # A GTIN is the same with and without zeros before it.
        sa.and_(part.sku_id.is_(None), sa.func.ltrim(line.gtin, "0") == sa.func.ltrim(part.gtin, "0")),
    )
    same = sa.or_(line.line == part.line, sa.and_(part.line.is_(None), by_name))
    is_open = line.ordered > line.received + line.cancelled
    columns = (
        part.shipment_id, shipment.status, part.order_id, line.line, line.unique_id, order.location_id,
        sa.func.coalesce(line.sku_id, part.sku_id).label("sku_id"), part.quantity, part.unit,
        line.unit.label("stock_unit"), line.order_unit, line.order_units, line.stock_units, order.erp_number,
        line.unit_cost, is_open.label("is_open"), (line.received > ZERO).label("is_received"),
        (line.received >= line.ordered).label("is_whole"), shipment.diverted_to, shipment.arrived_place,
    )  # fmt: skip
    asked = (
        sa.select(*columns)
        .select_from(LINES)
        .join(SHIPMENTS, shipment.shipment_id == part.shipment_id)
        .outerjoin(ORDERS, order.order_id == part.order_id)
        .outerjoin(ORDER_LINES, sa.and_(line.order_id == part.order_id, same))
        .where(sa.or_(order.retailer.is_(None), order.retailer == retailer))
        .order_by(part.shipment_id, part.position, line.line)
    )
    on_the_way = shipment.status.in_(UNDER_WAY)
    is_lost, has_arrived = shipment.status == "lost", sa.and_(shipment.status == "arrived", is_open)
    lost = is_lost if since is None else sa.and_(is_lost, shipment.last_event_at >= since)
    before = sa.false() if since is None else sa.and_(is_lost, shipment.last_event_at < since)
    waited_for = sa.and_(order.status.in_(_OPEN), sa.or_(before, has_arrived))
    with book.reading() as connection:
        parts = [
            _table(rows)
            for wanted in (on_the_way, lost, waited_for)
            for rows in connection.execute(asked.where(wanted)).partitions(ROWS_AT_ONCE)
        ]
    return pa.concat_tables([CARRIED.empty_table(), *parts]).sort_by("shipment_id").combine_chunks()


def _table(rows: Any) -> pa.Table:
    return pa.table([list(values) for values in zip(*rows, strict=True)], schema=CARRIED)
