"""Between an event and its row."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from scaleinv.orderbook.shipment_tables import EVENTS
from scaleinv.schema.shipping import Notice, ShipmentEvent, ShippedLine

_PLAIN = (
    "sender", "event_id", "shipment_id", "kind", "event_time", "place", "latitude", "longitude", "eta", "destination",
    "lowest_temperature", "highest_temperature", "voids", "digest", "payload",
)  # fmt: skip


def event_row(event: ShipmentEvent, received_at: datetime.datetime) -> dict[str, Any]:
    """The row of ``shipment_events``."""
    row = {name: getattr(event, name) for name in _PLAIN}
    row["received_at"] = received_at
    row["notice"] = None if event.notice is None else _notice_text(event.notice)
    return row


def line_rows(events: list[ShipmentEvent]) -> list[dict[str, Any]]:
    """The rows of ``shipment_lines`` that the announcements of a shipment make, the earliest first.

    A notice often speaks of one order, and a shipment carries several: of each order the latest that names it counts.
    """
    of_order = {}
    for event in events:
        assert event.notice is not None
        of_order.update({line.order_id: event for line in event.notice.lines})
    lines = [
        line
        for event in events
        if event.notice is not None
        for line in event.notice.lines
        if of_order[line.order_id] is event
    ]
    return [{"shipment_id": events[0].shipment_id, "position": n, **_line_values(line)} for n, line in enumerate(lines)]


def events_of(connection: sa.Connection, shipment_id: str) -> list[ShipmentEvent]:
    """All events of a shipment but those declared wrong."""
    valid = (EVENTS.c.shipment_id == shipment_id) & EVENTS.c.voided_by.is_(None)
    rows = connection.execute(sa.select(EVENTS).where(valid)).mappings()
    return [ShipmentEvent(**{name: row[name] for name in _PLAIN}, notice=_notice(row["notice"])) for row in rows]


def notices_of(connection: sa.Connection, shipment_ids: list[str]) -> Iterator[ShipmentEvent]:
    """The announcements of shipments but those declared wrong."""
    valid = EVENTS.c.shipment_id.in_(shipment_ids) & EVENTS.c.notice.is_not(None) & EVENTS.c.voided_by.is_(None)
    for row in connection.execute(sa.select(EVENTS).where(valid)).mappings():
        yield ShipmentEvent(**{name: row[name] for name in _PLAIN}, notice=_notice(row["notice"]))


def _line_values(line: ShippedLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in ShippedLine.__slots__}


def _notice_text(notice: Notice) -> str:
    plain = {name: getattr(notice, name) for name in Notice.__slots__ if name != "lines"}
    plain["planned_arrival"] = notice.planned_arrival.isoformat() if notice.planned_arrival else None
    plain["lines"] = [{**_line_values(line), "quantity": str(line.quantity)} for line in notice.lines]
    return json.dumps(plain)


def _notice(text: str | None) -> Notice | None:
    if text is None:
        return None
    plain = json.loads(text)
    moment = plain.pop("planned_arrival")
    lines = [ShippedLine(**{**line, "quantity": Decimal(line["quantity"])}) for line in plain.pop("lines")]
    return Notice(
        **plain,
        planned_arrival=datetime.datetime.fromisoformat(moment) if moment else None,
        lines=tuple(lines),
    )
