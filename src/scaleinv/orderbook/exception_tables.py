"""Tables of what persons decided about exceptions."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from scaleinv.orderbook.database import METADATA

EXCEPTION_DECISIONS: Final = sa.Table(
    "exception_decisions",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("unique_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # of this series and kind, from 1
    sa.Column("decision", sa.String(20), nullable=False),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("until", sa.Date, nullable=False),
    sa.Column("quantity", sa.Numeric(18, 6), nullable=True),
    sa.Column("who", sa.String(120), nullable=False),
    sa.Column("note", sa.String(1000), nullable=False),
    sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("unique_id", "kind", "version"),
    sa.Index(None, "until"),
)
"""One row per decision, never changed: a later one stands above it, and who said what before stays known."""
