"""An advance ship notice (856, DESADV) as the announcement of a shipment."""

from __future__ import annotations

import datetime
import hashlib
import json
from decimal import Decimal

from scaleinv.schema.life import Answer
from scaleinv.schema.shipping import Notice, ShipmentEvent, ShippedLine


def announcement(
    answer: Answer,
    *,
    sender: str,
    received_at: datetime.datetime,
    vendor_id: str | None = None,
    destination: str | None = None,
) -> ShipmentEvent | None:
    """The event that an answer of kind ``shipped`` announces; ``None``: it names no shipment, or is of another kind.

    Lines without a quantity are left out: how much comes is not known. The latest date of its lines is the plan. The
    notice's own ``message_id`` names the event, so that the same notice twice is one.
    """
    if answer.kind != "shipped" or answer.shipment_id is None:
        return None
    lines = tuple(
        ShippedLine(answer.order_id, line.quantity, line.line, line.sku_id, line.gtin, line.unit, line.lot)
        for line in answer.lines
        if line.quantity is not None and line.quantity > Decimal(0)
    )
    dates = [line.date for line in answer.lines if line.date is not None]
    plan = datetime.datetime.combine(max(dates), datetime.time(12), datetime.UTC) if dates else None
    said = {
        "answer": answer.message_id, "order": answer.order_id, "shipment": answer.shipment_id, "plan": str(plan),
        "lines": [[str(getattr(line, name)) for name in ShippedLine.__slots__] for line in lines],
    }  # fmt: skip
    payload = json.dumps(said)
    return ShipmentEvent(
        sender=sender[:64],
        event_id=f"notice:{answer.message_id}:{answer.order_id}"[:200],
        shipment_id=answer.shipment_id,
        kind="announced",
        event_time=answer.at or received_at,
        payload=payload,
        digest=hashlib.sha256(payload.encode()).hexdigest(),
        notice=Notice(vendor_id=vendor_id, destination=destination, planned_arrival=plan, lines=lines),
    )
