"""What a night goes by without a look at all that ever was; what vendors promised, and when their goods came."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds columns, indexes and the table of transfers that are no longer open."""
    op.add_column("order_lines", sa.Column("promised_date", sa.Date))
    op.add_column("order_lines", sa.Column("received_date", sa.Date))
    # What shipments know already is found out by the next look at them.
    is_notice = sa.Column("is_new_notice", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("answers", is_notice)
    op.execute("UPDATE answers SET is_new_notice = (kind = 'shipped')")
    op.create_index("ix_answers_is_new_notice", "answers", ["is_new_notice"])
    op.create_index("ix_exception_decisions_until", "exception_decisions", ["until"])
    op.drop_index("ix_shipments_status", "shipments")
    op.create_index("ix_shipments_status_last_event_at", "shipments", ["status", "last_event_at"])
    op.create_index("ix_shipments_status_arrived_at", "shipments", ["status", "arrived_at"])
    op.create_table(
        "closed_transfers",
        sa.Column("retailer", sa.String(80), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("unique_id", sa.String(200), primary_key=True),
        sa.Column("from_location_id", sa.String(200), primary_key=True),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Takes them off."""
    op.drop_table("closed_transfers")
    op.drop_index("ix_shipments_status_arrived_at", "shipments")
    op.drop_index("ix_shipments_status_last_event_at", "shipments")
    op.create_index("ix_shipments_status", "shipments", ["status"])
    op.drop_index("ix_exception_decisions_until", "exception_decisions")
    op.drop_index("ix_answers_is_new_notice", "answers")
    for table, columns in (("answers", ["is_new_notice"]), ("order_lines", ["received_date", "promised_date"])):
        for column in columns:
            op.drop_column(table, column)
