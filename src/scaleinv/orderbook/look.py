"""Looking at orders: lists, one order with its history, and whether the history explains what the book says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from scaleinv.errors import DataError, explain
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.state import Row
from scaleinv.orderbook.tables import ANSWERS, ORDER_EVENTS, ORDER_LINES, ORDERS


@dataclass(frozen=True)
class History:
    """All that the book knows of an order."""

    order: Row
    lines: list[Row]
    events: list[Row]
    """The oldest first."""
    answers: list[Row]


def history(book: Book, order_id: str) -> History:
    """One order with its lines, events and answers.

    Raises:
        DataError: the book has no such order.
    """
    with book.reading() as connection:
        order = connection.execute(sa.select(ORDERS).where(ORDERS.c.order_id == order_id)).mappings().one_or_none()
        if order is None:
            raise DataError(explain(f"the order book has no order {order_id}", do="scaleinv orders list"))
        found = [
            connection.execute(sa.select(table).where(table.c.order_id == order_id).order_by(*by)).mappings().all()
            for table, by in (
                (ORDER_LINES, [ORDER_LINES.c.line]),
                (ORDER_EVENTS, [ORDER_EVENTS.c.version]),
                (ANSWERS, [ANSWERS.c.received_at, ANSWERS.c.message_id]),
            )
        ]
    lines, events, answers = ([dict(row) for row in rows] for rows in found)
    return History(dict(order), lines, events, answers)


def listing(
    book: Book,
    *,
    retailer: str | None = None,
    statuses: Sequence[str] = (),
    vendor_id: str | None = None,
    location_id: str | None = None,
    as_of: date | None = None,
    limit: int | None = None,
) -> list[Row]:
    """Orders, the newest night first, the dearest first within a night; ``lines``: how many."""
    order = ORDERS.c
    n_lines = sa.select(sa.func.count()).where(ORDER_LINES.c.order_id == order.order_id).scalar_subquery()
    asked = sa.select(ORDERS, n_lines.label("lines")).order_by(order.as_of.desc(), order.value.desc(), order.order_id)
    wanted = {"retailer": retailer, "vendor_id": vendor_id, "location_id": location_id, "as_of": as_of}
    for name, value in wanted.items():
        if value is not None:
            asked = asked.where(order[name] == value)
    if statuses:
        asked = asked.where(order.status.in_(statuses))
    with book.reading() as connection:
        return [dict(row) for row in connection.execute(asked.limit(limit)).mappings()]


def counts(book: Book, retailer: str, as_of: date | None = None) -> dict[str, int]:
    """Status -> orders."""
    order = ORDERS.c
    asked = sa.select(order.status, sa.func.count()).where(order.retailer == retailer).group_by(order.status)
    if as_of is not None:
        asked = asked.where(order.as_of == as_of)
    with book.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(asked)}
