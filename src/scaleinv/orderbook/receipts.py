"""What has come of own orders, by the day on which it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from scaleinv.orderbook.answers import answer_of
from scaleinv.orderbook.border import key_of
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.effects import came
from scaleinv.orderbook.state import Row, load, pieces
from scaleinv.orderbook.tables import ANSWERS, ORDER_EVENTS, ORDER_LINES, ORDERS
from scaleinv.schema.life import OWN_RECEIPTS

_BY: Final = "answer:"
"""Who does what an answer does; its message follows."""


def own_receipts(book: Book, *, retailer: str, since: date, as_of: date, ordered_after: date) -> pa.Table:
    """``schema.life.OWN_RECEIPTS``: what came after ``since`` and up to ``as_of``, of orders of earlier nights.

    Each receipt is a row of its day: a line keeps only the day of its last one, so the events say how much each answer
    brought, and the answers when. What was booked by mistake is a row below nothing; where all of an order is taken
    back, or what had come by ``since``, the next stock record says it first.

    ``ordered_after``: of orders of nights after this one, so that what is read does not grow with the years.
    """
    line, order = ORDER_LINES.c, ORDERS.c
    asked = sa.select(line.order_id).distinct().join(ORDERS, order.order_id == line.order_id)
    asked = asked.where(order.retailer == retailer, order.as_of > ordered_after, order.as_of < as_of)
    rows: list[Row] = []
    with book.reading() as connection:
        ids = sorted(connection.execute(asked.where(line.received_date > since)).scalars())
        for some in pieces(ids):
            rows += (row for row in _receipts(connection, some) if since < row["received_date"] <= as_of)
    return pa.Table.from_pylist(rows, schema=OWN_RECEIPTS)


def _receipts(connection: sa.Connection, order_ids: Sequence[str]) -> Iterator[Row]:
    orders, event, answer = load(connection, order_ids), ORDER_EVENTS.c, ANSWERS.c
    said = sa.select(answer.message_id, answer.content).where(answer.kind == "received", answer.order_id.in_(order_ids))
    contents: dict[str, Any] = {row.message_id: row.content for row in connection.execute(said)}
    steps = sa.select(event.order_id, event.at, event.who, event.changes).where(event.order_id.in_(order_ids))
    for step in connection.execute(steps.order_by(event.order_id, event.version)):
        content = contents.get(key_of(step.who.removeprefix(_BY))) if step.who.startswith(_BY) else None
        gained = _gained(step.changes)
        if content is None or not gained:
            continue
        order = orders[step.order_id]
        for line, day, units in came(order, answer_of(content), gained, step.at):
            yield {
                "order_id": step.order_id, "erp_number": order.head["erp_number"], "unique_id": line["unique_id"],
                "received_date": day, "quantity": float(units),
            }  # fmt: skip


def _gained(changes: Row) -> dict[int, Decimal]:
    """Line -> by how much what was received of it grew."""
    found = {int(number): fields["received"] for number, fields in changes.get("lines", {}).items()
             if "received" in fields}  # fmt: skip
    return {number: Decimal(new) - Decimal(old or 0) for number, (old, new) in found.items()}
