"""Tables of shipments; revision 0003 makes them."""

from __future__ import annotations

import datetime
from typing import Any, Final

import sqlalchemy as sa

from scaleinv.orderbook.database import METADATA


class Moment(sa.types.TypeDecorator[datetime.datetime]):
    """A moment with its time zone, UTC; SQLite keeps none, so it is put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime.datetime | None:
        """From the database."""
        if value is None:
            return None
        moment: datetime.datetime = value
        return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)


ID: Final = sa.String(200)
KEY: Final = sa.String(500)
"""When, who and which id: what an entry came from."""

SHIPMENTS: Final = sa.Table(
    "shipments",
    METADATA,
    sa.Column("shipment_id", ID, primary_key=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("last_event_at", Moment),
    *(sa.Column(name, Moment) for name in ("announced_at", "departed_at", "arrived_at")),
    *(sa.Column(name, Moment) for name in ("seen_at", "delayed_at", "diverted_at", "lost_at")),
    sa.Column("notice_key", KEY),
    *(sa.Column(name, ID) for name in ("vendor_id", "origin", "destination", "carrier", "mode")),
    sa.Column("planned_arrival", Moment),
    sa.Column("lowest_allowed", sa.Float),
    sa.Column("highest_allowed", sa.Float),
    sa.Column("position_key", KEY),
    sa.Column("place", ID),
    sa.Column("latitude", sa.Float),
    sa.Column("longitude", sa.Float),
    sa.Column("position_at", Moment),
    sa.Column("eta_key", KEY),
    sa.Column("eta", Moment),
    sa.Column("eta_said_at", Moment),
    sa.Column("diverted_key", KEY),
    sa.Column("diverted_to", ID),
    sa.Column("departed_key", KEY),
    sa.Column("arrived_key", KEY),
    sa.Column("arrived_place", ID),
    sa.Column("lowest_temperature", sa.Float),
    sa.Column("highest_temperature", sa.Float),
    sa.Column("computed_at", Moment),
    sa.Column("expected_arrival", Moment),
    sa.Column("late_probability", sa.Float),
    sa.Column("arrival_quantiles", sa.Text),
    sa.Index("ix_shipments_status_last_event_at", "status", "last_event_at"),
    sa.Index("ix_shipments_status_arrived_at", "status", "arrived_at"),
)
"""One row per shipment. What an entry ``…_key`` stands before came from that event; the last four are computed."""

EVENTS: Final = sa.Table(
    "shipment_events",
    METADATA,
    sa.Column("sender", sa.String(64), primary_key=True),
    sa.Column("event_id", ID, primary_key=True),
    sa.Column("shipment_id", ID, nullable=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("event_time", Moment, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("place", ID),
    sa.Column("latitude", sa.Float),
    sa.Column("longitude", sa.Float),
    sa.Column("eta", Moment),
    sa.Column("destination", ID),
    sa.Column("lowest_temperature", sa.Float),
    sa.Column("highest_temperature", sa.Float),
    sa.Column("notice", sa.Text),
    sa.Column("voids", ID),
    sa.Column("voided_by", ID),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Index("ix_shipment_events_voids", "sender", "voids"),
)
"""Every event that was accepted, once, as it was sent."""

LINES: Final = sa.Table(
    "shipment_lines",
    METADATA,
    sa.Column("shipment_id", ID, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("order_id", ID, nullable=False, index=True),
    sa.Column("line", sa.Integer),
    sa.Column("sku_id", ID),
    sa.Column("gtin", sa.String(14)),
    sa.Column("quantity", sa.Numeric(15, 3), nullable=False),
    sa.Column("unit", sa.String(3)),
    sa.Column("lot", ID),
)
"""What a shipment carries: of each order by the latest announcement that names it."""

REFUSED: Final = sa.Table(
    "refused_events",
    METADATA,
    sa.Column("refused_id", sa.String(64), primary_key=True),
    sa.Column("sender", sa.String(64), nullable=False),
    sa.Column("source", sa.String(500), nullable=False),
    sa.Column("event_id", ID),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
)
"""What could not be taken, once each."""
