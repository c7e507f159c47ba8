"""The database of orders and decisions."""

from __future__ import annotations

from scaleinv.config.section import Section


class OrderBookConfig(Section):
    """The database of orders and decisions."""
