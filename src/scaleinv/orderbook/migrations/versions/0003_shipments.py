"""Shipments, their events and what they carry."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables."""


def downgrade() -> None:
    """Drops them."""
