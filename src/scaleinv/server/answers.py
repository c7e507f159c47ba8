"""The forms of what the endpoints answer."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel

from scaleinv.schema.life import OrderStatus
from scaleinv.schema.shipping import EventKind, ShipmentStatus


class RefusedEvent(BaseModel):
    """An event that was not taken; it is kept with its reason."""

    position: int
    event_id: str | None = None
    reason: str


class Taken(BaseModel):
    """What became of a message: what was new, what was known, what was refused. All of it is on disk."""

    accepted: int
    duplicates: int
    refused: list[RefusedEvent]


class Shipment(BaseModel):
    """A shipment as it is."""

    shipment_id: str
    status: ShipmentStatus
    events: int
    last_event_at: datetime.datetime | None
    announced_at: datetime.datetime | None
    departed_at: datetime.datetime | None
    arrived_at: datetime.datetime | None
    seen_at: datetime.datetime | None
    delayed_at: datetime.datetime | None
    diverted_at: datetime.datetime | None
    lost_at: datetime.datetime | None
    vendor_id: str | None
    origin: str | None
    destination: str | None
    carrier: str | None
    mode: str | None
    planned_arrival: datetime.datetime | None
    lowest_allowed: float | None
    highest_allowed: float | None
    place: str | None
    latitude: float | None
    longitude: float | None
    position_at: datetime.datetime | None
    eta: datetime.datetime | None
    eta_said_at: datetime.datetime | None
    diverted_to: str | None
    arrived_place: str | None
    lowest_temperature: float | None
    highest_temperature: float | None
    computed_at: datetime.datetime | None
    expected_arrival: datetime.datetime | None
    late_probability: float | None
    arrival_quantiles: dict[str, datetime.datetime] | None
    """Level -> when it has arrived with that probability."""


class ShipmentPage(BaseModel):
    """Some shipments; ``next``: what to give as ``after`` for the next ones."""

    shipments: list[Shipment]
    next: str | None


class Carried(BaseModel):
    """What a shipment carries of an order line."""

    shipment_id: str
    position: int
    order_id: str
    line: int | None
    sku_id: str | None
    gtin: str | None
    quantity: str
    unit: str | None
    lot: str | None


class LoggedEvent(BaseModel):
    """An event that was accepted; ``voided_by`` names the one that declared it wrong."""

    sender: str
    event_id: str
    shipment_id: str
    kind: EventKind
    event_time: datetime.datetime
    received_at: datetime.datetime
    place: str | None
    latitude: float | None
    longitude: float | None
    eta: datetime.datetime | None
    destination: str | None
    lowest_temperature: float | None
    highest_temperature: float | None
    voids: str | None
    voided_by: str | None


class WholeShipment(Shipment):
    """A shipment with what it carries and its last thousand events, the latest first."""

    lines: list[Carried]
    log: list[LoggedEvent]


class OnTheWay(BaseModel):
    """What comes of an order line; without a date it is lost."""

    order_id: str
    line: int | None
    sku_id: str | None
    gtin: str | None
    quantity: str
    location_id: str | None
    shipment_id: str
    status: ShipmentStatus
    expected_date: datetime.date | None


class OrderLine(BaseModel):
    """A line of an order: of what was ordered, what was confirmed, shipped and received, and what will not come."""

    line: int
    sku_id: str
    gtin: str | None
    unit: str
    ordered: str
    confirmed: str | None
    shipped: str
    received: str
    cancelled: str
    unit_cost: str
    confirmed_cost: str | None
    value: str
    delivery_date: datetime.date
    expected_date: datetime.date
    reason: str
    rule: str | None


class OrderEvent(BaseModel):
    """A change of an order: who, when and why, with the old and new value of each field."""

    version: int
    at: datetime.datetime
    who: str
    old_status: OrderStatus | None
    new_status: OrderStatus
    why: str
    changes: dict[str, Any]


class WholeOrder(BaseModel):
    """An order as it is, its lines, and its history from the first event on."""

    order_id: str
    retailer: str
    as_of: datetime.date
    vendor_id: str
    location_id: str
    currency: str
    order_date: datetime.date
    delivery_date: datetime.date
    status: OrderStatus
    version: int
    value: str
    erp_number: str | None
    problem: str | None
    lines: list[OrderLine]
    history: list[OrderEvent]


class Health(BaseModel):
    """Whether the server can work."""

    status: str
    details: dict[str, Any] = {}
