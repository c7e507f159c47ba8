"""Between an event and its row."""

from __future__ import annotations

import datetime
import json
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


def line_rows(event: ShipmentEvent) -> list[dict[str, Any]]:
    """The rows of ``shipment_lines`` that an announcement makes."""
    assert event.notice is not None
    return [
        {"shipment_id": event.shipment_id, "position": n, **_line_values(line)}
        for n, line in enumerate(event.notice.lines)
    ]


def events_of(connection: sa.Connection, shipment_id: str) -> list[ShipmentEvent]:
    """All events of a shipment but those declared wrong."""
    valid = (EVENTS.c.shipment_id == shipment_id) & EVENTS.c.voided_by.is_(None)
    rows = connection.execute(sa.select(EVENTS).where(valid)).mappings()
    return [ShipmentEvent(**{name: row[name] for name in _PLAIN}, notice=_notice(row["notice"])) for row in rows]


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
