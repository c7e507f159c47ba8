"""From the bytes of a message to events, in whatever form it comes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from scaleinv.config.shipments import ShipmentsConfig
from scaleinv.errors import DataError, explain
from scaleinv.schema.shipping import Refusal, ShipmentEvent
from scaleinv.shipments import carrier, epcis
from scaleinv.shipments.own_form import Event, read

Found = list[ShipmentEvent | Refusal]

_ONE: Final = TypeAdapter(Event)
_MANY: Final = TypeAdapter(list[Event])


def own_events(body: bytes, *, sender: str, source: str, limit: int) -> Found:
    """Events in our own form: one, or a list.

    Raises:
        DataError: it is no JSON, or has more than ``limit`` events.
    """
    try:
        many = body.lstrip()[:1] == b"["
        read_ones = _MANY.validate_json(body) if many else [_ONE.validate_json(body)]
    except ValidationError:
        return _one_by_one(body, sender, source, limit)
    _check_number(len(read_ones), limit)
    return [event.taken(sender) for event in read_ones]


def epcis_events(body: bytes, *, sender: str, source: str, limit: int) -> Found:
    """Events of an EPCIS document.

    Raises:
        DataError: it is no JSON or no such document, or has more than ``limit`` events.
    """
    return deep(lambda: epcis.events(parsed(body), sender=sender, source=source, limit=limit))


def carrier_events(body: bytes, config: ShipmentsConfig, name: str, *, source: str) -> Found:
    """Events of a carrier's own message.

    Raises:
        DataError: it is no JSON, holds no events, or more than ``max_events``.
    """
    hook, limit = config.webhooks[name], config.max_events
    return deep(lambda: carrier.events(parsed(body), hook, sender=hook.sender, source=source, limit=limit))


def parsed(body: bytes) -> Any:
    """A message's JSON.

    Raises:
        DataError: it is none, or holds numbers that are none.
    """
    try:
        return json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        said = str(error).encode("ascii", "backslashreplace").decode()
        raise DataError(explain("the message is not JSON that can be used", found=said)) from None


def _one_by_one(body: bytes, sender: str, source: str, limit: int) -> Found:
    found = parsed(body)
    listed = found if isinstance(found, list) else [found]
    _check_number(len(listed), limit)
    if not isinstance(found, list):
        return [read(body, sender, source, payload=None)]
    return deep(lambda: [read(json.dumps(item), sender, source) for item in listed])


def deep(events: Callable[[], Found]) -> Found:
    """What ``events`` makes of a message.

    Raises:
        DataError: it is nested too deeply, or has a number that is too large.
    """
    try:
        return events()
    except RecursionError:
        raise DataError(explain("the message is nested too deeply")) from None
    except OverflowError:
        raise DataError(explain("a number of the message is too large")) from None


def _check_number(found: int, limit: int) -> None:
    if not 0 < found <= limit:
        raise DataError(explain("too many events in one message, or none", expected=f"1 to {limit}", found=found))


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value
