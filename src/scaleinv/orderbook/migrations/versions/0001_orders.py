"""Orders, their lines, events, outbox and answers."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""


def downgrade() -> None:
    """Drops them."""
