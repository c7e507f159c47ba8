"""Words of goods on their way: what a sender may say of a shipment, and what it then is."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, get_args

ShipmentStatus = Literal["announced", "departed", "in_transit", "delayed", "diverted", "arrived", "lost"]
SHIPMENT_STATUSES: Final[tuple[ShipmentStatus, ...]] = get_args(ShipmentStatus)
ENDED: Final[tuple[ShipmentStatus, ...]] = ("arrived", "lost")
"""Nothing of these is still to come."""
UNDER_WAY: Final = tuple(status for status in SHIPMENT_STATUSES if status not in ENDED)

EventKind = Literal[
    "announced",  # what it carries, from where to where and when: 856, DESADV
    "departed",
    "in_transit",  # seen on its way: a GPS position, a gate, a hub
    "delayed",
    "diverted",  # goes somewhere else: `destination`
    "arrived",
    "lost",
    "condition",  # a reading of a sensor, and nothing else
    "void",  # the event `voids` was wrong: EPCIS errorDeclaration
]
EVENT_KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)

Outcome = Literal["accepted", "duplicate", "conflict"]
"""Of an event that was given: it is new; it was known; its id is known, but with another content, or it would
void a void."""

ShipmentProblem = Literal["shipment_late", "shipment_diverted", "shipment_lost", "temperature_incident"]
SHIPMENT_PROBLEMS: Final[tuple[ShipmentProblem, ...]] = get_args(ShipmentProblem)


@dataclass(frozen=True, slots=True)
class ShippedLine:
    """What a shipment carries of an order line; the line is found by its number, or else by SKU or GTIN."""

    order_id: str
    quantity: Decimal
    line: int | None = None
    sku_id: str | None = None
    gtin: str | None = None
    unit: str | None = None
    lot: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """What an announcement says; of several the latest stands, of the lines the latest that names their order."""

    vendor_id: str | None = None
    origin: str | None = None
    destination: str | None = None
    """The location that the goods go to."""
    carrier: str | None = None
    mode: str | None = None
    planned_arrival: datetime.datetime | None = None
    lowest_allowed: float | None = None
    highest_allowed: float | None = None
    """Limits of temperature, °C."""
    lines: tuple[ShippedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class ShipmentEvent:
    """One statement about one shipment.

    ``sender`` and ``event_id`` together name it: given twice it counts once. Times bear a time zone.
    """

    sender: str
    event_id: str
    shipment_id: str
    kind: EventKind
    event_time: datetime.datetime
    payload: str
    """As it was sent, JSON."""
    digest: str
    """SHA-256 of its content: tells a repeat from another statement under the same id."""
    place: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    eta: datetime.datetime | None = None
    """When the sender now expects it to arrive."""
    destination: str | None = None
    """Of a diverted one: where it goes now."""
    lowest_temperature: float | None = None
    highest_temperature: float | None = None
    voids: str | None = None
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What could not be taken, and why: kept for a person to look at."""

    sender: str
    source: str
    """Endpoint or file."""
    reason: str
    payload: str
    event_id: str | None = None
