"""An advance ship notice (856, DESADV) as the announcement of a shipment."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from scaleinv.schema.life import Answer
from scaleinv.schema.shipping import Notice, ShipmentEvent, ShippedLine

SENDER: Final = "ship notices"
"""Who announces them. No key can be given to this name, since it has a space."""
_TICK: Final = datetime.timedelta(microseconds=1)


def announcement(
    answer: Answer,
    *,
    received_at: datetime.datetime,
    sender: str = SENDER,
    vendor_id: str | None = None,
    destination: str | None = None,
    due: datetime.date | None = None,
    lines: Sequence[ShippedLine] | None = None,
    carried: Sequence[ShippedLine] = (),
    after: datetime.datetime | None = None,
) -> ShipmentEvent | None:
    """The event that an answer of kind ``shipped`` announces; ``None``: it names no shipment, or is of another kind.

    The latest date of its lines is the plan, else the day it is ``due``. The notice's own ``message_id``
    names the event, so that the same notice twice is one.

    Args:
        answer: the notice, of one order.
        received_at: when, for a notice that does not say when it was made.
        sender: whose event it is.
        vendor_id: whose goods.
        destination: the location that they go to.
        due: when the order expects them.
        lines: what it says is on its way, by the order's lines and units; ``None``: as the notice has it, without lines
            of which no quantity is known.
        carried: what the shipment was known to carry: it goes on to, but for lines that the notice names anew. A notice
            speaks of one order, and the latest announcement of a shipment stands for all of it.
        after: when that was announced: this one stands after it, whatever it says of its own time.
    """
    if answer.kind != "shipped" or answer.shipment_id is None:
        return None
    found = tuple(_said(answer) if lines is None else lines)
    named = {_key(line) for line in found}
    rest = tuple(line for line in carried if _key(line) not in named)
    day = max((line.date for line in answer.lines if line.date is not None), default=due)
    plan = None if day is None else datetime.datetime.combine(day, datetime.time(12), datetime.UTC)
    said = {
        "answer": answer.message_id, "order": answer.order_id, "shipment": answer.shipment_id, "plan": str(plan),
        "lines": [[str(getattr(line, name)) for name in ShippedLine.__slots__] for line in found],
    }  # fmt: skip
    payload = json.dumps(said)
    moment = answer.at or received_at
    return ShipmentEvent(
        sender=sender[:64],
        event_id=answer.message_id,
        shipment_id=answer.shipment_id,
        kind="announced",
        event_time=moment if after is None else max(moment, after + _TICK),
        payload=payload,
        digest=hashlib.sha256(f"{answer.message_id} {answer.shipment_id}".encode()).hexdigest(),
        notice=Notice(vendor_id=vendor_id, destination=destination, planned_arrival=plan, lines=(*rest, *found)),
    )


def receipt(shipment_id: str, at: datetime.datetime) -> ShipmentEvent:
    """The event that a shipment has arrived, all of whose goods were received."""
    return ShipmentEvent(
        sender=SENDER,
        event_id=f"received {hashlib.sha256(shipment_id.encode()).hexdigest()}",
        shipment_id=shipment_id,
        kind="arrived",
        event_time=at,
        payload=json.dumps({"received": shipment_id}),
        digest=hashlib.sha256(shipment_id.encode()).hexdigest(),
    )


def _said(answer: Answer) -> list[ShippedLine]:
    return [
        ShippedLine(answer.order_id, line.quantity, line.line, line.sku_id, line.gtin, line.unit, line.lot)
        for line in answer.lines
        if line.quantity is not None and line.quantity > Decimal(0)
    ]


def _key(line: ShippedLine) -> tuple[str, int | None, str | None, str | None]:
    return line.order_id, line.line, line.sku_id, line.gtin
