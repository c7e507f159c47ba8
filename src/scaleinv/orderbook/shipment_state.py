"""What a shipment is, from what was said of it: the same, in whatever order the events came in.

Each entry is the earliest, the latest or the extreme of what the events say, so that adding one event to a state and
making the state anew from all events give the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, Final

from scaleinv.schema.shipping import ShipmentEvent, ShipmentStatus

State = dict[str, Any]
"""A row of ``shipments`` without what is computed."""

_FIRST: Final = {"announced": "announced_at", "departed": "departed_at", "arrived": "arrived_at"}
_LAST: Final = {"in_transit": "seen_at", "delayed": "delayed_at", "diverted": "diverted_at", "lost": "lost_at"}
_NOTICE: Final = (
    "vendor_id", "origin", "destination", "carrier", "mode", "planned_arrival", "lowest_allowed", "highest_allowed",
)  # fmt: skip
_MOMENTS: Final = (*_FIRST.values(), *_LAST.values(), "last_event_at")
_LATEST: Final = {
    "notice_key": _NOTICE,
    "position_key": ("place", "latitude", "longitude", "position_at"),
    "eta_key": ("eta", "eta_said_at"),
    "diverted_key": ("diverted_to",),
    "arrived_key": ("arrived_place",),
    "departed_key": (),
}


def unknown(shipment_id: str) -> State:
    """The state of a shipment of which nothing was said yet."""
    names = (*_MOMENTS, *_LATEST, *(name for group in _LATEST.values() for name in group))
    state: State = dict.fromkeys((*names, "lowest_temperature", "highest_temperature"))
    return {"shipment_id": shipment_id, "status": "announced", "events": 0, **state}


def add(state: State, events: Iterable[ShipmentEvent]) -> State:
    """``state`` with what these events say; it is changed."""
    for event in events:
        _add(state, event)
    state["status"] = status(state)
    return state


def status(state: State) -> ShipmentStatus:
    """What a shipment is. Where it arrived it is there; where it was seen after it was lost it is found again.

    A position does not end a delay or a diversion; another departure does, and it ends a loss, too.
    """
    if state["arrived_at"] is not None:
        return "arrived"
    left = _last_departure(state)
    moved = [moment for name in ("seen_at", "delayed_at", "diverted_at") if (moment := state[name]) is not None]
    moved += [] if left is None else [left]
    if state["lost_at"] is not None and all(moment <= state["lost_at"] for moment in moved):
        return "lost"
    for name in ("diverted", "delayed"):
        since = state[f"{name}_at"]
        if since is not None and (left is None or left <= since):
            return name
    if state["seen_at"] is not None:
        return "in_transit"
    return "departed" if state["departed_at"] is not None else "announced"


def key(event: ShipmentEvent) -> str:
    """Orders events by their time, and those of one moment by their name."""
    moment = event.event_time.astimezone(datetime.UTC).isoformat(timespec="microseconds")
    return f"{moment} {event.sender} {event.event_id}"


def _last_departure(state: State) -> datetime.datetime | None:
    """``departed_at`` is the first one; the moment of the last one is in its key."""
    known = state["departed_key"]
    return None if known is None else datetime.datetime.fromisoformat(known.split(" ", 1)[0])


def _add(state: State, event: ShipmentEvent) -> None:
    state["events"] += 1
    moment = event.event_time
    state["last_event_at"] = max(moment, state["last_event_at"] or moment)
    if first := _FIRST.get(event.kind):
        state[first] = min(moment, state[first] or moment)
    if last := _LAST.get(event.kind):
        state[last] = max(moment, state[last] or moment)
    name = key(event)
    if event.notice is not None:
        _keep(state, "notice_key", name, [getattr(event.notice, column) for column in _NOTICE])
    if event.place is not None or event.latitude is not None:
        _keep(state, "position_key", name, [event.place, event.latitude, event.longitude, moment])
    if event.eta is not None:
        _keep(state, "eta_key", name, [event.eta, moment])
    if event.kind == "diverted":
        _keep(state, "diverted_key", name, [event.destination])
    if event.kind == "arrived":
        _keep(state, "arrived_key", name, [event.place])
    if event.kind == "departed":
        _keep(state, "departed_key", name, [])
    _temperature(state, event)


def _keep(state: State, group: str, name: str, values: list[Any]) -> None:
    """The latest of what was said."""
    if state[group] is None or name > state[group]:
        state[group] = name
        state.update(zip(_LATEST[group], values, strict=True))


def _temperature(state: State, event: ShipmentEvent) -> None:
    low, high = event.lowest_temperature, event.highest_temperature
    if low is not None:
        state["lowest_temperature"] = (
            low if state["lowest_temperature"] is None else min(low, state["lowest_temperature"])
        )
    if high is not None:
        known = state["highest_temperature"]
        state["highest_temperature"] = high if known is None else max(high, known)
