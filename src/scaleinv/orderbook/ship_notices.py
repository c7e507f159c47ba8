"""Ship notices and receipts among the answers, for shipments to follow them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from scaleinv.orderbook.answers import answer_of
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.effects import on_the_way
from scaleinv.orderbook.shipment_tables import EVENTS, LINES, SHIPMENTS
from scaleinv.orderbook.state import ZERO, Order, load, pieces
from scaleinv.orderbook.tables import ANSWERS
from scaleinv.schema.life import Answer
from scaleinv.schema.shipping import ShippedLine


@dataclass(frozen=True)
class ShipNotice:
    """An answer that says what is on its way, of an order that the book has given out."""

    answer: Answer
    received_at: datetime.datetime
    vendor_id: str
    location_id: str
    due: datetime.date | None
    """When the order expects the last of it."""
    lines: tuple[ShippedLine, ...]
    """By the order's line numbers and in its units."""


@dataclass(frozen=True)
class Announced:
    """What a shipment is known to carry, and when that was said; ``None``: nothing was."""

    at: datetime.datetime | None
    lines: tuple[ShippedLine, ...]


def new_ship_notices(book: Book, sender: str) -> list[ShipNotice]:
    """Those that were applied and that ``sender`` has not announced a shipment of, the oldest first.

    One whose order is not known, or not given out yet, waits with its answer. Only answers that bear the mark of a new
    notice are looked at, by its index: :func:`settle_notices` takes it off.
    """
    answer = ANSWERS.c
    asked = sa.select(answer.content, answer.received_at).where(
        answer.is_new_notice, answer.is_waiting.is_(False), answer.outcome != "refused", ~_known(sender)
    )
    found = []
    with book.reading() as connection:
        rows = connection.execute(asked.order_by(answer.received_at, answer.message_id)).all()
        for some in pieces(rows):
            said = [(answer_of(content), received_at) for content, received_at in some]
            said = [(one, received_at) for one, received_at in said if one.shipment_id]
            orders = load(connection, {one.order_id for one, _ in said})
            for one, received_at in said:
                order = orders[one.order_id]
                found.append(_notice(order, one, received_at))
    return found


def settle_notices(book: Book, sender: str) -> None:
    """Notices that ``sender`` has announced a shipment of are no longer new."""
    answer = ANSWERS.c
    with book.writing() as connection:
        known = sa.update(ANSWERS).where(answer.is_new_notice, _known(sender))
        connection.execute(known.values(is_new_notice=False))


def _known(sender: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(EVENTS.c.sender == sender, EVENTS.c.event_id == ANSWERS.c.message_id)


def announced(book: Book, shipment_ids: Iterable[str]) -> dict[str, Announced]:
    """Of those shipments that the book knows."""
    line = LINES.c
    found: dict[str, Announced] = {}
    with book.reading() as connection:
        for some in pieces(sorted(set(shipment_ids))):
            heads = sa.select(SHIPMENTS.c.shipment_id, SHIPMENTS.c.notice_key)
            lines: dict[str, list[ShippedLine]] = {}
            asked = sa.select(LINES).where(line.shipment_id.in_(some)).order_by(line.shipment_id, line.position)
            for row in connection.execute(asked).mappings():
                lines.setdefault(row["shipment_id"], []).append(
                    ShippedLine(**{name: row[name] for name in ShippedLine.__slots__})
                )
            for name, key in connection.execute(heads.where(SHIPMENTS.c.shipment_id.in_(some))):
                at = None if key is None else datetime.datetime.fromisoformat(key.partition(" ")[0])
                found[name] = Announced(at, tuple(lines.get(name, ())))
    return found


def receipts(book: Book, order_ids: Iterable[str]) -> dict[str, datetime.datetime]:
    """When goods of these orders were received last, of those of which an answer said so."""
    answer = ANSWERS.c
    found: dict[str, datetime.datetime] = {}
    asked = sa.select(answer.order_id, answer.received_at, answer.content).where(answer.kind == "received")
    with book.reading() as connection:
        for some in pieces(sorted(set(order_ids))):
            for order_id, received_at, content in connection.execute(asked.where(answer.order_id.in_(some))):
                said = answer_of(content)
                if any((line.quantity or ZERO) < ZERO for line in said.lines):
                    continue  # a receipt that is taken back
                at = said.at or received_at
                found[order_id] = max(at, found.get(order_id, at))
    return found


def _notice(order: Order, answer: Answer, received_at: datetime.datetime) -> ShipNotice:
    parts = list(on_the_way(order, answer))
    lines = tuple(
        ShippedLine(order.order_id, quantity, row["line"], row["sku_id"], row["gtin"], row["unit"], said.lot)
        for row, said, quantity in parts
    )
    due = max((row["expected_date"] for row, _, _ in parts), default=None)
    return ShipNotice(answer, received_at, order.head["vendor_id"], order.head["location_id"], due, lines)
