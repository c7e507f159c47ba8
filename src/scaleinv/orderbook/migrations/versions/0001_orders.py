"""Orders, their lines, events, outbox and answers."""

import sqlalchemy as sa
from alembic import op

from scaleinv.orderbook.types import Exact, Json, Moment

revision = "0001"
down_revision = None

_TABLES = (
    "outbox", "control_numbers", "document_orders", "document_sets", "answers", "order_events", "order_lines", "orders",
)  # fmt: skip
_REFUSED = "order_events is append-only"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(40), primary_key=True),
        sa.Column("retailer", sa.Text, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("vendor_id", sa.Text, nullable=False),
        sa.Column("location_id", sa.Text, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("order_date", sa.Date, nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        sa.Column("status", sa.String(16), nullable=False, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("value", Exact(2), nullable=False),
        sa.Column("rule", sa.Text),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("is_edited", sa.Boolean, nullable=False),
        sa.Column("is_decided", sa.Boolean, nullable=False),
        sa.Column("set_number", sa.Integer),
        sa.Column("exports", sa.Integer, nullable=False),
        sa.Column("erp_number", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("said_at", Moment),
        sa.Index(None, "retailer", "as_of"),
    )  # fmt: skip
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.String(40), sa.ForeignKey("orders.order_id"), primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("unique_id", sa.Text, nullable=False, index=True),
        sa.Column("sku_id", sa.Text, nullable=False),
        sa.Column("gtin", sa.Text),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("ordered", Exact(6), nullable=False),
        sa.Column("confirmed", Exact(6)),
        sa.Column("shipped", Exact(6), nullable=False),
        sa.Column("shipments", Json, nullable=False),
        sa.Column("received", Exact(6), nullable=False),
        sa.Column("cancelled", Exact(6), nullable=False),
        sa.Column("unit_cost", Exact(4), nullable=False),
        sa.Column("confirmed_cost", Exact(4)),
        sa.Column("value", Exact(2), nullable=False),
        sa.Column("delivery_date", sa.Date, nullable=False),
        sa.Column("expected_date", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rule", sa.Text),
    )  # fmt: skip
    op.create_table(
        "order_events",
        sa.Column("order_id", sa.String(40), sa.ForeignKey("orders.order_id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", Moment, nullable=False, index=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("old_status", sa.String(16)),
        sa.Column("new_status", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("changes", Json, nullable=False),
    )  # fmt: skip
    op.create_table(
        "answers",
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("order_id", sa.Text, nullable=False, index=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("is_waiting", sa.Boolean, nullable=False, index=True),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("content", Json, nullable=False),
    )  # fmt: skip
    op.create_table(
        "document_sets",
        sa.Column("retailer", sa.String(80), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("is_logged", sa.Boolean, nullable=False),
        sa.Column("made_at", Moment, nullable=False),
    )  # fmt: skip
    op.create_table(
        "document_orders",
        sa.Column("retailer", sa.String(80), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("order_id", sa.String(40), sa.ForeignKey("orders.order_id"), primary_key=True),
        sa.ForeignKeyConstraint(
            ["retailer", "as_of", "number"], [f"document_sets.{name}" for name in ("retailer", "as_of", "number")]
        ),
    )  # fmt: skip
    op.create_table(
        "control_numbers",
        sa.Column("control", sa.String(160), primary_key=True),
        sa.Column("order_id", sa.String(40), sa.ForeignKey("orders.order_id"), primary_key=True),
    )  # fmt: skip
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("retailer", sa.String(80), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("destination", sa.String(80), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("format", sa.String(24), nullable=False),
        sa.Column("orders", sa.Integer, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("quantity", sa.Float, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("schema_version", sa.String(40), nullable=False),
        sa.Column("state", sa.String(12), nullable=False, index=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try", Moment, nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("delivered_at", Moment),
        sa.Index(None, "retailer", "as_of", "number"),
    )  # fmt: skip
    _protect()


def _protect() -> None:
    """What was written of an order stays as it was written."""
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER order_events_no_{what.lower()} BEFORE {what} ON order_events "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_order_events() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    for what, each in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER order_events_no_{what.split()[0].lower()} BEFORE {what} ON order_events "
            f"FOR EACH {each} EXECUTE FUNCTION refuse_order_events()"
        )


def downgrade() -> None:
    """Drops them."""
    for name in _TABLES:
        op.drop_table(name)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION refuse_order_events()")
