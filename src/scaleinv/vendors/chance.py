"""Chances that an order comes late, or that less comes than was ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scaleinv.vendors.hazards import Bins, Floats
from scaleinv.vendors.lead_time_model import Options, Source, source, split_day
from scaleinv.vendors.orders import NEVER, Orders
from scaleinv.vendors.survival import Outcomes, Survival, fitted

Event = Literal["late", "short"]
_TWO = Bins(0, 1, np.array([0, 1]), np.ones(2))
"""0: it happened; 1: it did not."""


@dataclass(frozen=True)
class ChanceModel:
    """A fitted model of one event."""

    event: Event
    source: Source
    survival: Survival | None
    """``None``: the event was never heard of, nor that it did not happen"""

    def chance(self, asked: Orders) -> Floats:
        """(n,) chance of the event, for orders that are sent now; nan where nothing is known of anybody."""
        if self.survival is None:
            return np.full(len(asked), np.nan)
        return np.asarray(self.survival.probability(self.source.sample(asked))[:, 0])


def fit_chance(orders: Orders, event: Event, *, cut: int, options: Options) -> ChanceModel:
    """Learns from what was known in the evening of ``cut``.

    ``late``: lines promised up to that day, received or not; choosing received ones would leave out the latest.
    ``short``: received lines whose received quantity was said.
    """
    known = orders.known_at(cut)
    known = known.take(np.argsort(known.order_day, kind="stable")[-options.max_orders :])
    made = source(known, with_quote=False)
    rows, happened = _outcome(known, event, cut)
    if not len(rows):
        return ChanceModel(event, made, None)
    split = split_day(rows, options.calibration_share)
    early, told = _outcome(known.known_at(split), event, split)
    held = rows.order_day > split
    parts = [
        (made.sample(part), Outcomes(np.where(what, 0, 1), np.zeros(len(part), bool)))
        for part, what in ((early, told), (rows.take(held), happened[held]), (rows, happened))
    ]
    return ChanceModel(event, made, fitted(_TWO, *parts, min_rows=options.min_orders, seed=options.seed))


def mean_shortfall(orders: Orders, cut: int) -> float:
    """Of lines that came short, the share of their quantity that did not come; 0: none was known of on ``cut``."""
    rows, is_short = _outcome(orders.known_at(cut), "short", cut)
    short = rows.take(is_short)
    return float(1.0 - (short.received_quantity / short.quantity).mean()) if len(short) else 0.0


def _outcome(known: Orders, event: Event, day: int) -> tuple[Orders, NDArray[np.bool_]]:
    if event == "late":
        rows = known.take(known.promised_day <= day)  # never, where there is none
        return rows, np.asarray(rows.received_day > rows.promised_day)
    rows = known.take((known.received_day != NEVER) & np.isfinite(known.received_quantity))
    return rows, np.asarray(rows.received_quantity < rows.quantity - 1e-9)
