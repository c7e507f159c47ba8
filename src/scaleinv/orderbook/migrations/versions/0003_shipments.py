"""Shipments, their events and what they carry."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.DateTime(timezone=True)
_ID = sa.String(200)
_KEY = sa.String(500)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "shipments",
        sa.Column("shipment_id", _ID, primary_key=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("last_event_at", _MOMENT),
        *(sa.Column(name, _MOMENT) for name in ("announced_at", "departed_at", "arrived_at")),
        *(sa.Column(name, _MOMENT) for name in ("seen_at", "delayed_at", "diverted_at", "lost_at")),
        sa.Column("notice_key", _KEY),
        *(sa.Column(name, _ID) for name in ("vendor_id", "origin", "destination", "carrier", "mode")),
        sa.Column("planned_arrival", _MOMENT),
        sa.Column("lowest_allowed", sa.Float),
        sa.Column("highest_allowed", sa.Float),
        sa.Column("position_key", _KEY),
        sa.Column("place", _ID),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("position_at", _MOMENT),
        sa.Column("eta_key", _KEY),
        sa.Column("eta", _MOMENT),
        sa.Column("eta_said_at", _MOMENT),
        sa.Column("diverted_key", _KEY),
        sa.Column("diverted_to", _ID),
        sa.Column("departed_key", _KEY),
        sa.Column("arrived_key", _KEY),
        sa.Column("arrived_place", _ID),
        sa.Column("lowest_temperature", sa.Float),
        sa.Column("highest_temperature", sa.Float),
        sa.Column("computed_at", _MOMENT),
        sa.Column("expected_arrival", _MOMENT),
        sa.Column("late_probability", sa.Float),
        sa.Column("arrival_quantiles", sa.Text),
    )
    op.create_index("ix_shipments_status", "shipments", ["status"])
    op.create_table(
        "shipment_events",
        sa.Column("sender", sa.String(64), primary_key=True),
        sa.Column("event_id", _ID, primary_key=True),
        sa.Column("shipment_id", _ID, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("event_time", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("place", _ID),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("eta", _MOMENT),
        sa.Column("destination", _ID),
        sa.Column("lowest_temperature", sa.Float),
        sa.Column("highest_temperature", sa.Float),
        sa.Column("notice", sa.Text),
        sa.Column("voids", _ID),
        sa.Column("voided_by", _ID),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
    )
    op.create_index("ix_shipment_events_shipment_id", "shipment_events", ["shipment_id"])
    op.create_index("ix_shipment_events_voids", "shipment_events", ["sender", "voids"])
    op.create_table(
        "shipment_lines",
        sa.Column("shipment_id", _ID, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("order_id", _ID, nullable=False),
        sa.Column("line", sa.Integer),
        sa.Column("sku_id", _ID),
        sa.Column("gtin", sa.String(14)),
        sa.Column("quantity", sa.Numeric(15, 3), nullable=False),
        sa.Column("unit", sa.String(3)),
        sa.Column("lot", _ID),
    )
    op.create_index("ix_shipment_lines_order_id", "shipment_lines", ["order_id"])
    op.create_table(
        "refused_events",
        sa.Column("refused_id", sa.String(64), primary_key=True),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("event_id", _ID),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Drops them."""
    for table in ("refused_events", "shipment_lines", "shipment_events", "shipments"):
        op.drop_table(table)
