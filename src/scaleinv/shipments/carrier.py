"""Messages of carriers that have a form of their own, read by what the configuration says of it."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any, Final

from scaleinv.config.shipments import WebhookConfig
from scaleinv.errors import DataError, explain
from scaleinv.schema.shipping import Refusal, ShipmentEvent
from scaleinv.shipments.own_form import read, refusal

_NUMBERS: Final = ("latitude", "longitude", "lowest_temperature", "highest_temperature")
_TIMES: Final = ("event_time", "eta", "planned_arrival")


def events(message: Any, hook: WebhookConfig, *, sender: str, source: str, limit: int) -> list[ShipmentEvent | Refusal]:
    """What a carrier's message says, and what of it cannot be used.

    Raises:
        DataError: it holds no events where the configuration says, or more than ``limit``.
    """
    found = _at(message, hook.events)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise DataError(explain("the message holds no events", expected=f"objects at {hook.events or 'its top'!r}"))
    if len(found) > limit:
        raise DataError(explain("too many events in one message", expected=f"at most {limit}", found=len(found)))
    return [_event(said, hook, sender, source) for said in found]


def _event(said: Any, hook: WebhookConfig, sender: str, source: str) -> ShipmentEvent | Refusal:
    payload = json.dumps(said, allow_nan=False)
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    try:
        plain = {name: _value(name, _at(said, path)) for name, path in hook.fields.items()}
        plain = {name: value for name, value in plain.items() if value is not None}
        plain["kind"] = _kind(plain.get("kind"), hook)
    except (ValueError, OverflowError, OSError) as error:
        return refusal(sender, source, str(error), payload)
    return read(json.dumps({"event_id": f"sha256:{digest}", **plain}), sender, source, payload=payload, digest=digest)


def _at(message: Any, path: str) -> Any:
    """What stands at a path; ``None``: nothing."""
    for part in filter(None, path.split(".")):
        if isinstance(message, dict):
            message = message.get(part)
        elif isinstance(message, list) and part.isdecimal() and len(part) < 5 and int(part) < len(message):
            message = message[int(part)]
        else:
            return None
    return message


def _value(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{name} is neither text nor number")
    if name in _NUMBERS:
        return float(value)
    if name in _TIMES and not isinstance(value, str):
        # Seconds since 1970, or milliseconds.
        return datetime.datetime.fromtimestamp(value / 1000 if value > 10**11 else value, datetime.UTC).isoformat()
    return str(value)


def _kind(code: Any, hook: WebhookConfig) -> str:
    if code is None and hook.default_kind is not None:
        return hook.default_kind
    if code not in hook.kinds:
        raise ValueError("its code is not in kinds: say in the configuration what it means")
    return hook.kinds[code]
