"""The tables of orders. Each change of one is a step of ``migrations``, too; a test compares them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from scaleinv.orderbook.database import METADATA
from scaleinv.orderbook.types import Exact, Json, Moment

ORDERS: Final = sa.Table(
    "orders", METADATA,
    sa.Column("order_id", sa.String(40), primary_key=True),
    sa.Column("retailer", sa.Text, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False, comment="the night that proposed it"),
    sa.Column("vendor_id", sa.Text, nullable=False),
    sa.Column("location_id", sa.Text, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("order_date", sa.Date, nullable=False),
    sa.Column("delivery_date", sa.Date, nullable=False, comment="the earliest of its lines, as asked for"),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False, comment="number of its last event; each event adds one"),
    sa.Column("value", Exact(2), nullable=False, comment="sum of its lines as ordered"),
    sa.Column("rule", sa.Text, comment="the rule that said what becomes of it"),
    sa.Column("content", sa.String(64), nullable=False, comment="SHA-256 of what was proposed last"),
    sa.Column("is_edited", sa.Boolean, nullable=False, comment="a person has changed a quantity"),
    sa.Column("is_decided", sa.Boolean, nullable=False, comment="a person has decided on its status"),
    sa.Column("set_number", sa.Integer, comment="the night's document set that it is in; with approved: being written"),
    sa.Column("exports", sa.Integer, nullable=False, comment="how often it was given to the ERP"),
    sa.Column("erp_number", sa.Text, comment="the number that the ERP gave it"),
    sa.Column("problem", sa.Text, comment="what the ERP said of it when it failed"),
    sa.Column("said_at", Moment, comment="when the ERP made its newest statement of taking it or not; null: unknown"),
    sa.Index(None, "retailer", "as_of"),
)  # fmt: skip

ORDER_LINES: Final = sa.Table(
    "order_lines", METADATA,
    sa.Column("order_id", sa.String(40), sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("unique_id", sa.Text, nullable=False, index=True),
    sa.Column("sku_id", sa.Text, nullable=False),
    sa.Column("gtin", sa.Text),
    sa.Column("unit", sa.String(8), nullable=False, comment="of all its quantities, UN/CEFACT Rec 20"),
    sa.Column("order_unit", sa.Text, comment="of the quantity in its documents; null: the same"),
    sa.Column("order_units", sa.BigInteger, comment="so many units of order …"),
    sa.Column("stock_units", sa.BigInteger, comment="… are so many of unit"),
    sa.Column("ordered", Exact(6), nullable=False),
    sa.Column("confirmed", Exact(6), comment="by the vendor; null: it has not said"),
    sa.Column("shipped", Exact(6), nullable=False, comment="announced and not given up as lost"),
    sa.Column("shipments", Json, nullable=False, comment='what each shipment has of it: {"S9": "4"}'),
    sa.Column("received", Exact(6), nullable=False),
    sa.Column("cancelled", Exact(6), nullable=False, comment="will not come"),
    sa.Column("unit_cost", Exact(4), nullable=False),
    sa.Column("confirmed_cost", Exact(4), comment="what the vendor wants for it; null: it has not said"),
    sa.Column("value", Exact(2), nullable=False, comment="ordered * unit cost, half up"),
    sa.Column("delivery_date", sa.Date, nullable=False, comment="as asked for"),
    sa.Column("expected_date", sa.Date, nullable=False, comment="as far as is known"),
    sa.Column("promised_date", sa.Date, comment="what the vendor confirmed last; null: it has not said a day"),
    sa.Column("received_date", sa.Date, comment="when the last of it came; null: nothing did"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("rule", sa.Text),
)  # fmt: skip

ORDER_EVENTS: Final = sa.Table(
    "order_events", METADATA,
    sa.Column("order_id", sa.String(40), sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False, comment="from 1, without a gap"),
    sa.Column("at", Moment, nullable=False, index=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("old_status", sa.String(16), comment="null: it was made"),
    sa.Column("new_status", sa.String(16), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("changes", Json, nullable=False, comment='{"field": [old, new], "lines": {"1": {"field": [old, new]}}}'),
)  # fmt: skip
"""Append-only: triggers refuse updates and deletions."""

ANSWERS: Final = sa.Table(
    "answers", METADATA,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("order_id", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("is_waiting", sa.Boolean, nullable=False, index=True, comment="tried again when the order is exported"),
    sa.Column("is_new_notice", sa.Boolean, nullable=False, index=True, comment="no shipment was announced by it yet"),
    sa.Column("repeats", sa.Integer, nullable=False, comment="how often it came again"),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("content", Json, nullable=False, comment="the answer as it was read"),
)  # fmt: skip

DOCUMENT_SETS: Final = sa.Table(
    "document_sets", METADATA,
    sa.Column("retailer", sa.String(80), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="from 1, per night"),
    sa.Column("state", sa.String(8), nullable=False, comment="open: being written; closed: its orders are exported"),
    sa.Column("is_logged", sa.Boolean, nullable=False, comment="gold/export_log has it"),
    sa.Column("made_at", Moment, nullable=False),
)  # fmt: skip

DOCUMENT_ORDERS: Final = sa.Table(
    "document_orders", METADATA,
    sa.Column("retailer", sa.String(80), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.String(40), sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
    sa.ForeignKeyConstraint(
        ["retailer", "as_of", "number"], [DOCUMENT_SETS.c.retailer, DOCUMENT_SETS.c.as_of, DOCUMENT_SETS.c.number]
    ),
)  # fmt: skip
"""Which orders a set holds."""

CONTROL_NUMBERS: Final = sa.Table(
    "control_numbers", METADATA,
    sa.Column("control", sa.String(160), primary_key=True, comment="number of an interchange, group, message or IDoc"),
    sa.Column("order_id", sa.String(40), sa.ForeignKey(ORDERS.c.order_id), primary_key=True),
)  # fmt: skip
"""What a 997, CONTRL or IDoc status speaks of."""

OUTBOX: Final = sa.Table(
    "outbox", METADATA,
    sa.Column("key", sa.String(300), primary_key=True, comment="retailer/destination/name/hash: stays the same"),
    sa.Column("retailer", sa.String(80), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("destination", sa.String(80), nullable=False, comment="of delivery.destinations, or export.folder"),
    sa.Column("name", sa.Text, nullable=False, comment="path below export.folder"),
    sa.Column("format", sa.String(24), nullable=False),
    sa.Column("orders", sa.Integer, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("quantity", sa.Float, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("schema_version", sa.String(40), nullable=False),
    sa.Column("state", sa.String(12), nullable=False, index=True, comment="waiting, delivered or failed"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try", Moment, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("delivered_at", Moment),
    sa.Column("answer_status", sa.Integer, comment="HTTP status that it was answered with; null: of no such kind"),
    sa.Column("answer_body", sa.Text, comment="the beginning of that answer, without secrets of ours"),
    sa.Index(None, "retailer", "as_of", "number"),
)  # fmt: skip

CLOSED_TRANSFERS: Final = sa.Table(
    "closed_transfers", METADATA,
    sa.Column("retailer", sa.String(80), primary_key=True),
    sa.Column("as_of", sa.Date, primary_key=True, comment="proposals up to this night are closed"),
    sa.Column("unique_id", sa.String(200), primary_key=True, comment="the series that was to get it"),
    sa.Column("from_location_id", sa.String(200), primary_key=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)  # fmt: skip
"""Transfers that persons say are done or will not be done."""
