"""EPCIS 2.0 documents (GS1) to events of shipments: who was seen where, and how warm it was."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from scaleinv.errors import DataError, explain
from scaleinv.schema.shipping import EventKind, Refusal, ShipmentEvent
from scaleinv.shipments.gs1 import gln, shipment_number
from scaleinv.shipments.own_form import read, refusal

_TYPES: Final = ("ObjectEvent", "AggregationEvent", "TransactionEvent")
_STEPS: Final[dict[str, EventKind]] = {
    "shipping": "departed",
    "departing": "departed",
    "receiving": "arrived",
    "accepting": "arrived",
    "arriving": "in_transit",
    "transporting": "in_transit",
    "loading": "in_transit",
    "unloading": "in_transit",
    "cross_docking": "in_transit",
    "staging_outbound": "in_transit",
}
"""Business step -> what happened to the shipment. A truck that is arriving is not yet unloaded."""
_GONE: Final = ("stolen", "destroyed", "disposed")
_SHIPMENT_PAPERS: Final = ("bol", "desadv")
"""Business transactions that name a shipment: bill of lading, despatch advice."""
_GEO: Final = re.compile(r"^geo:(-?\d{1,3}(?:\.\d+)?),(-?\d{1,3}(?:\.\d+)?)")
_PREFIX: Final = re.compile(r"^.*[:/#-]")
"""``urn:epcglobal:cbv:bizstep:``, ``https://ref.gs1.org/cbv/BizStep-``, ``gs1:``: the last word is the same."""


def events(document: Any, *, sender: str, source: str, limit: int) -> list[ShipmentEvent | Refusal]:
    """What an EPCIS document says of shipments, and what of it cannot be used.

    A shipment is named by its bill of lading or despatch advice, else by its SSCC, GSIN or GINC. An event that
    names several shipments is one event for each; the first of them keeps what was sent. ``errorDeclaration`` voids
    the event of the same id, or, where it has none, of the same content.

    Raises:
        DataError: it is no EPCIS document, or has more than ``limit`` events.
    """
    body = document.get("epcisBody") if isinstance(document, dict) else None
    listed = body.get("eventList") if isinstance(body, dict) else None
    if not isinstance(listed, list) or document.get("type") != "EPCISDocument":
        raise DataError(explain("this is no EPCIS document", expected="type EPCISDocument, epcisBody.eventList"))
    if len(listed) > limit:
        raise DataError(explain("too many events in one document", expected=f"at most {limit}", found=len(listed)))
    found: list[ShipmentEvent | Refusal] = []
    for said in listed:
        found += _events(said, sender, source, room=2 * limit - len(found))
    return found


def _events(said: Any, sender: str, source: str, *, room: int) -> Iterator[ShipmentEvent | Refusal]:
    payload = json.dumps(said, allow_nan=False)
    try:
        plain = _plain(said)
        numbers = sorted(_shipments(said))
        if not numbers:
            raise ValueError("it names no shipment: no bol or desadv in bizTransactionList, no SSCC, GSIN or GINC")
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        yield refusal(sender, source, str(error), payload)
        return
    if len(numbers) > room:
        raise DataError(explain("too many shipments in one document", expected="at most two for each event allowed"))
    content = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    for n, number in enumerate(numbers):
        named = plain | {"shipment_id": number}
        if len(numbers) > 1:
            named["event_id"] = f"{plain['event_id']}#{n}"
            if "voids" in plain:
                named["voids"] = f"{plain['voids']}#{n}"
            if n:  # an event may name thousands: what was sent is kept with the first one
                payload = json.dumps({"sent_with": f"{plain['event_id']}#0"})
        digest = hashlib.sha256(json.dumps([number, content]).encode()).hexdigest()
        yield read(json.dumps(named), sender, source, payload=payload, digest=digest)


def _plain(said: Any) -> dict[str, Any]:
    """An event in our own form, without its shipment."""
    if not isinstance(said, dict):
        raise ValueError("an event is an object")
    if said.get("type") not in _TYPES:
        raise ValueError(f"type is none of {', '.join(_TYPES)}")
    missing = [name for name in ("eventTime", "eventTimeZoneOffset", "action") if name not in said]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    if said["action"] not in ("ADD", "OBSERVE", "DELETE"):
        raise ValueError("action is none of ADD, OBSERVE, DELETE")
    name = _name(said)
    plain = {"event_id": name, "event_time": said["eventTime"]}
    if "errorDeclaration" in said:
        # Such an event has the id of the one that it declares wrong.
        return plain | {"event_id": f"{name}#error", "kind": "void", "voids": name}
    low, high = _temperature(said)
    plain |= {"kind": _kind(said, low is not None), **_place(said)}
    if low is not None:
        plain |= {"lowest_temperature": low, "highest_temperature": high}
    return plain


def _name(said: dict[str, Any]) -> str:
    given = said.get("eventID")
    if given is not None:
        if not isinstance(given, str):
            raise ValueError("eventID is no text")
        return given
    content = {key: value for key, value in said.items() if key not in ("errorDeclaration", "recordTime")}
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _kind(said: dict[str, Any], measured: bool) -> EventKind:
    if _word(said.get("disposition")) in _GONE:
        return "lost"
    step = _word(said.get("bizStep"))
    if step in _STEPS:
        return _STEPS[step]
    if measured:
        return "condition"
    if not step or _word(said.get("disposition")) == "in_transit":
        return "in_transit"
    raise ValueError(f"bizStep {step} says nothing of a shipment's way")


def _word(value: Any) -> str:
    return _PREFIX.sub("", value) if isinstance(value, str) else ""


def _place(said: dict[str, Any]) -> dict[str, Any]:
    for name in ("readPoint", "bizLocation"):
        where = said.get(name)
        text = where.get("id") if isinstance(where, dict) else None
        if isinstance(text, str):
            point = _GEO.match(text)
            if point:
                return {"latitude": float(point[1]), "longitude": float(point[2])}
            return {"place": gln(text) or text}
    return {}


def _shipments(said: dict[str, Any]) -> set[str]:
    papers = said.get("bizTransactionList") or []
    named = {_number(paper["bizTransaction"]) for paper in papers if _word(paper.get("type")) in _SHIPMENT_PAPERS}
    if named:
        return named
    codes = [said.get("parentID"), *(said.get("epcList") or []), *(said.get("childEPCs") or [])]
    return {number for code in codes if isinstance(code, str) and (number := shipment_number(code))}


def _number(paper: str) -> str:
    """A paper's number, as people know it: ``urn:epcglobal:cbv:bt:<GLN>:<number>``."""
    return paper.rpartition(":")[2] if paper.startswith("urn:epcglobal:cbv:bt:") else paper


def _temperature(said: dict[str, Any]) -> tuple[float | None, float | None]:
    """Lowest and highest temperature of all reports, °C."""
    values = []
    for element in said.get("sensorElementList") or []:
        for report in element.get("sensorReport") or []:
            if _word(report.get("type")) == "Temperature":
                given = [report[name] for name in ("value", "minValue", "maxValue", "meanValue") if name in report]
                values += [_celsius(float(value), report.get("uom")) for value in given]
    return (min(values), max(values)) if values else (None, None)


def _celsius(value: float, unit: Any) -> float:
    if unit == "CEL":
        return value
    if unit == "FAH":
        return round((value - 32) / 1.8, 4)
    if unit == "KEL":
        return round(value - 273.15, 4)
    raise ValueError("the unit of a temperature is none of CEL, FAH, KEL")
