"""Shipments follow what answers say of orders: a ship notice announces one, what was received has arrived."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from scaleinv.pipeline.register import has_book, order_book
from scaleinv.shipments.notices import SENDER, announcement, receipt

if TYPE_CHECKING:
    from scaleinv.orderbook import Book
    from scaleinv.pipeline.walk import Walk
    from scaleinv.schema.shipping import ShippedLine


def shipments_follow(walk: Walk) -> None:
    """Before a night looks at them: whatever way answers came, its shipments know of them."""
    if not has_book(walk.config):
        return
    with order_book(walk.config) as book:
        follow_answers(book, retailer=walk.config.retailer)


def follow_answers(book: Book, *, retailer: str) -> int:
    """Tells shipments what answers have said since; how many were announced or have arrived.

    It goes by what the book has, not by what was read just now: killed and done again, done twice, or done after
    answers that came another way, each notice announces once.
    """
    return _announce(book) + _close(book, retailer)


def _announce(book: Book) -> int:
    from scaleinv.orderbook.ship_notices import announced, new_ship_notices, settle_notices
    from scaleinv.orderbook.shipment_intake import record

    settle_notices(book, SENDER)
    notices = new_ship_notices(book, SENDER)
    if not notices:
        return 0
    known = {
        name: (one.at, one.lines)
        for name, one in announced(book, [n.answer.shipment_id or "" for n in notices]).items()
    }
    events = []
    for notice in notices:
        after, carried = known.get(notice.answer.shipment_id or "", (None, ()))
        event = announcement(
            notice.answer, received_at=notice.received_at, vendor_id=notice.vendor_id, destination=notice.location_id,
            lines=notice.lines, due=notice.due, carried=carried, after=after,
        )  # fmt: skip
        assert event is not None
        assert event.notice is not None
        lines: tuple[ShippedLine, ...] = event.notice.lines
        known[event.shipment_id] = event.event_time, lines
        events.append(event)
    return record(book, events, received_at=datetime.datetime.now(datetime.UTC)).count("accepted")


def _close(book: Book, retailer: str) -> int:
    """Shipments of which the last goods were received, and no carrier said so."""
    from scaleinv.orderbook.carried import carried
    from scaleinv.orderbook.ship_notices import receipts
    from scaleinv.orderbook.shipment_intake import record

    rows = carried(book, retailer=retailer)
    rows = rows.filter(pc.not_equal(rows["status"], "arrived"))
    # What was lost and given up has not arrived, though nothing of it is open any more.
    came = pc.if_else(pc.equal(rows["status"], "lost"), rows["is_whole"], pc.invert(rows["is_open"]))
    waiting = pc.unique(rows.filter(pc.invert(pc.fill_null(came, False)))["shipment_id"])
    done = rows.filter(pc.invert(pc.is_in(rows["shipment_id"], value_set=waiting)))
    done = done.filter(done["is_received"])
    if not done.num_rows:
        return 0
    at = receipts(book, done["order_id"].to_pylist())
    last: dict[str, datetime.datetime] = {}
    for name, order_id in zip(done["shipment_id"].to_pylist(), done["order_id"].to_pylist(), strict=True):
        if order_id in at:
            last[name] = max(at[order_id], last.get(name, at[order_id]))
    events = [receipt(name, moment) for name, moment in last.items()]
    return record(book, events, received_at=datetime.datetime.now(datetime.UTC)).count("accepted")
