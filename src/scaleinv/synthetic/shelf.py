"""The retailer's stock under its old policy, day by day, all series of a block at once.

Timing of a day: (1) deliveries due arrive in the morning, (2) demand is served from stock and the rest is lost,
(3) in the evening of a review day the position (on hand + on order) is looked at; below the reorder point an order is
placed that arrives ``lead_time`` days later in the morning.

The old policy is one rule of thumb for all articles: the reorder point and the order-up-to level are days of cover of
the trailing mean of *sales* (exponentially weighted; stock-outs teach it to order less), and never less than what makes
a shelf look full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from scaleinv.synthetic.chain import MAX_LEAD_TIME

REORDER_DAYS: Final = 4.5
"""Days of cover at which the old policy orders; a vendor's review period comes on top."""
COVER_DAYS: Final = 19.0
"""Days of cover that it orders up to; likewise."""
SHELF_MINIMUM: Final = 4
"""Reorder point at least, units."""
_SMOOTHING: Final = 1 / 90
_RENEWED_EVERY: Final = 7


@dataclass(frozen=True)
class Terms:
    """What the policy knows of each series, arrays of ``(n_series,)`` or ``(n_known, n_series)``."""

    expected: np.ndarray
    """(n_series,) the buyer's guess of a day's sales, before there are any."""
    review_period: np.ndarray
    """(n_series,) days."""
    min_order_quantity: np.ndarray
    order_multiple: np.ndarray
    may_order: np.ndarray
    """(n_known, n_series) bool: a review day, and the article is wanted."""
    lead_time: np.ndarray
    """(n_known, n_series) days, of an order sent on that evening."""
    listed: np.ndarray
    """(n_known, n_series) bool."""


@dataclass(frozen=True)
class Shelf:
    """What happened, ``(n_series, n_known)`` of int32, and the levels as they stand at the end."""

    sales: np.ndarray
    on_hand: np.ndarray
    """In the evening."""
    received: np.ndarray
    """In the morning."""
    ordered: np.ndarray
    """In the evening."""
    opening: np.ndarray
    """(n_series,) before the first morning."""
    reorder_point: np.ndarray
    order_up_to_level: np.ndarray


def keep_shelf(demand: np.ndarray, terms: Terms) -> Shelf:
    """Serve ``demand`` ``(n_series, n_known)`` under the old policy."""
    n, n_days = demand.shape
    wanted = np.ascontiguousarray(demand.T, dtype=np.int32)
    sales, on_hand, received, ordered = (np.zeros((n_days, n), np.int32) for _ in range(4))
    transit = np.zeros((MAX_LEAD_TIME + 1, n), np.int32)
    trailing = terms.expected.astype(np.float64)
    lower, upper = old_levels(trailing, terms.review_period)
    stock = np.where(terms.listed[0], upper, 0).astype(np.int32)
    opening, on_order = stock.copy(), np.zeros(n, np.int32)
    for day in range(n_days):
        slot = day % len(transit)
        received[day] = transit[slot]
        transit[slot] = 0
        stock += received[day]
        on_order -= received[day]
        np.minimum(wanted[day], stock, out=sales[day])
        stock -= sales[day]
        on_hand[day] = stock
        trailing += (sales[day] - trailing) * (_SMOOTHING * terms.listed[day])
        if day % _RENEWED_EVERY == 0:
            lower, upper = old_levels(trailing, terms.review_period)
        position = stock + on_order
        due = np.flatnonzero(terms.may_order[day] & (position < lower))
        if len(due):
            least, multiple = terms.min_order_quantity[due], terms.order_multiple[due]
            quantity = -(-np.maximum(upper[due] - position[due], least) // multiple) * multiple
            ordered[day, due] = quantity
            on_order[due] += quantity
            transit[(day + terms.lead_time[day, due]) % len(transit), due] += quantity
    sales, on_hand, received, ordered = (np.ascontiguousarray(a.T) for a in (sales, on_hand, received, ordered))
    return Shelf(sales, on_hand, received, ordered, opening, lower, upper)


def old_levels(trailing: np.ndarray, review_period: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The old policy's reorder point and order-up-to level, ``(n_series,)`` of int32 units."""
    lower = np.maximum(np.ceil((REORDER_DAYS - 1 + review_period) * trailing), SHELF_MINIMUM)
    upper = np.maximum(np.ceil((COVER_DAYS - 1 + review_period) * trailing), lower + 1)
    return lower.astype(np.int32), upper.astype(np.int32)
