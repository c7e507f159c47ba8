"""How lead times and reliability are predicted."""

from __future__ import annotations

from typing import Literal

from scaleinv.config.section import Positive, Probability, Section


class VendorsConfig(Section):
    """How lead times and reliability are predicted."""

    lead_time_method: Literal["empirical", "predicted"] = "empirical"
    """``empirical``: each vendor's received orders, else what it quotes. ``predicted``: per vendor and location, from
    all of them together (docs/vendors.md)."""
    min_orders: Positive = 300
    """Received order lines that ``predicted`` needs to learn trees from; with fewer it shrinks hazards only."""
    max_orders: Positive = 50_000
    """Order lines at most that it learns from: the latest."""
    history_days: Positive = 1095
    """Days before as_of whose orders it looks at."""
    calibration_share: Probability = 0.2
    """Share of the orders, the latest ones, that are held out to weigh and calibrate it."""
    seed: int = 7
