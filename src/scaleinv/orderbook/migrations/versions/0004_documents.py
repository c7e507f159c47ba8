"""Units of order of each line, and what a destination answered to a document."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the columns: orders that are there are in units of stock."""
    op.add_column("order_lines", sa.Column("order_unit", sa.Text))
    op.add_column("order_lines", sa.Column("order_units", sa.BigInteger))
    op.add_column("order_lines", sa.Column("stock_units", sa.BigInteger))
    op.add_column("outbox", sa.Column("answer_status", sa.Integer))
    op.add_column("outbox", sa.Column("answer_body", sa.Text))


def downgrade() -> None:
    """Drops them."""
    for table, names in (
        ("outbox", ("answer_body", "answer_status")),
        ("order_lines", ("stock_units", "order_units", "order_unit")),
    ):
        for name in names:
            op.drop_column(table, name)
