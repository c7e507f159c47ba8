"""Files of events: carriers' CSV and JSON, GPS positions, EPCIS documents; piece by piece."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, get_args

from scaleinv.config.shipments import Field_, ShipmentsConfig, WebhookConfig
from scaleinv.errors import DataError, explain
from scaleinv.schema.shipping import EVENT_KINDS
from scaleinv.shipments import carrier as carriers
from scaleinv.shipments import epcis
from scaleinv.shipments.messages import Found, deep, own_events, parsed
from scaleinv.shipments.own_form import refusal

_PIECE: Final = 1_000
_MOST: Final = 10_000_000
"""Events in one file: a JSON file is read as a whole."""


def events_in(path: Path, config: ShipmentsConfig, *, sender: str, carrier: str | None) -> Iterator[Found]:
    """The events of a file, and what of it cannot be used, in pieces of about a thousand.

    ``.csv``: a row is an event, by our field names or by what ``webhooks.<carrier>`` says; ``.jsonl``: a line is a
    message; ``.json``: the file is one message. A message is an EPCIS document, the carrier's, or in our own form. An
    event without an id is called by its content, and one without a kind is a position.

    Raises:
        DataError: it is none of these, or no message.
    """
    hook = _hook(config, sender, carrier)
    kind = path.suffix.lower()
    if kind == ".csv":
        yield from _rows(path, hook, sender)
    elif kind == ".jsonl":
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _message(line, hook, sender, f"{path.name}:{number}", carrier, whole=False)
    elif kind == ".json":
        found = _message(path.read_bytes(), hook, sender, path.name, carrier, whole=True)
        yield from (found[start : start + _PIECE] for start in range(0, len(found), _PIECE))
    else:
        raise DataError(explain(f"{path} is no file of events", expected="a name ending in .csv, .json or .jsonl"))


def _hook(config: ShipmentsConfig, sender: str, carrier: str | None) -> WebhookConfig:
    if carrier is None:
        fields = {name: name for name in get_args(Field_)}
        return WebhookConfig(
            sender=sender, fields=fields, kinds={kind: kind for kind in EVENT_KINDS}, default_kind="in_transit"
        )
    if carrier not in config.webhooks:
        expected = ", ".join(config.webhooks) or "none is configured"
        raise DataError(explain(f"shipments.webhooks has no carrier {carrier!r}", expected=expected))
    return config.webhooks[carrier]


def _rows(path: Path, hook: WebhookConfig, sender: str) -> Iterator[Found]:
    flat = hook.model_copy(update={"events": ""})
    with path.open(encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text, restkey="…", restval="")
        missing = [column for column in _needed(flat) if column not in (rows.fieldnames or ())]
        if missing:
            raise DataError(explain(f"{path} lacks columns", found=", ".join(rows.fieldnames or ()), which=missing))
        while piece := list(islice(rows, _PIECE)):
            first = rows.line_num - len(piece) + 1
            yield carriers.events(
                piece, flat, sender=sender, source=f"{path.name}:{first}-{rows.line_num}", limit=_PIECE
            )


def _needed(hook: WebhookConfig) -> list[str]:
    return [hook.fields["shipment_id"], hook.fields["event_time"]]


def _message(body: bytes, hook: WebhookConfig, sender: str, source: str, carrier: str | None, *, whole: bool) -> Found:
    try:
        content: Any = parsed(body)
        if isinstance(content, dict) and content.get("type") == "EPCISDocument":
            return deep(lambda: epcis.events(content, sender=sender, source=source, limit=_MOST))
        if carrier is not None:
            return deep(lambda: carriers.events(content, hook, sender=sender, source=source, limit=_MOST))
        return deep(lambda: own_events(json.dumps(content).encode(), sender=sender, source=source, limit=_MOST))
    except DataError as error:
        if whole:
            raise
        return [refusal(sender, source, str(error), body.decode("utf-8", "replace").replace("\x00", "\ufffd"))]
