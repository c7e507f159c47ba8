"""What the book knows of shipments: as Arrow tables, and one of them with all that was said."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from scaleinv.orderbook.database import Book
from scaleinv.orderbook.shipment_tables import EVENTS, LINES, REFUSED, SHIPMENTS
from scaleinv.schema.shipping import ENDED, UNDER_WAY, ShipmentStatus

_MOMENT: Final = pa.timestamp("us", tz="UTC")
_PIECE: Final = 1_000
_ROWS: Final = 10_000
_LANE: Final = ("origin", "destination", "carrier", "mode", "departed_at", "arrived_at")
_MOST_PAST: Final = 500_000
"""Arrivals that say how long lanes take."""
_KEYS: Final = tuple(column.name for column in SHIPMENTS.columns if column.name.endswith("_key"))
_SHOWN: Final = [column for column in SHIPMENTS.columns if column.name not in _KEYS]
_EVENT: Final = ("payload", "notice", "digest")
"""Columns of an event that are not shown."""
_SHIPMENT_SCHEMA: Final = pa.schema(
    [
        (
            column.name,
            pa.float64()
            if isinstance(column.type, sa.Float)
            else pa.int64()
            if isinstance(column.type, sa.Integer)
            else pa.string()
            if isinstance(column.type, sa.String)
            else _MOMENT,
        )
        for column in _SHOWN
    ]
)
ARRIVALS: Final = pa.schema(
    [
        ("order_id", pa.string()),
        ("line", pa.int32()),
        ("expected_date", pa.date32()),
        ("quantity", pa.decimal128(15, 3)),
        ("sku_id", pa.string()),
        ("gtin", pa.string()),
        ("location_id", pa.string()),
        ("shipment_id", pa.string()),
        ("status", pa.string()),
    ]
)


def shipments(book: Book, *, ended: bool, since: datetime.datetime | None = None) -> pa.Table:
    """All shipments that have ended (arrived, lost), or all that have not: the columns of ``shipments``.

    ``since``: only those of which something happened from then on.
    """
    wanted: sa.ColumnElement[bool] = SHIPMENTS.c.status.in_(ENDED if ended else UNDER_WAY)
    if since is not None:
        wanted = wanted & (SHIPMENTS.c.last_event_at >= since)
    with book.reading() as connection:
        rows = connection.execute(sa.select(*_SHOWN).where(wanted).order_by(SHIPMENTS.c.shipment_id)).mappings()
        return pa.Table.from_pylist([dict(row) for row in rows], schema=_SHIPMENT_SCHEMA)


def lane_history(book: Book, *, since: datetime.datetime) -> pa.Table:
    """``origin, destination, carrier, mode, departed_at, arrived_at`` of what arrived from ``since`` on.

    The last ones, where there are very many.
    """
    columns = [SHIPMENTS.c[name] for name in _LANE]
    chosen = (
        sa.select(*columns)
        .where(SHIPMENTS.c.status == "arrived", SHIPMENTS.c.arrived_at >= since, SHIPMENTS.c.departed_at.is_not(None))
        .order_by(SHIPMENTS.c.arrived_at.desc(), SHIPMENTS.c.shipment_id)
        .limit(_MOST_PAST)
    )
    schema = pa.schema([_SHIPMENT_SCHEMA.field(name) for name in _LANE])
    with book.reading() as connection:
        rows = connection.execution_options(yield_per=_ROWS).execute(chosen).mappings()
        parts = [
            pa.RecordBatch.from_pylist([dict(row) for row in piece], schema=schema) for piece in rows.partitions(_ROWS)
        ]
    return pa.Table.from_batches(parts, schema=schema)


def shipment_page(book: Book, *, status: ShipmentStatus | None, after: str, limit: int) -> list[dict[str, Any]]:
    """Some shipments in the order of their ids, as they are shown."""
    chosen = sa.select(*_SHOWN).where(SHIPMENTS.c.shipment_id > after).order_by(SHIPMENTS.c.shipment_id).limit(limit)
    if status is not None:
        chosen = chosen.where(SHIPMENTS.c.status == status)
    with book.reading() as connection:
        return [_shown(row) for row in connection.execute(chosen).mappings()]


def shipment(book: Book, shipment_id: str, *, events: int = 1_000) -> dict[str, Any] | None:
    """A shipment with its lines and its last events; ``None``: nothing was said of it."""
    said = sa.select(EVENTS).where(EVENTS.c.shipment_id == shipment_id)
    lines = sa.select(LINES).where(LINES.c.shipment_id == shipment_id).order_by(LINES.c.position)
    with book.reading() as connection:
        row = connection.execute(sa.select(*_SHOWN).where(SHIPMENTS.c.shipment_id == shipment_id)).mappings().first()
        if row is None:
            return None
        last = connection.execute(said.order_by(EVENTS.c.event_time.desc(), EVENTS.c.event_id).limit(events)).mappings()
        return {
            **_shown(row),
            "lines": [_plain(line) for line in connection.execute(lines).mappings()],
            "log": [{name: value for name, value in _plain(event).items() if name not in _EVENT} for event in last],
        }


def expected_arrivals(book: Book, *, order_ids: Sequence[str] | None = None, time_zone: str = "UTC") -> pa.Table:
    """When order lines on their way come: ``order_id, line, expected_date, quantity`` and where to.

    Of each line as many rows as shipments carry it; these dates supersede those of the order. A line whose shipment is
    lost has no date: nothing of it is to come. What has arrived is not here, and what no date is known of neither.
    Dates are days in ``time_zone``.
    """
    to = sa.func.coalesce(SHIPMENTS.c.diverted_to, SHIPMENTS.c.destination).label("location_id")
    columns = (LINES.c.order_id, LINES.c.line, LINES.c.quantity, LINES.c.sku_id, LINES.c.gtin)
    coming = sa.func.coalesce(SHIPMENTS.c.expected_arrival, SHIPMENTS.c.eta, SHIPMENTS.c.planned_arrival)
    lost = SHIPMENTS.c.status == "lost"
    chosen = (
        sa.select(*columns, to, LINES.c.shipment_id, SHIPMENTS.c.status, coming.label("expected"))
        .join(SHIPMENTS, SHIPMENTS.c.shipment_id == LINES.c.shipment_id)
        .where(SHIPMENTS.c.status != "arrived", lost | coming.is_not(None))
        .order_by(LINES.c.order_id, LINES.c.line, LINES.c.shipment_id, LINES.c.position)
    )
    if order_ids is not None:
        chosen = chosen.where(LINES.c.order_id.in_(order_ids))
    given = pa.schema([pa.field("expected", _MOMENT) if field.name == "expected_date" else field for field in ARRIVALS])
    with book.reading() as connection:
        rows = connection.execute(chosen).mappings()
        found = pa.Table.from_pylist([dict(row) for row in rows], schema=given)
    gone = pc.equal(found["status"], "lost")
    there = pc.local_timestamp(pc.cast(found["expected"], pa.timestamp("us", tz=time_zone)))
    date = pc.if_else(gone, pa.scalar(None, pa.date32()), pc.cast(pc.floor_temporal(there, unit="day"), pa.date32()))
    return found.drop_columns(["expected"]).append_column("expected_date", date).select(ARRIVALS.names).cast(ARRIVALS)


def lines_on_the_way(book: Book) -> pa.Table:
    """``shipment_id, order_id, line, sku_id, quantity`` of all shipments that have not arrived."""
    columns = (LINES.c.shipment_id, LINES.c.order_id, LINES.c.line, LINES.c.sku_id, LINES.c.quantity)
    chosen = (
        sa.select(*columns)
        .join(SHIPMENTS, SHIPMENTS.c.shipment_id == LINES.c.shipment_id)
        .where(SHIPMENTS.c.status != "arrived")
        .order_by(LINES.c.shipment_id, LINES.c.position)
    )
    types = {"line": pa.int32(), "quantity": pa.decimal128(15, 3)}
    schema = pa.schema([(column.name, types.get(column.name, pa.string())) for column in columns])
    with book.reading() as connection:
        rows = connection.execute(chosen).mappings()
        return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def refused_events(book: Book, *, limit: int = 1_000) -> list[dict[str, Any]]:
    """What could not be taken, the latest first."""
    chosen = sa.select(REFUSED).order_by(REFUSED.c.received_at.desc(), REFUSED.c.refused_id).limit(limit)
    with book.reading() as connection:
        return [_plain(row) for row in connection.execute(chosen).mappings()]


def store_arrivals(book: Book, arrivals: Sequence[dict[str, Any]]) -> None:
    """Writes what was computed.

    Rows of ``shipment_id, computed_at, expected_arrival, late_probability, arrival_quantiles`` (level -> moment).
    """
    if not arrivals:
        return
    named = ("computed_at", "expected_arrival", "late_probability", "arrival_quantiles")
    statement = (
        sa.update(SHIPMENTS)
        .where(SHIPMENTS.c.shipment_id == sa.bindparam("which"))
        .values({name: sa.bindparam(name) for name in named})
    )
    rows = [
        {**row, "which": row["shipment_id"], "arrival_quantiles": json.dumps(row["arrival_quantiles"])}
        for row in arrivals
    ]
    # In pieces: events that come in meanwhile do not wait for all of them.
    for start in range(0, len(rows), _PIECE):
        with book.writing() as connection:
            piece = rows[start : start + _PIECE]
            connection.execute(statement, [{name: row[name] for name in (*named, "which")} for row in piece])


def answers(book: Book) -> bool:
    """Whether the database answers."""
    try:
        with book.reading() as connection:
            return connection.execute(sa.select(sa.literal(1))).scalar() == 1
    except sa.exc.SQLAlchemyError:
        return False


def _shown(row: Any) -> dict[str, Any]:
    plain = _plain(row)
    quantiles = plain.pop("arrival_quantiles")
    return {**plain, "arrival_quantiles": json.loads(quantiles) if quantiles else None}


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON can say it."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
