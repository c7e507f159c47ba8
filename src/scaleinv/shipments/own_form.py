"""Events in scaleinv's own form: what a carrier, a device or a file says, checked strictly."""

from __future__ import annotations

import datetime
import hashlib
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from scaleinv.schema.shipping import EventKind, Notice, Refusal, ShipmentEvent, ShippedLine

_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Celsius = Annotated[float, Field(ge=-273.15, le=1000)]
_YEARS: Final = (2000, 2100)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Line(_Form):
    """What a shipment carries of an order line; name the line, the SKU or the GTIN."""

    order_id: Text
    quantity: Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=3)]
    line: Annotated[int, Field(ge=1, le=999_999)] | None = None
    sku_id: Text | None = None
    gtin: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,14}$")] | None = None
    unit: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,3}$")] | None = None
    lot: Text | None = None


_NOTICE: Final = ("vendor_id", "origin", "carrier", "mode", "planned_arrival", "lowest_allowed", "highest_allowed")
_MOMENTS: Final = ("event_time", "eta", "planned_arrival")


class Event(_Form):
    """One statement about one shipment. ``event_id`` names it: sent again, it counts once."""

    event_id: Text
    shipment_id: Text
    kind: EventKind
    event_time: AwareDatetime
    place: Text | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    eta: AwareDatetime | None = None
    destination: Text | None = None
    lowest_temperature: Celsius | None = None
    highest_temperature: Celsius | None = None
    voids: Text | None = None
    vendor_id: Text | None = None
    origin: Text | None = None
    carrier: Text | None = None
    mode: Text | None = None
    planned_arrival: AwareDatetime | None = None
    lowest_allowed: Celsius | None = None
    highest_allowed: Celsius | None = None
    lines: Annotated[tuple[Line, ...], Field(max_length=2_000)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        problem = _contradiction(self)
        if problem:
            raise PydanticCustomError("contradiction", "{problem}", {"problem": problem})
        return self

    def taken(self, sender: str, *, payload: str | None = None, digest: str | None = None) -> ShipmentEvent:
        """The event as the book keeps it; ``payload``: how it was sent, where that was another form."""
        text = payload if payload is not None else self.model_dump_json(exclude_none=True, exclude_defaults=True)
        return ShipmentEvent(
            sender=sender,
            event_id=self.event_id,
            shipment_id=self.shipment_id,
            kind=self.kind,
            event_time=self.event_time.astimezone(datetime.UTC),
            payload=text,
            digest=digest or hashlib.sha256(text.encode()).hexdigest(),
            place=self.place,
            latitude=self.latitude,
            longitude=self.longitude,
            eta=None if self.eta is None else self.eta.astimezone(datetime.UTC),
            destination=self.destination if self.kind == "diverted" else None,
            lowest_temperature=self.lowest_temperature,
            highest_temperature=self.highest_temperature,
            voids=self.voids,
            notice=self._notice() if self.kind == "announced" else None,
        )

    def _notice(self) -> Notice:
        return Notice(
            destination=self.destination,
            lines=tuple(ShippedLine(**dict(line)) for line in self.lines),
            **{name: getattr(self, name) for name in _NOTICE},
        )


def read(
    text: str | bytes, sender: str, source: str, *, payload: str | None = None, digest: str | None = None
) -> ShipmentEvent | Refusal:
    """An event from its JSON, or why it is none."""
    try:
        return Event.model_validate_json(text).taken(sender, payload=payload, digest=digest)
    except ValidationError as error:
        return refusal(sender, source, reason(error), payload if payload is not None else as_text(text))


def refusal(sender: str, source: str, why: str, payload: str) -> Refusal:
    """A refusal whose reason can be stored anywhere, whatever it repeats of the message."""
    return Refusal(sender, source, why[:2_000].encode("ascii", "backslashreplace").decode(), payload)


def too_early(one: ShipmentEvent | Refusal, latest: float, source: str) -> Refusal | None:
    """A refusal of an event that lies after ``latest`` (seconds since 1970)."""
    if isinstance(one, Refusal) or one.event_time.timestamp() <= latest:
        return None
    why = f"event_time {one.event_time.isoformat()} lies in the future"
    return Refusal(one.sender, source, why, one.payload, one.event_id)


def reason(error: ValidationError) -> str:
    """What pydantic found, for a person; no value is repeated."""
    found = [(".".join(map(str, item["loc"])) or "event", item["msg"]) for item in error.errors(include_url=False)]
    return "; ".join(f"{where}: {what}" for where, what in found[:10])


def _contradiction(event: Event) -> str | None:
    if (event.voids is None) == (event.kind == "void"):
        return "voids names the event that was wrong: kind void, and only that, has it"
    if (event.latitude is None) != (event.longitude is None):
        return "latitude and longitude belong together"
    if event.kind != "announced" and (event.lines or any(getattr(event, name) is not None for name in _NOTICE)):
        return f"{', '.join(_NOTICE)} and lines belong to kind announced"
    if event.destination is not None and event.kind not in ("announced", "diverted"):
        return "destination belongs to kinds announced and diverted"
    if event.kind == "condition" and event.lowest_temperature is None and event.highest_temperature is None:
        return "kind condition has a temperature"
    moments: list[Any] = [getattr(event, name) for name in _MOMENTS]
    if any(moment is not None and not _YEARS[0] < moment.year < _YEARS[1] for moment in moments):
        return f"years lie between {_YEARS[0]} and {_YEARS[1]}"
    for low, high in (("lowest_temperature", "highest_temperature"), ("lowest_allowed", "highest_allowed")):
        if None not in (getattr(event, low), getattr(event, high)) and getattr(event, low) > getattr(event, high):
            return f"{low} is above {high}"
    return None


def as_text(text: str | bytes) -> str:
    """What was sent, as text that can be stored."""
    whole = text if isinstance(text, str) else text.decode("utf-8", errors="replace")
    return whole.replace("\x00", "\N{REPLACEMENT CHARACTER}")
