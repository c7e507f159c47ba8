"""Events of shipments into the book: each one once, and durable when this returns."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from scaleinv.errors import EngineError, explain
from scaleinv.orderbook.database import Book
from scaleinv.orderbook.shipment_rows import event_row, events_of, line_rows, notices_of
from scaleinv.orderbook.shipment_state import State, add, key, unknown
from scaleinv.orderbook.shipment_tables import EVENTS, LINES, REFUSED, SHIPMENTS
from scaleinv.schema.shipping import Outcome, Refusal, ShipmentEvent

_Name = tuple[str, str]
"""Sender and event id."""
_PIECE: Final = 2_000
"""Events in one transaction at the most."""


def record(
    book: Book, events: Sequence[ShipmentEvent], refusals: Iterable[Refusal] = (), *, received_at: datetime.datetime
) -> list[Outcome]:
    """Takes events; what becomes of each, in their order. Keeps ``refusals``, the same once.

    All of it is committed, and on disk, before this returns. An event whose id is known is a ``duplicate`` and changes
    nothing; with another content it is a ``conflict``, and kept among the refused ones, as is one that would void a
    void. Killed between two pieces of
    many events, it has taken the first ones: given again, these are duplicates.

    Raises:
        EngineError: the database does not answer, or its disk is full.
    """
    outcomes: list[Outcome] = []
    refused = [_refused_row(refusal, received_at) for refusal in refusals]
    for start in range(0, max(len(events), 1), _PIECE):
        with _answering(), book.writing() as connection:
            outcomes += _record(connection, events[start : start + _PIECE], received_at)
            if start == 0:
                _refuse(connection, refused)
    return outcomes


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise EngineError(explain("the order book cannot be written", found=error.orig, do="try again")) from error


def _record(
    connection: sa.Connection, events: Sequence[ShipmentEvent], received_at: datetime.datetime
) -> list[Outcome]:
    if not events:
        return []
    _in_turn(connection, events)
    voids = _voids(connection, events)
    first: dict[_Name, ShipmentEvent] = {}
    for event in events:
        if (event.sender, event.voids) not in voids:
            first.setdefault((event.sender, event.event_id), event)
    new = _inserted(connection, first, received_at)
    known = _digests(connection, [name for name in first if name not in new])
    known.update({name: first[name].digest for name in new})
    outcomes: list[Outcome] = []
    conflicts = []
    uncounted = set(new)
    for event in events:
        name = (event.sender, event.event_id)
        if (event.sender, event.voids) in voids:
            outcomes.append("conflict")
            conflicts.append(_refused_row(_void_of_void(event), received_at))
        elif name in uncounted:
            uncounted.remove(name)
            outcomes.append("accepted")
        elif known[name] == event.digest:
            outcomes.append("duplicate")
        else:
            outcomes.append("conflict")
            conflicts.append(_refused_row(_conflict(event), received_at))
    _refuse(connection, conflicts)
    fresh = [event for name, event in first.items() if name in new]
    if fresh:
        _fold(connection, fresh)
    return outcomes


def _in_turn(connection: sa.Connection, events: Sequence[ShipmentEvent]) -> None:
    """Lets nobody write events of a sender while one of its events is declared wrong.

    Else neither of two writers sees what the other one writes, the event and what voids it, and the void is lost.
    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name != "postgresql":
        return
    voiding = {event.sender for event in events if event.voids is not None}
    for sender in sorted({event.sender for event in events}):  # in order: nobody waits for one who waits for it
        number = int.from_bytes(hashlib.sha256(f"events of {sender}".encode()).digest()[:8], signed=True)
        lock = sa.func.pg_advisory_xact_lock if sender in voiding else sa.func.pg_advisory_xact_lock_shared
        connection.execute(sa.select(lock(sa.cast(number, sa.BigInteger))))


def _voids(connection: sa.Connection, events: Sequence[ShipmentEvent]) -> set[tuple[str, str | None]]:
    """What these events would void and is a void itself: that cannot be taken back, only said anew."""
    wanted = {(event.sender, event.voids) for event in events if event.voids is not None}
    if not wanted:
        return set()
    given = {(event.sender, event.event_id) for event in events if event.voids is not None}
    known = connection.execute(
        sa.select(EVENTS.c.sender, EVENTS.c.event_id).where(
            sa.tuple_(EVENTS.c.sender, EVENTS.c.event_id).in_(list(wanted)), EVENTS.c.kind == "void"
        )
    )
    return (wanted & given) | {(row.sender, row.event_id) for row in known}


def _inserted(
    connection: sa.Connection, events: dict[_Name, ShipmentEvent], received_at: datetime.datetime
) -> set[_Name]:
    if not events:
        return set()
    # In order, so that two writers of the same events never wait for each other.
    rows = [event_row(event, received_at) for _, event in sorted(events.items())]
    statement = _insert(connection, EVENTS).on_conflict_do_nothing().returning(EVENTS.c.sender, EVENTS.c.event_id)
    return {(row.sender, row.event_id) for row in connection.execute(statement, rows)}


def _digests(connection: sa.Connection, names: list[_Name]) -> dict[_Name, str]:
    if not names:
        return {}
    found = connection.execute(
        sa.select(EVENTS.c.sender, EVENTS.c.event_id, EVENTS.c.digest).where(
            sa.tuple_(EVENTS.c.sender, EVENTS.c.event_id).in_(names)
        )
    )
    return {(row.sender, row.event_id): row.digest for row in found}


def _fold(connection: sa.Connection, events: list[ShipmentEvent]) -> None:
    """Changes the shipments that new events speak of."""
    anew = _void(connection, events)
    states = _locked(connection, sorted({event.shipment_id for event in events} | anew))
    said: dict[str, list[ShipmentEvent]] = {}
    for event in events:
        if event.shipment_id not in anew:
            said.setdefault(event.shipment_id, []).append(event)
    for shipment_id in anew:
        states[shipment_id] = unknown(shipment_id)
        said[shipment_id] = events_of(connection, shipment_id)
    for shipment_id, new in said.items():
        add(states[shipment_id], new)
    _store(connection, list(states.values()))
    _store_lines(connection, sorted(anew | {event.shipment_id for event in events if event.notice is not None}))


def _void(connection: sa.Connection, events: list[ShipmentEvent]) -> set[str]:
    """Marks events that were declared wrong, whichever came first; shipments that must be made anew."""
    anew: set[str] = set()
    declared = {(event.sender, event.voids): event.event_id for event in events if event.voids is not None}
    names = [(event.sender, event.event_id) for event in events]
    earlier = sa.select(EVENTS.c.sender, EVENTS.c.voids, EVENTS.c.event_id).where(
        sa.tuple_(EVENTS.c.sender, EVENTS.c.voids).in_(names)
    )
    declared.update({(row.sender, row.voids): row.event_id for row in connection.execute(earlier)})
    for (sender, event_id), by in declared.items():
        wrong = (EVENTS.c.sender == sender) & (EVENTS.c.event_id == event_id) & (EVENTS.c.kind != "void")
        marked = sa.update(EVENTS).where(wrong).values(voided_by=by).returning(EVENTS.c.shipment_id)
        anew.update(connection.execute(marked).scalars())
    return anew


def _locked(connection: sa.Connection, shipment_ids: list[str]) -> dict[str, State]:
    """States as they are, held until the transaction ends; in order, so that two writers never wait for each other."""
    new = [{"shipment_id": name, "status": "announced", "events": 0} for name in shipment_ids]
    connection.execute(_insert(connection, SHIPMENTS).on_conflict_do_nothing(), new)
    columns = [SHIPMENTS.c[name] for name in unknown("")]
    held = sa.select(*columns).where(SHIPMENTS.c.shipment_id.in_(shipment_ids)).order_by(SHIPMENTS.c.shipment_id)
    return {row["shipment_id"]: dict(row) for row in connection.execute(held.with_for_update()).mappings()}


def _store(connection: sa.Connection, states: list[State]) -> None:
    statement = _insert(connection, SHIPMENTS)
    changed = {name: statement.excluded[name] for name in unknown("") if name != "shipment_id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["shipment_id"], set_=changed), states)


def _store_lines(connection: sa.Connection, shipment_ids: list[str]) -> None:
    """Lines of shipments anew, from all of their announcements: they may come in any order."""
    if not shipment_ids:
        return
    connection.execute(sa.delete(LINES).where(LINES.c.shipment_id.in_(shipment_ids)))
    notices: dict[str, list[ShipmentEvent]] = {}
    for event in sorted(notices_of(connection, shipment_ids), key=key):
        notices.setdefault(event.shipment_id, []).append(event)
    rows = [row for said in notices.values() for row in line_rows(said)]
    if rows:
        connection.execute(sa.insert(LINES), rows)


def _conflict(event: ShipmentEvent) -> Refusal:
    reason = f"event id {event.event_id} is known with another content"
    return Refusal(event.sender, "shipment_events", reason, event.payload, event.event_id)


def _void_of_void(event: ShipmentEvent) -> Refusal:
    reason = f"{event.voids} is a void itself, which cannot be voided; send what happened under another id"
    return Refusal(event.sender, "shipment_events", reason, event.payload, event.event_id)


def _refused_row(refusal: Refusal, received_at: datetime.datetime) -> dict[str, Any]:
    content = json.dumps([refusal.sender, refusal.source, refusal.reason, refusal.payload])
    return {
        "refused_id": hashlib.sha256(content.encode()).hexdigest(),
        "sender": refusal.sender,
        "source": refusal.source[:500],
        "event_id": None if refusal.event_id is None else refusal.event_id[:200],
        "reason": refusal.reason,
        "payload": refusal.payload,
        "received_at": received_at,
    }


def _refuse(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_insert(connection, REFUSED).on_conflict_do_nothing(), rows)


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An insert that may say what happens to a row that is there."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
