"""Decisions of people on exceptions."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables."""


def downgrade() -> None:
    """Drops them."""
