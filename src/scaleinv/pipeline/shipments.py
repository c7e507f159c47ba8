"""Shipments: files of events into the order book, expected arrivals made anew, and what a person should see."""

from __future__ import annotations

from pathlib import Path

from scaleinv.config import Config


def book_url(config: Config) -> str:
    """Where the order book is: as configured, else a SQLite file beside the lake."""
    given = getattr(config.orderbook, "url", None)
    if given:
        return str(given)
    return f"sqlite:///{Path(config.lake.root).parent / 'orderbook.db'}"
